/** Forwardings of the shared connection (S26). */
import { beforeEach, describe, expect, test } from 'vitest';
import { createSshHost } from '#platform/ssh-host.ts';
import { openForward } from '#platform/ssh-forward.ts';
import type { SshSettings } from '#platform/ssh-options.ts';
import {
  connectTo,
  echo,
  readToEnd,
  startByteServer,
  type ByteServer,
} from '../rigs/byte-servers.ts';
import { sshdIsMissing, startSshd, type Sshd } from '../rigs/sshd.ts';

describe.skipIf(sshdIsMissing())('a forwarding', () => {
  let sshd: Sshd;
  let server: ByteServer;
  let settings: SshSettings;
  beforeEach(async () => {
    // A port of the user's own configuration is none of ours.
    sshd = await startSshd({ client: ['LocalForward 127.0.0.1:1 127.0.0.1:1'] });
    server = await startByteServer(echo);
    const { destination, configFile, controlFolder } = sshd;
    settings = { destination, configFile, controlFolder, env: process.env };
    return async () => {
      await server.stop();
      await sshd.stop();
    };
  });

  async function echoes(port: number): Promise<string> {
    const socket = await connectTo(port);
    socket.end('hello');
    return (await readToEnd(socket)).toString();
  }

  test('S26: carries bytes over the one login, until it is closed', async () => {
    const forward = await openForward(settings, { host: 'localhost', port: server.port });
    const second = await openForward(settings, { host: '127.0.0.1', port: server.port });
    expect(await Promise.all([echoes(forward.port), echoes(second.port)])).toEqual([
      'hello',
      'hello',
    ]);
    await forward.close();
    await forward.close();
    await expect(connectTo(forward.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await echoes(second.port)).toBe('hello');
    expect(sshd.logins()).toBe(1);
  });

  test('S26: a port that is taken gives way to another; after a loss the same one comes back', async () => {
    const to = { host: '127.0.0.1', port: server.port };
    const first = await openForward(settings, to);
    expect((await openForward(settings, to, { port: server.port })).port).not.toBe(server.port);
    await sshd.kill();
    await expect
      .poll(() => connectTo(first.port).catch((error: unknown) => error))
      .toMatchObject({
        code: 'ECONNREFUSED',
      });
    await expect(openForward(settings, to)).rejects.toMatchObject({ code: 'host/unreachable' });
    await first.close();
    await sshd.start();
    const again = await openForward(settings, to, { port: first.port });
    expect(again.port).toBe(first.port);
    expect(await echoes(again.port)).toBe('hello');
  });

  test.each(['a b', 'a]:1', ''])('a host named %j is refused', async (host) => {
    await expect(openForward(settings, { host, port: 1 })).rejects.toMatchObject({
      code: 'input/invalid',
    });
    expect(sshd.logins()).toBe(0);
  });

  test('it takes no session', async () => {
    await openForward(settings, { host: '127.0.0.1', port: server.port });
    const host = createSshHost(settings);
    expect((await host.run(['echo', 'works'], { timeoutMs: 30_000 })).stdout).toBe('works\n');
  });
});
