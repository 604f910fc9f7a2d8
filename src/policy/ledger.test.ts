import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { settledCost } from './cost.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { parseLedger, type Approval, type Reservation } from './ledger-lines.ts';
import { ledgerFile } from './policy-dir.ts';

const USD = 1_000_000;
const FIVE = { session: 5 * USD, day: undefined };
const DAY_MS = 86_400_000;
let dir: string;
let nowMs: number;
let ledger: Ledger;
const clock = { ...systemClock, now: () => nowMs };

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-ledger-'));
  nowMs = Date.UTC(2026, 10, 21, 12);
  ledger = createLedger({ dir, clock });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const start = (usd: number | null, more: Partial<Reservation> = {}): Reservation => ({
  session: 's1',
  tool: 'hf_jobs',
  operation: 'run',
  argsHash: 'h',
  namespace: 'me',
  hardware: 'a10g-large',
  unitMicroUsd: 25_000,
  minutes: 120,
  amountMicroUsd: usd === null ? null : Math.round(usd * USD),
  approval: 'auto',
  subject: undefined,
  ...more,
});

/** Reserves, and settles at once where `settled` is given. */
async function spend(
  usd: number,
  settled?: number,
  more: Partial<Reservation> = {},
): Promise<string> {
  const made = await ledger.reserve(start(usd, more), { session: undefined, day: undefined });
  if (!('id' in made)) throw new Error('refused without a cap');
  if (settled !== undefined) await ledger.settle(made.id, Math.round(settled * USD));
  return made.id;
}

const left = async (caps = FIVE, session = 's1'): Promise<number> =>
  ((await ledger.spending(session, caps)).left?.leftMicroUsd ?? Number.NaN) / USD;

describe('5.3: worked examples, cap $5.00', () => {
  it('a job of $3.00 fits; a second one in the same batch does not', async () => {
    const both = await Promise.all([
      ledger.reserve(start(3), FIVE),
      ledger.reserve(start(3), FIVE),
    ]);
    expect(both.filter((made) => 'id' in made)).toHaveLength(1);
    expect(both.find((made) => 'refused' in made)).toEqual({
      refused: { of: 'session', capMicroUsd: 5 * USD, leftMicroUsd: 2 * USD },
    });
    expect(await left()).toBe(2);
  });

  it.each([
    ['spent 1.00, a job of $2.00', 1, 2, true, 2],
    ['spent 4.00, a job of $2.00', 4, 2, false, 1],
    ['left 3.00, a job of $3.00: equal is enough', 2, 3, true, 0],
  ])('%s', async (_, spent, job, isAllowed, leftAfter) => {
    await spend(spent, spent);
    expect('id' in (await ledger.reserve(start(job), FIVE))).toBe(isAllowed);
    expect(await left()).toBe(leftAfter);
  });

  it('settled 1.00, reserved 1.25, then the real 0.50', async () => {
    await spend(1, 1);
    const id = await spend(1.25);
    expect(await left()).toBe(2.75);
    await ledger.settle(id, 0.5 * USD);
    expect(await left()).toBe(3.5);
  });

  it.each([
    ['ran, nobody knows how long', true, 2.25],
    ['never started', false, 1],
  ])('settled 1.00, reserved 1.25: %s', async (_, hasStarted, spent) => {
    await spend(1, 1);
    const id = await spend(1.25);
    const of = { amountMicroUsd: 1.25 * USD, unitMicroUsd: 25_000 };
    await ledger.settle(id, settledCost(of, { hasStarted, runningS: undefined }));
    expect(await left()).toBe(5 - spent);
  });

  it('a start that was refused by the service is released', async () => {
    await spend(3, 3);
    const id = await spend(2);
    await ledger.release(id);
    expect(await left()).toBe(2);
  });

  it('a killed process leaves its reservation', async () => {
    await spend(3);
    ledger = createLedger({ dir, clock });
    expect(await left()).toBe(2);
    expect(await ledger.entries()).toMatchObject([{ state: 'reserved', amountMicroUsd: 3 * USD }]);
  });

  it('a cap that was lowered leaves nothing, and not less', async () => {
    await spend(3, 3);
    const low = { session: 2 * USD, day: undefined };
    expect(await left(low)).toBe(0);
    expect(await ledger.reserve(start(0.01), low)).toMatchObject({ refused: { leftMicroUsd: 0 } });
  });

  it('a day binds over all sessions; another day begins anew', async () => {
    await spend(19, 19, { session: 'other' });
    const caps = { session: 5 * USD, day: 20 * USD };
    expect(await ledger.reserve(start(2), caps)).toEqual({
      refused: { of: 'day', capMicroUsd: 20 * USD, leftMicroUsd: USD },
    });
    nowMs += DAY_MS;
    expect('id' in (await ledger.reserve(start(2), caps))).toBe(true);
  });

  it('what cannot be priced is recorded and not counted', async () => {
    expect('id' in (await ledger.reserve(start(null), FIVE))).toBe(true);
    expect(await left()).toBe(5);
    expect((await ledger.entries())[0]?.amountMicroUsd).toBeNull();
  });
});

