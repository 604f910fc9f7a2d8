/** The relay with real processes and sockets, on this machine and through a real sshd (S24, S25, S28). */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Duplex, Transform } from 'node:stream';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { argumentsOf } from '#platform/process-list.ts';
import type { Host } from '#platform/host.ts';
import { createLocalHost } from '#platform/local-host.ts';
import { openRelay, type Relay, type RelayOptions } from '#platform/relay.ts';
import { createSshHost } from '#platform/ssh-host.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import {
  closed,
  connectTo,
  echo,
  readToEnd,
  startByteServer,
  type ByteServer,
} from '../rigs/byte-servers.ts';
import { MARK, markedProcesses } from '../rigs/reaper.mjs';
import { sshdIsMissing, startSshd } from '../rigs/sshd.ts';

const source = readFileSync(path.resolve(import.meta.dirname, '../../python/relay.py'), 'utf8');
const MiB = 1024 * 1024;

const relays: Relay[] = [];
const servers: ByteServer[] = [];
afterEach(async () => {
  for (const relay of relays.splice(0)) relay.close();
  for (const server of servers.splice(0)) await server.stop();
});

async function relayOn(host: Host, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const relay = await openRelay(host, { source, ...options });
  relays.push(relay);
  return relay;
}

async function serve(...args: Parameters<typeof startByteServer>): Promise<ByteServer> {
  const server = await startByteServer(...args);
  servers.push(server);
  return server;
}

/** A relay whose process can be told from every other one. */
async function markedRelay(
  host: Host,
  options: Partial<RelayOptions> = {},
): Promise<{ readonly relay: Relay; readonly pids: () => readonly number[] }> {
  const mark = randomUUID();
  const relay = await relayOn(host, { ...options, prefix: ['env', `${MARK}=${mark}`] });
  return { relay, pids: () => markedProcesses(mark) };
}

interface Rig {
  readonly host: Host;
  readonly folder: string;
  stop(): Promise<void>;
}

async function localRig(): Promise<Rig> {
  const folder = await mkdtemp('/tmp/gb-relay-');
  const host = createLocalHost({ env: process.env });
  return { host, folder, stop: () => rm(folder, { recursive: true }) };
}

async function sshRig(): Promise<Rig> {
  const sshd = await startSshd();
  const host = createSshHost({
    destination: sshd.destination,
    configFile: sshd.configFile,
    controlFolder: sshd.controlFolder,
    env: process.env,
  });
  return { host, folder: sshd.home, stop: () => sshd.stop() };
}

const rigs: readonly (readonly [string, boolean, () => Promise<Rig>])[] = [
  ['on this machine', false, localRig],
  ['through SSH', true, sshRig],
];

