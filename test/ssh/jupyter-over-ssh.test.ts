/** A kernel on a machine that is reached over SSH: run, cut, healed, with its variables (S24, S25, S28, C14). */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newUuid } from '#core/ids.ts';
import { createKernelChannel } from '#jupyter/channel.ts';
import type { ChannelEvent, KernelChannel, KernelMessage } from '#jupyter/contract.ts';
import { createJupyterServer } from '#jupyter/rest.ts';
import { systemClock } from '#platform/clock.ts';
import { openRelay, type Relay } from '#platform/relay.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { textOf } from '../rigs/jupyter-lab.ts';
import { startJupyterServer, type RunningJupyterServer } from '../rigs/jupyter-server.ts';
import { sshdIsMissing, startSshd, type Sshd } from '../rigs/sshd.ts';

const source = readFileSync(path.resolve(import.meta.dirname, '../../python/relay.py'), 'utf8');

describe.skipIf(sshdIsMissing())('a kernel over SSH', () => {
  let folder: string;
  let jupyter: RunningJupyterServer;
  let sshd: Sshd;
  let relay: Relay | undefined;
  let port: number | undefined;
  let way: (signal?: AbortSignal) => Promise<{ readonly relay: Relay; readonly port: number }>;
  let channel: KernelChannel;
  const events: ChannelEvent[] = [];

  beforeAll(async () => {
    folder = await mkdtemp('/tmp/gb-far-');
    const socket = path.join(folder, 'jupyter.sock');
    const tokenFile = path.join(folder, 'token');
    [jupyter, sshd] = await Promise.all([startJupyterServer({ socket }), startSshd()]);
    await writeFile(tokenFile, jupyter.token, { mode: 0o600 });
    const host = createSshHost({
      destination: sshd.destination,
      configFile: sshd.configFile,
      controlFolder: sshd.controlFolder,
      env: process.env,
    });
    let token = '';
    way = async (signal) => {
      if (relay === undefined || relay.isLost) {
        relay = await openRelay(host, { source, signal });
        token = (await relay.readFile(tokenFile, { signal })) ?? '';
        ({ port } = await relay.listen({ socket }, port === undefined ? {} : { port }));
      }
      return { relay, port: port ?? 0 };
    };
    const server = createJupyterServer({
      endpoint: async (signal) => ({
        baseUrl: `http://127.0.0.1:${(await way(signal)).port}/`,
        headers: { Authorization: `token ${token}` },
      }),
    });
    const { id: kernelId } = await server.startKernel({ name: 'python3' });
    channel = createKernelChannel({
      server,
      kernelId,
      connectionId: newUuid(),
      clock: systemClock,
      onEvent: (event) => events.push(event),
    });
    await channel.connect();
    await channel.ready(60_000);
  });
  afterAll(async () => {
    await channel.close();
    relay?.close();
    await sshd.stop();
    await jupyter.stop();
    await rm(folder, { recursive: true });
  });

  async function run(code: string): Promise<string> {
    const messages: KernelMessage[] = [];
    const { finished } = channel.execute(
      { msgId: randomUUID(), code },
      { onMessage: (message) => messages.push(message) },
    );
    expect((await finished).status).toBe('ok');
    return textOf(messages);
  }

  test('S24: code runs there through the socket, with output of megabytes', async () => {
    expect(await run('import os; kept = 42; print("hello from", os.getpid())')).toMatch(
      /^hello from \d+/,
    );
    const text = await run('print("x" * 5_000_000)');
    expect(text).toBe(`${'x'.repeat(5_000_000)}\n`);
  });

  test('S25, C14: with sshd gone the relay is lost and says so; sshd back, the same kernel answers', async () => {
    const first = await way();
    const messages: KernelMessage[] = [];
    const code =
      'import time\nfor i in range(8):\n  print("tick", i, flush=True)\n  time.sleep(0.5)';
    const { finished } = channel.execute(
      { msgId: randomUUID(), code },
      { onMessage: (message) => messages.push(message) },
    );
    await expect.poll(() => textOf(messages)).toContain('tick 1');
    await sshd.kill();
    expect(await first.relay.lost).toMatchObject({ code: 'host/unreachable' });
    await expect.poll(() => events.map(({ type }) => type)).toContain('disconnected');
    await expect(way()).rejects.toMatchObject({ code: 'host/unreachable' });

    await sshd.start();
    expect((await finished).status).toBe('ok');
    expect(textOf(messages)).toBe(Array.from({ length: 8 }, (_, i) => `tick ${i}\n`).join(''));
    expect((await way()).port).toBe(first.port);
    expect(await run('print(kept)')).toBe('42\n');
    expect(events.some(({ type }) => type === 'process-changed')).toBe(false);
  });
});
