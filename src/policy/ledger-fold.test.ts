import fc from 'fast-check';
import { expect, it } from 'vitest';
import { foldEntries } from './ledger-fold.ts';
import {
  APPROVALS,
  dayOf,
  isOpen,
  linesOf,
  parseLedger,
  spentBy,
  thresholdOf,
  type LedgerEntry,
} from './ledger-lines.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 21, 12);
const SESSIONS = ['a', 'b', 'c'];
const TODAY = dayOf(NOW);

const step = fc.record({
  session: fc.constantFrom(...SESSIONS),
  daysAgo: fc.integer({ min: 0, max: 6 }),
  state: fc.constantFrom('reserved', 'attached', 'settled', 'settled', 'released'),
  approval: fc.constantFrom(...APPROVALS),
  amount: fc.integer({ min: 0, max: 4_000_000 }),
});

const ledgerOf = fc.array(step, { maxLength: 40 }).map((steps): readonly LedgerEntry[] =>
  steps
    .toSorted((one, other) => other.daysAgo - one.daysAgo)
    .map(({ session, daysAgo, state, approval, amount }, at) => {
      const atMs = NOW - daysAgo * DAY_MS;
      return {
        id: `l-${at}`,
        session,
        tool: 'hf_jobs',
        operation: 'run',
        argsHash: 'h',
        namespace: 'me',
        hardware: undefined,
        unitMicroUsd: 1,
        minutes: 1,
        amountMicroUsd: amount,
        approval,
        subject: { kind: 'job', id: `me/${at}` },
        atMs,
        day: dayOf(atMs),
        state,
        countsMicroUsd: state === 'released' ? 0 : amount,
      };
    }),
);

const textOf = (entries: readonly LedgerEntry[]): string =>
  entries
    .flatMap(linesOf)
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

/** Everything that a decision looks at. */
const meaningOf = (entries: readonly LedgerEntry[]) => ({
  sessions: SESSIONS.map((session) => [
    spentBy(entries, (entry) => entry.session === session),
    thresholdOf(entries, session),
  ]),
  today: spentBy(entries, ({ day }) => day === TODAY),
  open: entries.filter(isOpen),
});

it('5.1: what is folded means the same, once and again, also when it is read back', () => {
  fc.assert(
    fc.property(ledgerOf, fc.integer({ min: 0, max: 3 }), (entries, later) => {
      const nowMs = NOW + later * DAY_MS;
      const once = parseLedger(textOf(foldEntries(entries, NOW)));
      const twice = parseLedger(textOf(foldEntries(once, nowMs)));
      expect(meaningOf(once)).toEqual(meaningOf(entries));
      expect(meaningOf(twice).sessions).toEqual(meaningOf(entries).sessions);
      expect(meaningOf(twice).open).toEqual(meaningOf(entries).open);
    }),
  );
});

it('5.1: it gets short, and forgets a session that ended long ago', () => {
  const [[made] = []] = fc.sample(
    ledgerOf.filter((entries) => entries.length > 0),
    1,
  );
  if (made === undefined) throw new Error('no entry');
  const old = Array.from({ length: 1000 }, (_, at) => ({
    ...made,
    id: `l-${at}`,
    session: at < 600 ? 'a' : 'b',
    state: 'settled' as const,
    countsMicroUsd: 10,
    atMs: NOW - (at < 600 ? 100 : 5) * DAY_MS,
    day: 'earlier',
  }));
  const folded = foldEntries(old, NOW);
  expect(folded.map(({ session, countsMicroUsd }) => [session, countsMicroUsd])).toEqual([
    ['b', 4000],
  ]);
});
