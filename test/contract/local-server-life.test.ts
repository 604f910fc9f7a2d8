/** How a local Jupyter server begins and ends: ports, failures, foreign records, kills, idleness. Never an orphan. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { createLocalBackend } from '#sandbox/backends/local/index.ts';
import { WebSocket } from 'ws';
import { createDecoder, encodeMessage, V1_SUBPROTOCOL } from '#jupyter/codec.ts';
import { createRequest } from '#jupyter/messages.ts';
import { makeLocalRig, writePythonDir, type LocalRig } from '../rigs/local-backend.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { codeOf, never } from './contract-rig.ts';
import { callerWith, filesBelow, start } from './local-start.ts';

let rig: LocalRig;
afterEach(() => rig.dispose());

/** Holds a port below those that the system gives away by itself, so that nobody else takes it once it is released. */
async function takePort(): Promise<{
  readonly port: number;
  readonly release: () => Promise<unknown>;
}> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const isTaken = await new Promise<boolean>((resolve) => {
      server.once('listening', () => resolve(true)).once('error', () => resolve(false));
      server.listen(port, '127.0.0.1');
    });
    if (isTaken) return { port, release: () => new Promise((resolve) => server.close(resolve)) };
  }
}

describe('ports', () => {
  test('L4: when somebody takes the port in the last moment, another one is tried', async () => {
    rig = await makeLocalRig();
    const marker = path.join(rig.projectDir, 'once');
    const pythonDir = path.join(rig.projectDir, 'flaky');
    await writePythonDir(
      pythonDir,
      `import os, runpy
if not os.path.exists(${JSON.stringify(marker)}):
    open(${JSON.stringify(marker)}, "w").close()
    raise SystemExit("ERROR: the port 1234 is already in use")
runpy.run_path(${JSON.stringify(path.join(rig.settings.pythonDir, 'serve.py'))}, run_name="__main__")
`,
    );
    const { status } = await start(rig, { pythonDir });
    expect(status).toMatchObject({ state: 'ready', generation: 1 });
    expect(rig.servers()).toHaveLength(1);
  });

  test('L4: a range is kept, and one without a free port is an error that says so', async () => {
    rig = await makeLocalRig();
    const { port, release } = await takePort();
    const caller = callerWith(rig);
    const backend = rig.newBackend({ portMin: port, portMax: port });
    const failure: unknown = await caller.start(backend).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'sandbox/start-failed',
      message: expect.stringContaining(`No port from ${port} to ${port} is free`),
      hint: expect.stringContaining('GLOVEBOX_PORT_MIN'),
    });
    expect((await backend.state(caller.handle(), never())).end).toMatchObject({
      cause: 'start-failed',
    });
    await release();
    const { endpoint } = await start(rig, { portMin: port, portMax: port });
    expect(endpoint.baseUrl).toBe(`http://127.0.0.1:${port}/`);
  });
});

describe('failures', () => {
  test('L5: a server that dies at its start is told with the end of its log', async () => {
    rig = await makeLocalRig();
    const failure: unknown = await callerWith(rig)
      .start(rig.newFailingBackend())
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'sandbox/start-failed',
      message: expect.stringMatching(
        /ended with exit code 1\. .*\n.*the server is broken on purpose/,
      ),
    });
  });

  test('a folder that cannot be written is an error of the storage, and nothing starts', async () => {
    rig = await makeLocalRig();
    await writeFile(path.join(rig.projectDir, 'file'), '');
    const dir = path.join(rig.projectDir, 'file', 'state');
    const outcome = await callerWith(rig)
      .start(rig.newBackend({ dir }))
      .catch((error: unknown) => codeOf(error));
    expect(outcome).toBe('storage/failed');
    expect(rig.servers()).toEqual([]);
  });

  test('L6: a record of another host is told as such, and its process number gets no signal', async () => {
    rig = await makeLocalRig();
    const { caller, pid } = await start(rig);
    const file = path.join(rig.dir, 'sandboxes', caller.id, 'server.json');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text
        .replaceAll(/"host": "[^"]*"/g, '"host": "elsewhere"')
        .replaceAll(/"bootId": "[^"]*"/g, '"bootId": "other"')
        .replace(/"port": \d+/, '"port": 1'),
    );
    const backend = rig.newBackend();
    expect(await backend.state(caller.handle(), never())).toMatchObject({
      state: 'unknown',
      detail: expect.stringContaining('elsewhere'),
    });
    const outcome = await backend
      .stop(caller.handle(), never())
      .catch((error: unknown) => codeOf(error));
    expect(outcome).toBe('sandbox/stop-failed');
    expect(rig.servers().map((row) => row.pid)).toEqual([pid]);
  });

  test('one whose folder is lost is neither forgotten nor doubled, and can be stopped', async () => {
    rig = await makeLocalRig();
    const { caller } = await start(rig);
    await rm(path.join(rig.dir, 'sandboxes'), { recursive: true });
    const backend = rig.newBackend();
    expect(await backend.state(caller.handle(), never())).toMatchObject({ state: 'unreachable' });
    expect(await callerWith(rig).start(backend)).toMatchObject({ state: 'unreachable' });
    expect(rig.servers()).toHaveLength(1);
    await backend.stop(caller.handle(), never());
    expect(rig.servers()).toEqual([]);
  });
});

