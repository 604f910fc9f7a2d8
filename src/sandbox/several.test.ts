/** Several sandboxes at once: one leave for all that are started, and all or none of them where that is wanted. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { abandonOn } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { PlannedStart } from './admission.ts';
import { defineBackend } from './backend.ts';
import { namesOfSeveral } from './names-of-several.ts';
import { BackendRegistry } from './registry.ts';
import { Sandboxes } from './sandboxes.ts';
import type { Outcome } from './several.ts';

let dir: string;
let sandboxes: Sandboxes;
/** What is to become of the start whose id holds the name; without an entry it is never over. */
let fates: Map<string, Promise<unknown>>;
let stopped: string[];

const numberOf = (id: string): string => /probe-(\d)/.exec(id)?.[1] ?? '';

beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-several-')));
  fates = new Map();
  stopped = [];
  const living = new Set<string>();
  const rented = defineBackend({
    id: 'modal',
    summary: 'for a test',
    needs: {},
    options: z.strictObject({}),
    sharesHost: false,
    offers: async () => [],
    async start(_options, { id, signal }) {
      const fate = fates.get(numberOf(id)) ?? new Promise(() => undefined);
      await abandonOn(fate, signal);
      living.add(id);
      return { id, state: 'ready', generation: 1 };
    },
    state: async ({ id }) => ({
      id,
      generation: 1,
      ...(living.has(id)
        ? { state: 'ready' as const }
        : {
            state: 'ended' as const,
            end: { cause: 'stopped' as const, message: 'gone', logTail: [] },
          }),
    }),
    endpoint: () => Promise.reject(new Error('not here')),
    logs: async () => [],
    async stop({ id }) {
      living.delete(id);
      stopped.push(numberOf(id));
    },
  });
  const registry = new BackendRegistry({ modal: async () => rented });
  sandboxes = new Sandboxes({
    registry,
    dir,
    clock: systemClock,
    log: silentLog,
    defaultBackend: () => 'modal',
  });
});
afterEach(async () => {
  sandboxes.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
});

const there = Promise.resolve();
const failing = (message: string): Promise<never> => {
  const failure = Promise.reject(new GloveboxError('sandbox/no-capacity', message));
  failure.catch(() => undefined);
  return failure;
};

/** Lets all in, and notes what it was asked for. */
function leave() {
  const asked: string[][] = [];
  const told: string[] = [];
  const admitAll = async (starts: readonly PlannedStart[]) => {
    asked.push(starts.map(({ id }) => numberOf(id)));
    return starts.map(({ id }) => ({
      attach: async () => void told.push(`${numberOf(id)} attached`),
      release: async () => void told.push(`${numberOf(id)} released`),
    }));
  };
  return { asked, told, admitAll };
}

const requests = () =>
  namesOfSeveral('probe', 3).map((name) => ({
    backend: 'modal' as const,
    once: 'options' as const,
    projectDir: dir,
    name,
    options: {},
  }));

const waiting = (waitMs = 30_000, signal = new AbortController().signal) => ({
  waitMs,
  signal,
  report: () => undefined,
});

const told = (outcomes: readonly Outcome[]): readonly string[] =>
  outcomes.map((each) =>
    'view' in each
      ? `${each.view.name} ${each.view.status.state}`
      : `${each.name} ${each.failure.code}`,
  );

