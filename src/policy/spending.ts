/** How a session and the day stand, read from the ledger. Apart from what writes it: a hook reads it before every paid call. */
import type { MicroUsd } from '#core/money.ts';
import { readTextIfExists } from '#platform/files.ts';
import type { Caps } from './caps.ts';
import {
  dayOf,
  parseLedger,
  spentBy,
  thresholdOf,
  type LedgerEntry,
  type Spent,
} from './ledger-lines.ts';
import { ledgerFile } from './policy-dir.ts';

export interface Spending {
  readonly session: Spent;
  readonly day: Spent;
  /** The session has spent so much that a person is asked although the budget would carry more. */
  readonly isPastThreshold: boolean;
  /** The smaller one of what the caps leave; undefined without any cap. Never negative. */
  readonly left: Shortage | undefined;
}

/** Which cap leaves the least, and how much. */
export interface Shortage {
  readonly of: 'session' | 'day';
  readonly capMicroUsd: MicroUsd;
  readonly leftMicroUsd: MicroUsd;
}

/** Every entry, oldest first. @throws `record/damaged` when nobody can tell what was spent; `storage/failed`. */
export async function readLedger(dir: string): Promise<readonly LedgerEntry[]> {
  return parseLedger((await readTextIfExists(ledgerFile(dir))) ?? '');
}

export function spendingIn(
  entries: readonly LedgerEntry[],
  session: string,
  caps: Caps,
  nowMs: number,
): Spending {
  const today = dayOf(nowMs);
  const ofSession = spentBy(entries, (entry) => entry.session === session);
  const ofDay = spentBy(entries, (entry) => entry.day === today);
  const shortages = [
    ...(caps.session === undefined ? [] : [shortage('session', caps.session, ofSession)]),
    ...(caps.day === undefined ? [] : [shortage('day', caps.day, ofDay)]),
  ];
  return {
    session: ofSession,
    day: ofDay,
    isPastThreshold: total(ofSession) >= thresholdOf(entries, session),
    left: shortages.toSorted((a, b) => a.leftMicroUsd - b.leftMicroUsd)[0],
  };
}

export const total = ({ settledMicroUsd, reservedMicroUsd }: Spent): MicroUsd =>
  settledMicroUsd + reservedMicroUsd;

const shortage = (of: Shortage['of'], capMicroUsd: MicroUsd, spent: Spent): Shortage => ({
  of,
  capMicroUsd,
  leftMicroUsd: Math.max(0, capMicroUsd - total(spent)),
});