describe('ends', () => {
  test('L7: when the server is killed, its kernels are gone within seconds, also one that runs', async () => {
    rig = await makeLocalRig();
    const { endpoint, pid } = await start(rig);
    const idle = await startRawKernel(endpoint, 'a.ipynb');
    const busy = await startRawKernel(endpoint, 'b.ipynb');
    expect([await idle.execute('1'), await busy.execute('1')]).toEqual(['ok', 'ok']);
    busy.send('import time\nwhile True: time.sleep(0.1)');
    expect(rig.processes().length).toBeGreaterThanOrEqual(3);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => rig.processes(), { timeout: 10_000 }).toEqual([]);
  });

  test('L7: stopping ends kernels too, and leaves neither token nor sockets', async () => {
    rig = await makeLocalRig();
    const { caller, endpoint } = await start(rig);
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    kernel.send(
      'import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)',
    );
    await kernel.leave();
    await rig.newBackend().stop(caller.handle(), never());
    expect(rig.processes()).toEqual([]);
    const left = (await filesBelow(rig.dir)).map((file) => path.basename(file));
    expect(left).not.toContain('token');
    expect(left.filter((name) => /kernel-|jpserver|cookie/.test(name))).toEqual([]);
  });

  test('L7, X36: a running cell is never idle, also while its memory is asked for; a server without use ends itself and says so', async () => {
    rig = await makeLocalRig();
    const { caller, endpoint } = await start(rig, { idleMs: 1000 });
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    expect(await kernel.execute('1')).toBe('ok');
    kernel.send('import time; time.sleep(4); open("done", "w").close()');
    await kernel.askUsage();
    await kernel.leave();
    const done = path.join(rig.projectDir, 'done');
    const isDone = (): Promise<boolean> =>
      stat(done).then(
        () => true,
        () => false,
      );
    await expect.poll(isDone, { timeout: 20_000 }).toBe(true);
    const ended = await caller.waitFor(rig.newBackend(), 'ended');
    expect(ended.end).toMatchObject({ cause: 'idle', message: expect.stringContaining('nobody') });
    expect(rig.processes()).toEqual([]);
  });

  test('C14: a client that comes again while its kernel is silent is heard by the next process, and holds up nobody', async () => {
    rig = await makeLocalRig();
    const { endpoint } = await start(rig);
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    const file = path.join(rig.projectDir, 'pid');
    await kernel.execute(`import os; open(${JSON.stringify(file)}, "w").write(str(os.getpid()))`);
    await kernel.leave();
    const kernelPid = Number(await readFile(file, 'utf8'));
    const url = `${endpoint.baseUrl.replace('http', 'ws')}api/kernels/${kernel.id}/channels?session_id=one`;
    const connect = async (): Promise<WebSocket> => {
      const socket = new WebSocket(url, [V1_SUBPROTOCOL], { headers: endpoint.headers });
      await once(socket, 'open');
      return socket;
    };
    const ask = (socket: WebSocket, msgId: string): void => {
      const parts = { channel: 'control', msgType: 'kernel_info_request', msgId } as const;
      const question = createRequest({ ...parts, session: 'one', atMs: Date.now(), content: {} });
      socket.send(encodeMessage(question, 'v1'));
    };
    // The server reads no message of a connection before the kernel has answered it.
    process.kill(kernelPid, 'SIGSTOP');
    const former = await connect();
    ask(former, 'too early');
    const socket = await connect();
    const decode = createDecoder('v1');
    const replies: unknown[] = [];
    socket.on('message', (data) => {
      const { header, parentHeader } = decode(Buffer.isBuffer(data) ? data : Buffer.of(), true);
      if (header.msg_type === 'kernel_info_reply') replies.push(parentHeader.msg_id);
    });
    process.kill(kernelPid, 'SIGKILL');
    await expect
      .poll(
        () => {
          ask(socket, 'again');
          return replies;
        },
        { timeout: 40_000, interval: 500 },
      )
      .toContain('again');
    expect(replies).not.toContain('too early');
    const log = (await filesBelow(rig.dir)).find((name) => name.endsWith('.log')) ?? '';
    expect(await readFile(log, 'utf8')).toContain('Replacing stale connection');
    expect(await readFile(log, 'utf8')).not.toContain('Uncaught exception');
    socket.close();
  });

  test('L7: a client that is connected counts as use', async () => {
    rig = await makeLocalRig();
    const { endpoint } = await start(rig, { idleMs: 3000 });
    const kernel = await startRawKernel(endpoint, 'a.ipynb');
    expect(await kernel.execute('import time; time.sleep(0.1)')).toBe('ok');
    // Twice the limit, seen from inside the server's own loop, which checks four times per limit. A shorter limit could be over before the kernel is connected.
    for (let look = 0; look < 24; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(rig.servers()).toHaveLength(1);
    }
    await kernel.leave();
    await expect.poll(() => rig.servers(), { timeout: 20_000 }).toEqual([]);
  });

  test('G7, M17: at its limit a server ends with its kernels, whatever they run, and says why', async () => {
    rig = await makeLocalRig();
    // By this clock the start was 40 s ago, so that nobody has to wait for the shortest limit there is.
    const clock = { ...systemClock, now: () => Date.now() - 40_000 };
    const backend = createLocalBackend({ settings: () => rig.settings, clock, log: silentLog });
    const caller = callerWith(rig, { max_lifetime_seconds: 60, idle_timeout_seconds: 60 });
    const { deadlineMs } = await caller.start(backend);
    expect(deadlineMs).toBeLessThan(Date.now() + 20_000);
    const kernel = await startRawKernel(
      await backend.endpoint(caller.handle(), never()),
      'a.ipynb',
    );
    kernel.send('import time; time.sleep(600)');
    await kernel.leave();
    const ended = await caller.waitFor(backend, 'ended');
    expect(ended.end).toMatchObject({ cause: 'time-limit' });
    expect(rig.processes()).toEqual([]);
  });
});
