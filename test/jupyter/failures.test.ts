/** The wire client when connections break, kernels die and other clients interfere, on a real server. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ChannelEvent, KernelMessage } from '#jupyter/contract.ts';
import { type Bench, textOf, until, useLab } from '../rigs/jupyter-lab.ts';

const lab = useLab();

const typesOf = (events: readonly ChannelEvent[]): readonly string[] =>
  events.map(({ type }) => type);
const numbers = (count: number): string =>
  Array.from({ length: count }, (_, n) => `${n}\n`).join('');

async function pidOf({ run }: Bench): Promise<number> {
  return Number(textOf((await run('import os; print(os.getpid())')).messages));
}

/** Prints the numbers below 50, waits for `go`, and prints those below 100: so a cut never meets a line on its way. */
function gated(): { readonly code: string; readonly go: () => Promise<void> } {
  const name = `go-${randomUUID()}`;
  const code = `import os, time
for i in range(50): print(i, flush=True)
while not os.path.exists("${name}"): time.sleep(0.01)
for i in range(50, 100): print(i, flush=True)`;
  return { code, go: () => writeFile(path.join(lab().running.rootDir, name), '') };
}

async function serverSawTheLossOf({ kernelId }: Bench): Promise<void> {
  await expect
    .poll(async () => (await lab().server.kernel(kernelId))?.connections, { timeout: 30_000 })
    .toBe(0);
}

/** Before that, a server that is asked to connect may drop a message by its own test of the connection. */
async function serverCallsItIdle({ kernelId }: Bench): Promise<void> {
  await expect
    .poll(async () => (await lab().server.kernel(kernelId))?.executionState, { timeout: 30_000 })
    .toBe('idle');
}

test('X6: the socket is cut in a running cell; every line arrives once', async () => {
  const bench = await lab().kernel();
  const { code, go } = gated();
  const { execution, messages } = bench.begin(code);
  await until(() => textOf(messages) === numbers(50));
  bench.relay.cut();
  await until(() => bench.events.length === 3);
  await go();
  expect((await execution.finished).status).toBe('ok');
  expect(textOf(messages)).toBe(numbers(100));
  expect(typesOf(bench.events)).toEqual(['connected', 'disconnected', 'connected']);
  expect(bench.events.at(-1)).toMatchObject({ otherClients: 0 });
});

test('X6: what was printed while the network was away is delivered, reply and idle too', async () => {
  const bench = await lab().kernel();
  const { code, go } = gated();
  const { execution, messages } = bench.begin(code);
  await until(() => textOf(messages) === numbers(50));
  bench.relay.refuse();
  bench.relay.cut();
  await until(() => !bench.channel.connected);
  expect(() => bench.begin('1')).toThrow(expect.objectContaining({ code: 'server/unreachable' }));
  await serverSawTheLossOf(bench);
  await go();
  await serverCallsItIdle(bench);
  bench.relay.accept();
  expect((await execution.finished).executionCount).toBe(1);
  expect(textOf(messages)).toBe(numbers(100));
});

test('C12, R10: another process of ours takes over a running cell with the stored identity', async () => {
  const connectionId = randomUUID();
  const first = await lab().kernel({ connectionId });
  const { code, go } = gated();
  const { execution, messages } = first.begin(code);
  await until(() => textOf(messages) === numbers(50));
  first.relay.refuse();
  first.relay.cut();
  await first.channel.close();
  await serverSawTheLossOf(first);
  await go();
  await serverCallsItIdle(first);
  const lastProcess = first.channel.process ?? '';
  const heir = await lab().bench(first.kernelId, { connectionId, lastProcess });
  const rest: KernelMessage[] = [];
  const adopted = heir.channel.adopt(execution.msgId, {
    onMessage: (message) => rest.push(message),
  });
  await heir.channel.connect();
  expect((await adopted.finished).status).toBe('ok');
  expect(textOf(messages) + textOf(rest)).toBe(numbers(100));
  expect(typesOf(heir.events)).toEqual(['connected']);
});

test('C13: another client that is attached is told, since it costs the gap', async () => {
  const bench = await lab().kernel();
  const other = await lab().attach(bench.kernelId);
  expect(other.events).toEqual([expect.objectContaining({ type: 'connected', otherClients: 1 })]);
  bench.relay.cut();
  await until(() => bench.events.length === 3);
  expect(bench.events[2]).toMatchObject({ type: 'connected', otherClients: 1 });
});

test('X31: a frozen network for some seconds loses nothing', async () => {
  const bench = await lab().kernel();
  const { execution, messages } = bench.begin(
    'import time\nfor i in range(50):\n  print(i, flush=True); time.sleep(0.02)',
  );
  await until(() => messages.length > 5);
  bench.relay.freeze();
  await serverCallsItIdle(bench);
  bench.relay.thaw();
  await execution.finished;
  expect(textOf(messages)).toBe(numbers(50));
  expect(typesOf(bench.events)).toEqual(['connected']);
});

