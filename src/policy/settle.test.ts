import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { Reservation } from './ledger-lines.ts';
import { settlementOf, settleOpenEntries, type SandboxFate } from './settle.ts';
import { total } from './spending.ts';

const USD = 1_000_000;
const FIVE = { session: 5 * USD, day: undefined };
let dir: string;
let nowMs: number;
let ledger: Ledger;
const clock = { ...systemClock, now: () => nowMs };

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-settle-'));
  nowMs = Date.UTC(2026, 10, 21, 12);
  ledger = createLedger({ dir, clock });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function reserve(
  usd: number,
  more: Pick<Reservation, 'unitMicroUsd' | 'minutes' | 'subject' | 'beforehandMicroUsd'>,
): Promise<string> {
  const reservation: Reservation = {
    session: 's1',
    tool: 'sandbox_create',
    operation: '',
    argsHash: 'h',
    namespace: undefined,
    hardware: 'H100',
    amountMicroUsd: Math.round(usd * USD),
    approval: 'auto',
    ...more,
  };
  const made = await ledger.reserve(reservation, { session: undefined, day: undefined });
  if (!('id' in made)) throw new Error('refused without a cap');
  return made.id;
}

const MINUTE = 60_000;
const make = async (state: 'reserved' | 'attached' = 'attached') => {
  const subject = { kind: 'sandbox' as const, id: 'modal-x' };
  const id = await reserve(1.00002, { unitMicroUsd: 16_667, minutes: 60, subject });
  if (state === 'attached') await ledger.attach(id);
  const [entry] = await ledger.entries();
  if (entry === undefined) throw new Error('no entry');
  return entry;
};

it('5.4: stopped after 30 min: 31 x 16,667, and the rest is free again', async () => {
  const entry = await make();
  const fate = { hasEnded: true, claimedMs: nowMs, endMs: nowMs + 30 * MINUTE };
  await settleOpenEntries(ledger, async () => fate, nowMs + 31 * MINUTE);
  expect(await ledger.entries()).toMatchObject([
    { id: entry.id, state: 'settled', countsMicroUsd: 516_677 },
  ]);
});

it.each<[string, 'reserved' | 'attached', Partial<SandboxFate> | undefined, number, object]>([
  ['it runs', 'attached', { hasEnded: false }, 20, { kind: 'open' }],
  ['its record is lost', 'attached', undefined, 20, { kind: 'open' }],
  [
    'its record is lost and its limit over',
    'attached',
    undefined,
    71,
    { kind: 'settle', amountMicroUsd: 1_000_020 },
  ],
  ['its process died before it was on record', 'reserved', undefined, 5, { kind: 'open' }],
  ['its process died, ten minutes ago', 'reserved', undefined, 11, { kind: 'release' }],
  [
    'its process died, and an earlier one is on record',
    'reserved',
    { hasEnded: true, claimedMs: 0, endMs: 1 },
    11,
    { kind: 'release' },
  ],
  [
    'its process died after it was on record',
    'reserved',
    { hasEnded: true, endMs: 10 },
    11,
    { kind: 'settle', amountMicroUsd: 11 * 16_667 + 16_667 },
  ],
  [
    'no machine was free',
    'attached',
    { hasEnded: true, endMs: 3, failureCode: 'sandbox/no-capacity' },
    4,
    { kind: 'release' },
  ],
  [
    'it failed after a machine was rented',
    'attached',
    { hasEnded: true, endMs: 3, failureCode: 'sandbox/start-failed' },
    4,
    { kind: 'settle', amountMicroUsd: 4 * 16_667 },
  ],
  [
    'nobody knows when it ended',
    'attached',
    { hasEnded: true },
    20,
    { kind: 'settle', amountMicroUsd: 1_000_020 },
  ],
])('%s', async (name, state, fate, afterMin, expected) => {
  const entry = await make(state);
  const { endMs, ...rest } = fate ?? {};
  const whole: SandboxFate | undefined =
    fate === undefined
      ? undefined
      : {
          hasEnded: false,
          claimedMs: nowMs,
          ...rest,
          ...(endMs !== undefined && {
            endMs:
              rest.claimedMs === 0
                ? endMs
                : nowMs + (name.includes('after it was on record') ? 11 : endMs) * MINUTE,
          }),
        };
  expect(settlementOf(entry, whole, nowMs + afterMin * MINUTE)).toEqual(expected);
});

