/** What a start loses sight of is not left running: machines of a dead process, of an answer that came late, of an unseen end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { silentLog } from '#platform/log.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import { createManualClock } from '../../../test/fakes/manual-clock.ts';
import { defineBackend, type StartContext } from '../backend.ts';
import { BackendRegistry } from '../registry.ts';
import { Sandboxes } from '../sandboxes.ts';
import { believeProvider } from './believe-provider.ts';
import { leaseOf, type Lease } from './lease.ts';
import { rentedLife } from './life.ts';
import type { Look, Provider } from './provider.ts';
import { bringIntoUse, rent, type Rental } from './rent.ts';
import { startRented, type StartSteps } from './start.ts';
import { rentedState } from './state.ts';

const ID = 'modal-lost-000001';
const clock = createManualClock();
const never = new AbortController().signal;
const dead = { ...currentIdentity(), startTime: 'long ago' };

let dir: string;
/** What runs at the provider, by id: the mark of the request that made it. */
let running: Map<string, string>;
let ended: string[];
let isReachable: boolean;
let remembered: JsonObject;
let abort: AbortController;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'glovebox-rented-'));
  running = new Map();
  ended = [];
  isReachable = true;
  remembered = {};
  abort = new AbortController();
});
afterEach(() => rm(dir, { recursive: true }));

const unexpected = (): never => {
  throw new Error('not in this test');
};
const asked = (): void => {
  if (!isReachable) throw new GloveboxError('http/failed', 'no way there');
};

const provider: Provider = {
  name: 'Modal',
  brand: 'Modal',
  clock,
  log: silentLog,
  dir: () => dir,
  limits: { endMs: 0 },
  words: ({ id }) => id,
  page: () => 'https://modal.com/apps',
  async madeBy(op) {
    asked();
    return [...running].flatMap(([id, mark]) => (mark === op ? [id] : []));
  },
  async look({ id }): Promise<Look> {
    asked();
    return running.has(id)
      ? { isOver: false, isQueued: false, endpoint: unexpected }
      : { isOver: true, how: 'ended', reason: () => ({ cause: 'stopped', message: 'gone' }) };
  },
  async end({ id }) {
    asked();
    running.delete(id);
    ended.push(id);
  },
  readLog: async () => [],
  endpoint: unexpected,
};

const context = (): StartContext => ({
  id: ID,
  projectDir: '/project',
  signal: abort.signal,
  report: () => undefined,
  remember: async (data) => {
    remembered = { ...remembered, ...data };
  },
});

const lease: Lease = {
  projectDir: '/project',
  phase: 'creating',
  generation: 1,
  claim: 'c1',
  starter: dead,
  startedMs: 1,
  op: 'op-1',
  nonce: 'n',
  isAsking: true,
};
const write = (changes: Partial<Lease>): Promise<Lease> =>
  leaseOf(provider, ID).create({ ...lease, ...changes });
const phaseNow = async () => (await leaseOf(provider, ID).read())?.phase;
const start = (steps: Partial<StartSteps>): Promise<unknown> =>
  startRented(context(), provider, {
    keepOnError: false,
    bringUp: unexpected,
    resume: unexpected,
    ...steps,
  });

test('M5: a machine of a dead process is ended when the start that goes on with it fails before it is in use', async () => {
  await write({ phase: 'running', machineId: 'sb-1' });
  running.set('sb-1', 'op-1');
  const missing = new GloveboxError('path/not-found', 'data.csv is gone');
  const resume = async (): Promise<void> => Promise.reject(missing);
  await expect(start({ resume })).rejects.toBe(missing);
  expect(ended).toEqual(['sb-1']);
  expect(await phaseNow()).toBe('ended');
});

test('M5: a start that cannot ask whether a dead process had rented something does not forget it', async () => {
  await write({});
  running.set('sb-1', 'op-1');
  let looks = 0;
  const once = {
    ...provider,
    // The state is asked first; then the way there breaks.
    madeBy: async (...question: Parameters<Provider['madeBy']>) => {
      looks += 1;
      isReachable = looks === 1;
      return provider.madeBy(...question);
    },
  };
  const steps = { keepOnError: false, bringUp: unexpected, resume: unexpected };
  await expect(startRented(context(), once, steps)).rejects.toMatchObject({
    code: 'sandbox/stop-failed',
  });
  expect(await phaseNow()).toBe('stopping');
  isReachable = true;
  const state = async () =>
    rentedState({ id: ID, projectDir: '/project', generation: 1, data: {} }, provider, never);
  expect((await state()).state).toBe('stopping');
  expect(ended).toEqual(['sb-1']);
  expect((await state()).state).toBe('ended');
});

test('M13: what may run of an end that was not seen is ended by whoever looks later, also when only its mark is known', async () => {
  await write({ phase: 'stopping', stoppingMs: clock.now() });
  running.set('sb-1', 'op-1');
  const handle = { id: ID, projectDir: '/project', generation: 1, data: {} };
  const state = async () => (await rentedState(handle, provider, never)).state;
  expect(await state()).toBe('stopping');
  expect(ended).toEqual([]);
  clock.advance(60_000);
  expect(await state()).toBe('stopping');
  expect(ended).toEqual(['sb-1']);
  expect(await state()).toBe('ended');
});

