/** A person's notebook in the same kernel: our runs wait for theirs, say so, and neither side's end is taken for the other's. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createKernelChannel } from '#jupyter/channel.ts';
import type { ExecuteReply, KernelChannel } from '#jupyter/contract.ts';
import type { App } from '#main/app.ts';
import { systemClock } from '#platform/clock.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError, idOf, type Answer } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let app: App;
let mcp: Client;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp();
}, 240_000);
afterAll(() => world.end());

interface Pair {
  readonly session_id: string;
  readonly person: KernelChannel;
  /** Sends code as the person. */
  readonly runAsPerson: (code: string) => Promise<ExecuteReply>;
  /** Resolves when our session knows that the kernel works for the person. */
  readonly isKnownBusy: () => Promise<void>;
}

async function pair(name: string): Promise<Pair> {
  mcp = (await connect('modern', { tools, services: async () => app.services })).client;
  const started = await call(mcp, 'start_new_notebook', { experiment_name: name });
  const session_id = idOf(started, 'session_id');
  const { record, server } = await app.services.sessions.get(session_id);
  const person = createKernelChannel({
    server,
    kernelId: record.kernelId,
    connectionId: randomUUID(),
    clock: systemClock,
    onEvent: () => undefined,
  });
  onTestFinished(() => person.close());
  await person.connect();
  await person.ready(30_000);
  const runAsPerson = (code: string): Promise<ExecuteReply> =>
    person.execute({ msgId: randomUUID(), code }, { onMessage: () => undefined }).finished;
  const isKnownBusy = async (): Promise<void> => {
    const session = await app.services.sessions.get(session_id);
    await expect.poll(() => session.view().state, { timeout: 20_000 }).toBe('foreign-busy');
  };
  return { session_id, person, runAsPerson, isKnownBusy };
}

/** Code that says that it runs, waits, and then does `end`. */
function held(name: string, end: string) {
  const sign = path.join(world.projectDir, `${name}.sign`);
  const gate = path.join(world.projectDir, `${name}.gate`);
  const code = `import os, time
open(${JSON.stringify(sign)}, "w").close()
while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
${end}`;
  return {
    code,
    hasBegun: () => expect.poll(() => existsSync(sign), { timeout: 20_000 }).toBe(true),
    open: () => writeFileSync(gate, ''),
  };
}

const follow = (run: Answer): Promise<Answer> =>
  call(mcp, 'get_run', { run_id: idOf(run, 'run_id'), wait_s: 40 });

it('X12: our run says that it waits for the cell of another client, and then runs', async () => {
  const { session_id, runAsPerson, isKnownBusy } = await pair('waits');
  const cell = held('waits', 'theirs = 1');
  const theirs = runAsPerson(cell.code);
  await cell.hasBegun();
  await isKnownBusy();
  const ours = await call(mcp, 'execute_code', { session_id, code: 'print(theirs)', wait_s: 1 });
  expect(ours.meta).toMatchObject({ state: 'queued' });
  expect(ours.text).toContain('the kernel is busy with a cell of another client');
  cell.open();
  expect((await theirs).status).toBe('ok');
  const done = await follow(ours);
  expect(done.meta).toMatchObject({ state: 'ok' });
  expect(done.text).toContain('1');
  expect(done.text).not.toContain('another client');
});

it('X42, F3, acceptance 5: a kernel that works for somebody is attached all the same; what cannot be attached, and a server that refuses the token, leave no session', async () => {
  const { session_id } = await pair('a session of ours');
  const { server } = await app.services.sessions.get(session_id);
  const { id: kernel_id } = await server.startKernel({ name: 'python3' });
  const person = createKernelChannel({
    server,
    kernelId: kernel_id,
    connectionId: randomUUID(),
    clock: systemClock,
    onEvent: () => undefined,
  });
  onTestFinished(() => person.close());
  await person.connect();
  await person.ready(30_000);
  const cell = held('attached', 'theirs = "kept"');
  const { finished } = person.execute(
    { msgId: randomUUID(), code: cell.code },
    { onMessage: () => undefined },
  );
  await cell.hasBegun();
  const attached = await call(mcp, 'attach_to_session', { kernel_id });
  const borrowed = idOf(attached, 'session_id');
  const run = { session_id: borrowed, code: 'print(theirs)', wait_s: 0.5 };
  const ours = await call(mcp, 'execute_code', run);
  expect(ours.meta).toMatchObject({ state: 'queued' });
  cell.open();
  expect((await finished).status).toBe('ok');
  expect((await follow(ours)).text).toContain('kept');
  const before = (await app.services.sessions.list(false)).length;
  const unknown = { kernel_id: randomUUID() };
  expect(await callError(mcp, 'attach_to_session', unknown)).toContain('[kernel/unknown]');
  const other = (await server.startKernel({ name: 'python3' })).id;
  const file = readdirSync(world.dir, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(world.dir, name))
    .find((name) => path.basename(name) === 'token');
  if (file === undefined) return expect.fail('no token');
  const token = readFileSync(file, 'utf8');
  writeFileSync(file, '0'.repeat(token.length));
  try {
    const refused = await callError(mcp, 'attach_to_session', { kernel_id: other });
    expect(refused).toMatch(/^\[server\/unreachable\] .* in one that does not/);
  } finally {
    writeFileSync(file, token);
  }
  expect(await app.services.sessions.list(false)).toHaveLength(before);
  expect((await call(mcp, 'attach_to_session', { kernel_id: other })).text).toContain('Attached');
  return undefined;
});