for (const [kind, isRemote, makeRig] of rigs) {
  describe.skipIf(isRemote && sshdIsMissing())(`a relay ${kind}`, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await makeRig();
    });
    afterAll(() => rig.stop());

    test('S24: 8 MiB go to a socket and to a port and back, byte by byte the same', async () => {
      const socketPath = path.join(rig.folder, 'echo.sock');
      await serve(echo, socketPath);
      const { port } = await serve(echo);
      const relay = await relayOn(rig.host);
      const bytes = randomBytes(8 * MiB);
      for (const target of [{ socket: socketPath }, { port }]) {
        const socket = await connectTo((await relay.listen(target)).port);
        socket.end(bytes);
        expect((await readToEnd(socket)).equals(bytes)).toBe(true);
      }
    });

    test('S25: 30 connections at a time keep to themselves', async () => {
      const { port } = await serve(echo);
      const relay = await relayOn(rig.host);
      const listener = await relay.listen({ port });
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const bytes = Buffer.alloc(100_000 + index, String(index));
          const socket = await connectTo(listener.port);
          socket.end(bytes);
          expect((await readToEnd(socket)).equals(bytes)).toBe(true);
        }),
      );
    });

    test('S25: either side may end first and still be spoken to', async () => {
      const { port } = await serve((socket) => {
        socket.end('server is done');
        socket.on('data', (chunk) => received.push(chunk));
        socket.on('end', () => received.push(Buffer.from('|end')));
      });
      const received: Buffer[] = [];
      const relay = await relayOn(rig.host);
      const socket = await connectTo((await relay.listen({ port })).port);
      expect((await readToEnd(socket)).toString()).toBe('server is done');
      socket.write('client goes on');
      socket.end();
      await expect.poll(() => Buffer.concat(received).toString()).toBe('client goes on|end');

      const late = await serve((one) => {
        one.resume();
        one.on('end', () => one.end('after the end'));
      });
      const second = await connectTo((await relay.listen({ port: late.port })).port);
      second.end('question');
      expect((await readToEnd(second)).toString()).toBe('after the end');
    });

    test('S25: who does not read holds up its own connection and nobody else’s', async () => {
      let written = 0;
      const talker = await serve((socket) => {
        const write = (): void => {
          while (written < 64 * MiB && socket.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
        };
        socket.on('drain', write);
        write();
      });
      const relay = await relayOn(rig.host);
      const stuck = await connectTo((await relay.listen({ port: talker.port })).port);
      stuck.pause();
      const settled = async (): Promise<boolean> => {
        const before = written;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return before > 0 && written === before;
      };
      await expect.poll(settled, { timeout: 20_000 }).toBe(true);
      // The window, and what the operating system holds for two loopback connections.
      expect(written).toBeLessThan(24 * MiB);

      const other = await connectTo((await relay.listen({ port: (await serve(echo)).port })).port);
      other.end('meanwhile');
      expect((await readToEnd(other)).toString()).toBe('meanwhile');

      let got = 0;
      stuck.on('data', (chunk: Buffer) => (got += chunk.length));
      stuck.resume();
      await expect.poll(() => got, { timeout: 30_000 }).toBeGreaterThanOrEqual(64 * MiB);
    });

    test('S25: a server that does not read stops its client, not the relay', async () => {
      const deaf = await serve((socket) => socket.pause());
      const relay = await relayOn(rig.host);
      const client = await connectTo((await relay.listen({ port: deaf.port })).port);
      let sent = 0;
      const write = (): void => {
        while (sent < 64 * MiB && client.write(Buffer.alloc(64 * 1024))) sent += 64 * 1024;
      };
      client.on('drain', write);
      write();
      const settled = async (): Promise<boolean> => {
        const before = sent;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return sent === before;
      };
      await expect.poll(settled, { timeout: 20_000 }).toBe(true);
      expect(sent).toBeLessThan(24 * MiB);
      const other = await connectTo((await relay.listen({ port: (await serve(echo)).port })).port);
      other.end('meanwhile');
      expect((await readToEnd(other)).toString()).toBe('meanwhile');
    });

    test('a target that refuses resets the connection; the relay goes on', async () => {
      const relay = await relayOn(rig.host);
      const { port } = await relay.listen({ socket: path.join(rig.folder, 'nobody.sock') });
      const socket = await connectTo(port);
      await closed(socket);
      expect(relay.isLost).toBe(false);
      const alive = await connectTo((await relay.listen({ port: (await serve(echo)).port })).port);
      alive.end('alive');
      expect((await readToEnd(alive)).toString()).toBe('alive');
    });

    test('a client that goes away takes its far connection with it', async () => {
      const server = await serve((socket) => {
        socket.resume().on('end', () => socket.end());
      });
      const relay = await relayOn(rig.host);
      const socket = await connectTo((await relay.listen({ port: server.port })).port);
      await expect.poll(() => server.open.size).toBe(1);
      socket.resetAndDestroy();
      await expect.poll(() => server.open.size).toBe(0);
    });

    test('S28: a private file is read, and neither its name nor its content stands in an argv', async () => {
      const file = path.join(rig.folder, 'token-file');
      await writeFile(file, 'secret-ü-token', { mode: 0o600 });
      const relay = await relayOn(rig.host);
      expect(await relay.readFile(file)).toBe('secret-ü-token');
      const words = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .flatMap((name) => argumentsOf(Number(name)));
      expect(words.filter((word) => /token-file|secret-ü/.test(word))).toEqual([]);

      expect(await relay.readFile(path.join(rig.folder, 'absent'))).toBeUndefined();
      expect(await relay.readFile(file, { maxBytes: 5, tail: true })).toBe('token');
      await expect(relay.readFile(file, { maxBytes: 5 })).rejects.toMatchObject({
        code: 'storage/failed',
        message: expect.stringContaining('larger than 5 bytes'),
      });
      await expect(relay.readFile(rig.folder)).rejects.toMatchObject({ code: 'storage/failed' });
    });

    test('what prints before the relay is no part of it', async () => {
      const prefix = ['sh', '-c', 'echo "prolog of the site"; echo more >&2; exec "$@"', 'sh'];
      const relay = await relayOn(rig.host, { prefix });
      expect(relay.hostname).toMatch(/^\S+$/);
      expect(await relay.readFile('/no/such/file')).toBeUndefined();
    });

    test('one that does not start says why', async () => {
      const failing = [
        'sh',
        '-c',
        'echo "srun: error: Invalid job id specified" >&2; exit 1',
        'sh',
      ];
      await expect(relayOn(rig.host, { prefix: failing })).rejects.toMatchObject({
        code: 'host/unreachable',
        message: expect.stringContaining('exit 1): srun: error: Invalid job id specified'),
      });
      await expect(relayOn(rig.host, { python: 'no-such-python' })).rejects.toMatchObject({
        code: 'path/not-found',
      });
      await expect(
        relayOn(rig.host, { prefix: ['sh', '-c', 'sleep 30', 'sh'], timeoutMs: 700 }),
      ).rejects.toMatchObject({
        code: 'host/unreachable',
        message: expect.stringContaining('did not start within 700 ms'),
      });
      await expect(relayOn(rig.host, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'cancelled',
      });
    });

    test('S25: a relay that is killed is lost: connections reset, ports closed, reads rejected', async () => {
      const server = await serve(echo);
      const { relay, pids } = await markedRelay(rig.host);
      const { port } = await relay.listen({ port: server.port });
      const socket = await connectTo(port);
      socket.write('x');
      await once(socket, 'data');
      const gone = closed(socket);
      for (const pid of pids()) process.kill(pid, 'SIGKILL');
      expect(await relay.lost).toMatchObject({ code: 'host/unreachable' });
      await gone;
      expect(relay.isLost).toBe(true);
      await expect(connectTo(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await expect(relay.readFile('/etc/hostname')).rejects.toMatchObject({
        code: 'host/unreachable',
      });
      await expect(relay.listen({ port: server.port })).rejects.toMatchObject({
        code: 'host/unreachable',
      });
    });

    test('a relay that is closed leaves no process', async () => {
      const { relay, pids } = await markedRelay(rig.host);
      expect(pids()).toHaveLength(1);
      relay.close();
      relay.close();
      expect((await relay.lost).message).toContain('closed');
      await expect.poll(pids, { timeout: 20_000 }).toEqual([]);
    });
  });
}