describe('P7: several at once', () => {
  test('are asked for together, and what lives already is gone on with', async () => {
    for (const number of ['1', '2', '3']) fates.set(number, there);
    const { asked, told: grants, admitAll } = leave();
    const terms = { admitAll, allOrNothing: false };
    const first = await sandboxes.createSeveral(requests(), terms, waiting());
    expect(told(first)).toEqual(['probe-1 ready', 'probe-2 ready', 'probe-3 ready']);
    expect(asked).toEqual([['1', '2', '3']]);
    expect(grants.toSorted()).toEqual(['1 attached', '2 attached', '3 attached']);
    const [, second] = first;
    if (second === undefined || !('view' in second)) expect.fail('there is no second');
    await sandboxes.stop(second.view.id, new AbortController().signal);
    expect(told(await sandboxes.createSeveral(requests(), terms, waiting()))).toEqual(told(first));
    expect(asked).toEqual([['1', '2', '3'], ['2']]);
    await sandboxes.createSeveral(requests(), terms, waiting());
    expect(asked).toHaveLength(2);
  });

  test('come with what failed, and fail only when each has', async () => {
    for (const number of ['1', '3']) fates.set(number, there);
    fates.set('2', failing('no H100 is free'));
    const { admitAll } = leave();
    const outcomes = sandboxes.createSeveral(
      requests(),
      { admitAll, allOrNothing: false },
      waiting(),
    );
    expect(told(await outcomes)).toEqual([
      'probe-1 ready',
      'probe-2 sandbox/no-capacity',
      'probe-3 ready',
    ]);
    for (const number of ['1', '2', '3']) fates.set(number, failing('nothing is free'));
    const others = requests().map((each) => ({ ...each, name: `${each.name}-b` }));
    await expect(
      sandboxes.createSeveral(others, { admitAll, allOrNothing: false }, waiting()),
    ).rejects.toMatchObject({ code: 'sandbox/no-capacity' });
    expect(stopped).toEqual([]);
  });

  test('are none when nobody lets them in, whichever of them lives', async () => {
    fates.set('1', there);
    const { admitAll } = leave();
    const [first = expect.fail('no requests')] = requests();
    await sandboxes.createSeveral([first], { admitAll, allOrNothing: false }, waiting());
    const refusal = new GloveboxError('policy/refused', 'The answer is no.');
    const refused = sandboxes.createSeveral(
      requests(),
      { admitAll: () => Promise.reject(refusal), allOrNothing: false },
      waiting(),
    );
    await expect(refused).rejects.toBe(refusal);
    const all = await sandboxes.list({ includeEnded: true }, new AbortController().signal);
    expect(all.map(({ name }) => name)).toEqual(['probe-1']);
    // A paid one does not start where nobody was asked.
    await expect(
      sandboxes.createSeveral(requests().slice(1), { allOrNothing: false }, waiting()),
    ).rejects.toMatchObject({ code: 'policy/needs-approval' });
  });

  test('all or nothing: the failure of one ends the others, those too that are on their way', async () => {
    fates.set('1', there);
    fates.set('2', failing('no H100 is free'));
    const { admitAll } = leave();
    await expect(
      sandboxes.createSeveral(requests(), { admitAll, allOrNothing: true }, waiting()),
    ).rejects.toMatchObject({ code: 'sandbox/no-capacity' });
    expect(stopped.toSorted()).toEqual(['1', '3']);
    expect(await sandboxes.list({}, new AbortController().signal)).toEqual([]);
  });

  test('all or nothing holds beyond the wait, and leaves alone what lived before', async () => {
    fates.set('1', there);
    const { admitAll } = leave();
    const terms = { admitAll, allOrNothing: true };
    const [first = expect.fail('no requests')] = requests();
    await sandboxes.createSeveral([first], terms, waiting());
    let fail: (error: Error) => void = () => undefined;
    fates.set('2', there);
    fates.set(
      '3',
      new Promise((_, reject) => {
        fail = reject;
      }),
    );
    const early = await sandboxes.createSeveral(requests(), terms, waiting(0));
    expect(told(early)[2]).toBe('probe-3 preparing');
    await expect
      .poll(async () => {
        const all = await sandboxes.list({}, new AbortController().signal);
        return all.filter(({ status }) => status.state === 'ready').length;
      })
      .toBe(2);
    fail(new GloveboxError('sandbox/no-capacity', 'no H100 is free'));
    await expect.poll(() => stopped, { timeout: 30_000 }).toEqual(['2']);
    const left = await sandboxes.list({}, new AbortController().signal);
    expect(left.map(({ name }) => name)).toEqual(['probe-1']);
  });
});

test('P7: names carry a number, within the length that a name may have', () => {
  expect(namesOfSeveral('probe', 2)).toEqual(['probe-1', 'probe-2']);
  expect(() => namesOfSeveral('x'.repeat(62), 2)).toThrow(/more than 63 characters/);
});