it('an error of their cell leaves our waiting run alone', async () => {
  const { session_id, runAsPerson, isKnownBusy } = await pair('error');
  const cell = held('error', '1 / 0');
  const theirs = runAsPerson(cell.code);
  await cell.hasBegun();
  await isKnownBusy();
  const ours = await call(mcp, 'execute_code', { session_id, code: '"ours"', wait_s: 1 });
  cell.open();
  expect((await theirs).status).toBe('error');
  const done = await follow(ours);
  expect(done.meta).toMatchObject({ state: 'ok' });
  expect(done.text).toContain('ours');
});

it('an error of ours does not reach their cell, nor is our run disturbed by their waiting', async () => {
  const { session_id, runAsPerson } = await pair('ours fails');
  const cell = held('ours fails', 'print("nearly"); raise ValueError("of ours")');
  const ours = await call(mcp, 'execute_code', { session_id, code: cell.code, wait_s: 0 });
  await cell.hasBegun();
  const theirs = runAsPerson('x = 1');
  cell.open();
  const done = await follow(ours);
  expect(done.meta).toMatchObject({ state: 'error' });
  expect(done.text).toMatch(/nearly[\s\S]*of ours/);
  // The kernel itself drops what is queued behind an error, and tells their client so.
  expect(['aborted', 'ok']).toContain((await theirs).status);
});

it('C26: an interrupt is for our code only, unless it is forced', async () => {
  const { session_id, runAsPerson, isKnownBusy } = await pair('interrupt');
  const cell = held('interrupt', 'done = 1');
  const theirs = runAsPerson(cell.code);
  await cell.hasBegun();
  await isKnownBusy();
  const queued = await call(mcp, 'execute_code', { session_id, code: 'print(2)', wait_s: 1 });
  expect(queued.meta).toMatchObject({ state: 'queued' });
  const removed = await call(mcp, 'interrupt_kernel', { session_id });
  expect(removed.text).toContain('taken out of the queue');
  expect((await follow(queued)).meta).toMatchObject({ state: 'cancelled' });
  const refused = await call(mcp, 'interrupt_kernel', { session_id });
  expect(refused.text).toContain('not interrupted');
  cell.open();
  expect((await theirs).status).toBe('ok');
});

it('a cancelled run that was never sent does not stop their code, and the next one runs after it', async () => {
  const { session_id, runAsPerson, isKnownBusy } = await pair('cancelled');
  const cell = held('cancelled', 'value = 3');
  const theirs = runAsPerson(cell.code);
  await cell.hasBegun();
  await isKnownBusy();
  const stop = new AbortController();
  const aborted = mcp
    .callTool(
      { name: 'execute_code', arguments: { session_id, code: 'value = 4', wait_s: 40 } },
      { signal: stop.signal },
    )
    .catch(() => 'aborted');
  const session = await app.services.sessions.get(session_id);
  await expect.poll(() => session.queue.runs.length).toBe(1);
  stop.abort();
  expect(await aborted).toBe('aborted');
  await expect.poll(() => session.queue.runs.every((run) => run.isFinal)).toBe(true);
  const next = await call(mcp, 'execute_code', { session_id, code: 'print(value)', wait_s: 0 });
  cell.open();
  expect((await theirs).status).toBe('ok');
  expect((await follow(next)).text).toContain('3');
});

it('code of theirs that arrives while ours runs is waited for before our next run', async () => {
  const { session_id, runAsPerson } = await pair('between');
  const cell = held('between', 'order = ["ours"]');
  const first = await call(mcp, 'execute_code', { session_id, code: cell.code, wait_s: 0 });
  await cell.hasBegun();
  const theirs = runAsPerson('order.append("theirs")');
  const second = await call(mcp, 'execute_code', { session_id, code: 'print(order)', wait_s: 0 });
  cell.open();
  await follow(first);
  expect((await theirs).status).toBe('ok');
  const done = await follow(second);
  expect(done.text).toContain("['ours', 'theirs']");
});