describe('5.2: what happens twice happens once', () => {
  it('settling, releasing and attaching again change nothing, and of an unknown id neither', async () => {
    const id = await spend(2);
    await ledger.attach(id, { kind: 'job', id: 'j1' });
    await ledger.settle(id, USD);
    const before = readFileSync(ledgerFile(dir), 'utf8');
    await ledger.settle(id, 2 * USD);
    await ledger.release(id);
    await ledger.attach(id);
    await ledger.settle('l-unknown', USD);
    expect(readFileSync(ledgerFile(dir), 'utf8')).toBe(before);
    expect((await ledger.entries())[0]).toMatchObject({
      state: 'settled',
      countsMicroUsd: USD,
      subject: { kind: 'job', id: 'j1' },
    });
  });
});

describe('5.1: the file', () => {
  it('cut in the middle of a line it is readable, and goes on with whole lines', async () => {
    await spend(1);
    await spend(2);
    const whole = readFileSync(ledgerFile(dir), 'utf8');
    const second = whole.indexOf('\n') + 1;
    for (const cut of [second + 1, second + 40, whole.length - 1]) {
      truncateSync(ledgerFile(dir), 0);
      appendFileSync(ledgerFile(dir), whole.slice(0, cut));
      expect(await left()).toBe(4);
      await spend(1.5, undefined, { session: 's2' });
      expect((await ledger.entries()).map(({ amountMicroUsd }) => amountMicroUsd)).toEqual([
        USD,
        1.5 * USD,
      ]);
    }
  });

  it.each([
    'no json\n',
    '{}\n',
    '{"id":"l-1","event":"reserve"}\n',
    '{"id":"l-1","event":"settle","amount":-1}\n',
  ])('with a line that says nothing nobody knows what was spent: %j', async (line) => {
    await spend(1);
    const known = (await ledger.entries())[0]?.id ?? '';
    appendFileSync(
      ledgerFile(dir),
      line.replace('l-1', known === '' ? 'l-1' : line.includes('settle') ? known : 'l-9'),
    );
    const damaged = expect.objectContaining({ code: 'record/damaged' });
    await expect(ledger.spending('s1', FIVE)).rejects.toEqual(damaged);
    await expect(ledger.reserve(start(1), FIVE)).rejects.toEqual(damaged);
  });

  it('any sequence of operations counts each amount exactly once', async () => {
    const step = fc.record({
      kind: fc.constantFrom('reserve', 'settle', 'release', 'attach'),
      amount: fc.integer({ min: 0, max: 2 * USD }),
      pick: fc.nat(20),
    });
    const lines: object[] = [];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        lines.length = 0;
        const model = new Map<string, { counts: number; isOver: boolean }>();
        for (const [at, { kind, amount, pick }] of steps.entries()) {
          const ids = [...model.keys()];
          const id =
            kind === 'reserve' ? `l-${at}` : (ids[pick % Math.max(1, ids.length)] ?? 'l-none');
          const one = model.get(id);
          if (kind === 'reserve') {
            model.set(id, { counts: amount, isOver: false });
            lines.push({
              event: kind,
              id,
              amount,
              at_ms: 1,
              day: 'd',
              session: 's',
              tool: 't',
              operation: 'o',
              args_hash: '',
              unit: 1,
              minutes: 1,
              approval: 'auto',
            });
          } else {
            lines.push({ event: kind, id, amount });
            if (one === undefined || one.isOver || kind === 'attach') continue;
            model.set(id, { counts: kind === 'settle' ? amount : 0, isOver: true });
          }
        }
        const entries = parseLedger(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
        const counted = entries.reduce((sum, { countsMicroUsd }) => sum + countsMicroUsd, 0);
        return counted === [...model.values()].reduce((sum, { counts }) => sum + counts, 0);
      }),
    );
  });
});

describe('5.4: thresholds', () => {
  const isPast = async (): Promise<boolean> => (await ledger.spending('s1', FIVE)).isPastThreshold;

  it.each<[Approval]>([['host'], ['elicitation'], ['cli']])(
    'a session that has spent $5 is asked again, until a person agrees (%s)',
    async (approval) => {
      await spend(4.99, 4.99);
      expect(await isPast()).toBe(false);
      await spend(0.01, 0.01);
      expect(await isPast()).toBe(true);
      await spend(1, 1, { approval: 'auto' });
      expect(await isPast()).toBe(true);
      await spend(1, 1, { approval });
      expect(await isPast()).toBe(false);
      await spend(3, 3);
      expect(await isPast()).toBe(true);
    },
  );
});