test('X28: a killed kernel is reported, and the new process is known as new', async () => {
  const bench = await lab().kernel();
  const pid = await pidOf(bench);
  const before = bench.channel.process;
  const { execution } = bench.begin('import time\ntime.sleep(60)');
  await execution.started;
  process.kill(pid, 'SIGKILL');
  await until(() => typesOf(bench.events).includes('kernel-status'));
  expect(bench.events.at(-1)).toMatchObject({ type: 'kernel-status', state: 'restarting' });
  await bench.channel.ready(60_000);
  expect(bench.events).toContainEqual(
    expect.objectContaining({ type: 'process-changed', from: before, to: bench.channel.process }),
  );
  const { reply } = await bench.run('pid = 1');
  expect(reply).toMatchObject({ status: 'ok', executionCount: 1 });
});

test('X29: a death while idle does not spoil the next run', async () => {
  const bench = await lab().kernel();
  process.kill(await pidOf(bench), 'SIGKILL');
  await until(() => typesOf(bench.events).includes('kernel-status'));
  await bench.channel.ready(60_000);
  expect(textOf((await bench.run('print("fine")')).messages)).toBe('fine\n');
});

test('X32: a death while nobody was connected is seen from the stamp', async () => {
  const bench = await lab().kernel();
  const pid = await pidOf(bench);
  const lastProcess = bench.channel.process ?? '';
  await bench.channel.close();
  process.kill(pid, 'SIGKILL');
  const heir = await lab().bench(bench.kernelId, { lastProcess });
  // The server notices within its next look, and starts another one.
  await expect
    .poll(
      async () => {
        await heir.channel.connect();
        await heir.channel.ready(5000).catch(() => undefined);
        return typesOf(heir.events).includes('process-changed');
      },
      { timeout: 45_000 },
    )
    .toBe(true);
  expect(heir.events.find(({ type }) => type === 'process-changed')).toMatchObject({
    from: lastProcess,
  });
});

test('X32: a restart by another client is seen at the next answer', async () => {
  const bench = await lab().kernel();
  const before = bench.channel.process;
  await lab().server.restartKernel(bench.kernelId);
  await bench.channel.ready(60_000);
  expect(bench.events).toContainEqual(
    expect.objectContaining({ type: 'process-changed', from: before, to: bench.channel.process }),
  );
  expect((await bench.run('1')).reply.executionCount).toBe(1);
});

test('C22: a kernel deleted elsewhere is gone for REST and for every new connection', async () => {
  const bench = await lab().kernel();
  await lab().server.deleteKernel(bench.kernelId);
  expect(await lab().server.kernel(bench.kernelId)).toBeUndefined();
  await expect(lab().server.interruptKernel(bench.kernelId)).rejects.toMatchObject({
    code: 'kernel/gone',
  });
  bench.relay.cut();
  await until(() => typesOf(bench.events).includes('kernel-gone'));
  await expect(bench.channel.connect()).rejects.toMatchObject({ code: 'kernel/gone' });
  await lab().server.deleteKernel(bench.kernelId);
});

test("C2: another token is somebody else's server", async () => {
  const { server, running } = lab();
  const { baseUrl } = running.endpoint;
  const wrong = () => Promise.resolve({ baseUrl, headers: { Authorization: 'token wrong' } });
  const { createJupyterServer } = await import('#jupyter/rest.ts');
  const stranger = createJupyterServer({ endpoint: wrong });
  await expect(stranger.status()).rejects.toMatchObject({ code: 'server/refused' });
  const { id } = await server.startKernel({ name: 'python3' });
  const bench = await lab().bench(id, { server: stranger });
  await expect(bench.channel.connect()).rejects.toMatchObject({ code: 'server/refused' });
  expect(bench.events).toEqual([{ type: 'refused' }]);
  await server.deleteKernel(id);
});

test('C12, X8: two clients with identities of their own do not disturb each other', async () => {
  const one = await lab().kernel();
  const two = await lab().attach(one.kernelId);
  await two.channel.ready(10_000);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      [one, two].map((bench) => bench.run(`print(${n})`)),
    ).flat(),
  );
  expect(results.map(({ messages }) => textOf(messages))).toEqual(
    Array.from({ length: 20 }, (_, n) => [`${n}\n`, `${n}\n`]).flat(),
  );
  expect(one.channel.connected && two.channel.connected).toBe(true);
});

test('sessions: a notebook path is bound to a kernel, and to another one later', async () => {
  const { server } = lab();
  const session = await server.createSession({
    path: 'work/räum 1.ipynb',
    name: 'räum 1.ipynb',
    kernelName: 'python3',
  });
  expect(session.path).toBe('work/räum 1.ipynb');
  expect((await server.listSessions()).map(({ id }) => id)).toContain(session.id);
  const other = await server.startKernel({ name: 'python3' });
  const rebound = await server.rebindSession(session.id, other.id);
  expect(rebound).toMatchObject({ id: session.id, kernel: { id: other.id } });
  await server.deleteSession(session.id);
  await server.deleteSession(session.id);
  await server.deleteKernel(session.kernel.id);
  expect((await server.listSessions()).map(({ id }) => id)).not.toContain(session.id);
  await expect(
    server.createSession({ path: 'b.ipynb', name: 'b', kernelName: 'no-such-kernel' }),
  ).rejects.toMatchObject({ code: 'server/error', message: /no-such-kernel/ });
});