it.each<[string, Partial<SandboxFate>, number]>([
  [
    'its machine ran 10 min, after weights were fetched for $0.10',
    { paidSinceMs: 20, beforehandMicroUsd: 100_000 },
    100_000 + 11 * 10_000,
  ],
  [
    'what fetching cost is not known: all that was reserved',
    { paidSinceMs: 20 },
    400_000 + 11 * 10_000,
  ],
  [
    'the weights could not be fetched',
    { failureCode: 'sandbox/weights-failed', beforehandMicroUsd: 100_000 },
    100_000,
  ],
  ['when it began is not known: since it was asked for', { beforehandMicroUsd: 0 }, 31 * 10_000],
  ['it is never more than was reserved', { beforehandMicroUsd: 9e9 }, 400_000 + 31 * 10_000],
])('a machine that was rented on the way counts for itself: %s', async (_, fate, expected) => {
  const id = await reserve(1, {
    unitMicroUsd: 10_000,
    minutes: 60,
    beforehandMicroUsd: 400_000,
    subject: { kind: 'sandbox', id: 'modal-x' },
  });
  await ledger.attach(id);
  const { paidSinceMs, ...rest } = fate;
  const whole = {
    hasEnded: true,
    claimedMs: nowMs,
    endMs: nowMs + 30 * MINUTE,
    ...rest,
    ...(paidSinceMs !== undefined && { paidSinceMs: nowMs + paidSinceMs * MINUTE }),
  };
  await settleOpenEntries(ledger, async () => whole, nowMs + 31 * MINUTE);
  expect(await ledger.entries()).toMatchObject([{ state: 'settled', countsMicroUsd: expected }]);
});

it.each<[string, Partial<SandboxFate>, object]>([
  [
    'and no machine was free then',
    { failureCode: 'sandbox/no-capacity', beforehandMicroUsd: 100_000 },
    { state: 'settled', countsMicroUsd: 100_000 },
  ],
  [
    'and its account had no credit left',
    { failureCode: 'remote/billing', beforehandMicroUsd: 100_000 },
    { state: 'settled', countsMicroUsd: 100_000 },
  ],
  [
    'not yet, when a secret was missing',
    { failureCode: 'config/invalid', beforehandMicroUsd: 0 },
    { state: 'released' },
  ],
])('weights were fetched %s: what that cost stays counted', async (_, fate, expected) => {
  const subject = { kind: 'sandbox' as const, id: 'modal-x' };
  const beforehandMicroUsd = 400_000;
  const price = { unitMicroUsd: 10_000, minutes: 60, beforehandMicroUsd, subject };
  await ledger.attach(await reserve(1, price));
  const whole = { hasEnded: true, claimedMs: nowMs, endMs: nowMs + 30 * MINUTE, ...fate };
  await settleOpenEntries(ledger, async () => whole, nowMs + 31 * MINUTE);
  expect(await ledger.entries()).toMatchObject([expected]);
});

it.each<[string, object]>([
  ['remote/auth-required', { kind: 'settle', amountMicroUsd: 11 * 16_667 }],
  ['sandbox/no-capacity', { kind: 'release' }],
])('a machine that was rented before the start failed (%s)', async (failureCode, expected) => {
  const entry = await make();
  const endMs = nowMs + 10 * MINUTE;
  const fate = { hasEnded: true, claimedMs: nowMs, endMs, failureCode, wasRented: true };
  expect(settlementOf(entry, fate, endMs)).toEqual(expected);
});

it('a second reservation that is not asked for yet ends nothing: the sandbox may be found alive', async () => {
  const first = await make();
  nowMs += 10 * MINUTE;
  const { subject } = first;
  const second = await reserve(1, { unitMicroUsd: 16_667, minutes: 60, subject });
  const lives = async () => ({ hasEnded: false, claimedMs: first.atMs });
  await settleOpenEntries(ledger, lives, nowMs);
  await ledger.release(second);
  expect(
    (await ledger.entries()).map(({ state, countsMicroUsd }) => [state, countsMicroUsd]),
  ).toEqual([
    ['attached', 1_000_020],
    ['released', 0],
  ]);
});

it('of two starts of one sandbox the first ended when the second was made', async () => {
  await make();
  nowMs += 10 * MINUTE;
  const subject = { kind: 'sandbox' as const, id: 'modal-x' };
  const second = await reserve(1, { unitMicroUsd: 16_667, minutes: 60, subject });
  await ledger.attach(second);
  await settleOpenEntries(ledger, async () => ({ hasEnded: false, claimedMs: nowMs }), nowMs);
  expect(
    (await ledger.entries()).map(({ state, countsMicroUsd }) => [state, countsMicroUsd]),
  ).toEqual([
    ['settled', 11 * 16_667],
    ['attached', USD],
  ]);
  expect(total((await ledger.spending('s1', FIVE)).session)).toBe(11 * 16_667 + USD);
});