describe('a relay', () => {
  const host = createLocalHost({ env: process.env });

  test('S25: carries every byte however its own pipes cut them', async () => {
    const relay = await relayOn(chopping(host));
    const { port } = await serve(echo);
    const bytes = randomBytes(30_000);
    const socket = await connectTo((await relay.listen({ port })).port);
    socket.end(bytes);
    expect((await readToEnd(socket)).equals(bytes)).toBe(true);
  });

  test('ends by itself when nobody speaks to it any more, and not while somebody does', async () => {
    const hasty = source.replace('LOOK_S = 5.0', 'LOOK_S = 0.2');
    expect(hasty).not.toBe(source);
    const { relay, pids } = await markedRelay(host, { source: hasty, clock: createManualClock() });
    const enough = performance.now() + 2500;
    while (performance.now() < enough) {
      await relay.readFile('/no/such/file');
      await sleep(100);
    }
    expect(relay.isLost).toBe(false);
    await expect.poll(pids, { timeout: 20_000 }).toEqual([]);
    expect((await relay.lost).message).toContain('ended (exit 0)');
  });

  test('S25: is lost when it gives no sign of life for 45 s, and not before', async () => {
    const clock = createManualClock();
    const { relay, pids } = await markedRelay(host, { clock });
    clock.advance(30_000);
    await expect(relay.readFile('/no/such/file')).resolves.toBeUndefined();
    for (const pid of pids()) process.kill(pid, 'SIGSTOP');
    // As a suspended machine does: one timer is late, by hours.
    clock.jump(10_000_000);
    clock.advance(29_000);
    expect(relay.isLost).toBe(false);
    clock.advance(2000);
    expect((await relay.lost).message).toContain('no sign of life for 45 s');
    // A stopped process sees no signal but this one and the last.
    for (const pid of pids()) process.kill(pid, 'SIGCONT');
  });

  test('takes the port that is asked for where it is free', async () => {
    const relay = await relayOn(host);
    const { port } = await serve(echo);
    const first = await relay.listen({ port });
    expect((await relay.listen({ port }, { port: first.port })).port).not.toBe(first.port);
    first.close();
    await expect
      .poll(async () => (await relay.listen({ port }, { port: first.port })).port)
      .toBe(first.port);
  });

  test('S24: its Python is that of old nodes', () => {
    const check = 'import ast,sys; ast.parse(sys.stdin.read(), feature_version=(3, 6))';
    execFileSync('python3', ['-c', check], { input: source });
  });
});

/** A host whose streams carry a few bytes at a time. */
function chopping(host: Host): Host {
  const chop = (): Transform => {
    let size = 0;
    return new Transform({
      transform(chunk: Buffer, _, done) {
        for (let at = 0; at < chunk.length; at += size) {
          size = 1 + ((size + 4) % 7);
          this.push(chunk.subarray(at, at + size));
        }
        done();
      },
    });
  };
  return {
    ...host,
    async open(argv, options) {
      const opened = await host.open(argv, options);
      const writable = chop();
      writable.pipe(opened.stream);
      return {
        stream: Duplex.from({ readable: opened.stream.pipe(chop()), writable }),
        ended: opened.ended,
        close: () => opened.close(),
      };
    },
  };
}