const rental = (ask: Rental['ask']): Rental => ({
  port: 8888,
  lifetimeMs: 3_600_000,
  capacityMs: 600_000,
  ask,
  handOver: unexpected,
});

test('M5: a machine whose request is answered after everybody has gone is ended then', async () => {
  let answer: ((made: { machineId: string }) => void) | undefined;
  const starting = start({
    bringUp: (attempt) =>
      rent(
        attempt,
        rental(() => new Promise((resolve) => (answer = resolve))),
      ),
  });
  const failed = expect(starting).rejects.toMatchObject({ code: 'cancelled' });
  await expect.poll(() => answer).toBeDefined();
  abort.abort();
  // What carries its mark is looked for, and nothing does yet.
  await expect
    .poll(
      () => {
        clock.advance(11_000);
        return phaseNow();
      },
      { timeout: 30_000 },
    )
    .toBe('ended');
  await failed;
  running.set('sb-late', 'any');
  answer?.({ machineId: 'sb-late' });
  await expect.poll(() => ended, { timeout: 30_000 }).toEqual(['sb-late']);
});

test('what is remembered tells whether a machine was rented in this life, and not in an earlier one', async () => {
  await write({ phase: 'ended', beforehandUsd: 2 });
  remembered = { isRented: true, beforehandUsd: 2 };
  const refused = new GloveboxError('config/invalid', 'no such GPU');
  const bringUp = async (): Promise<void> => Promise.reject(refused);
  await expect(start({ bringUp })).rejects.toBe(refused);
  expect(remembered).toMatchObject({ isRented: false, beforehandUsd: 0 });
  const inUse: StartSteps['bringUp'] = (attempt) =>
    bringIntoUse(attempt, { ...attempt.claimed, phase: 'running' }, async () =>
      Promise.reject(refused),
    );
  await expect(start({ bringUp: inUse })).rejects.toBe(refused);
  expect(remembered).toMatchObject({ isRented: true });
});

test.each([
  ['stopped', ['stopping', 'ended'], ['sb-1']],
  ['start-failed', ['stopping', 'ended'], ['sb-1']],
  ['idle', ['unreachable', 'unreachable'], []],
] as const)(
  'M15: a machine that runs, although its sandbox is on record as ended (%s), is shown, and is ended or in use again',
  async (cause, states, endedThen) => {
    const end = { cause, message: 'It was thought to be gone.', atMs: 1, logTail: [] };
    await write({ phase: 'ended', machineId: 'sb-1', end });
    running.set('sb-1', 'op-1');
    const data = { machineId: 'sb-1', op: 'op-1', nonce: 'n' };
    const found = { id: ID, projectDir: dir, generation: 1, data };
    const seen = {
      ...provider,
      look: async (...question: Parameters<Provider['look']>): Promise<Look> => {
        const look = await provider.look(...question);
        const silent = new GloveboxError('server/unreachable', 'no address yet');
        return look.isOver ? look : { ...look, endpoint: async () => Promise.reject(silent) };
      },
    };
    const backend = defineBackend({
      ...rentedLife(seen),
      id: 'modal',
      summary: '',
      needs: {},
      options: z.strictObject({}),
      sharesHost: false,
      offers: unexpected,
      start: () => Promise.reject(new GloveboxError('sandbox/start-failed', 'nothing today')),
      discover: async (_projectDir, signal) =>
        running.has('sb-1') && (await believeProvider(found, seen, signal)) ? [found] : [],
    });
    const sandboxes = new Sandboxes({
      registry: new BackendRegistry({ modal: async () => backend }),
      dir,
      clock,
      log: silentLog,
      defaultBackend: () => 'modal',
    });
    // On record as ended: found once, and its start failed since.
    expect(await sandboxes.adopt(dir, never)).toHaveLength(1);
    await leaseOf(provider, ID).update((current) => ({ ...current, phase: 'ended', end }));
    expect((await sandboxes.get(ID, never)).status).toMatchObject({
      state: 'ended',
      end: { cause },
    });
    expect(await sandboxes.list({}, never)).toEqual([]);
    ended.length = 0;
    running.set('sb-1', 'op-1');

    expect((await sandboxes.adopt(dir, never)).map(({ status }) => status.state)).toEqual([
      states[0],
    ]);
    expect((await sandboxes.get(ID, never)).status.state).toBe(states[1]);
    expect(ended).toEqual(endedThen);
    // Seen once: a second look finds nothing new.
    expect(await sandboxes.adopt(dir, never)).toEqual([]);
  },
);

test('M15: a list that is behind what has ended brings nothing back', async () => {
  const end = { cause: 'stopped' as const, message: '', atMs: 1, logTail: [] };
  await write({ phase: 'ended', machineId: 'sb-1', end });
  const data = { machineId: 'sb-1', op: 'op-1', nonce: 'n' };
  const handle = { id: ID, projectDir: '/project', generation: 1, data };
  expect(await believeProvider(handle, provider, never)).toBe(false);
  expect(await phaseNow()).toBe('ended');
});
