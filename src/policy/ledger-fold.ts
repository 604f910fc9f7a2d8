/** Keeps the ledger small: of what is over for long only what still counts is left. Pure. */
import { dayOf, isOpen, thresholdOf, type LedgerEntry } from './ledger-lines.ts';

const DAY_MS = 86_400_000;
/** A conversation that has spent nothing for so long begins anew. */
const FORGOTTEN_MS = 90 * DAY_MS;

/**
 * The same ledger, shorter: what each session spends, where its threshold is, what today spends and what is open are as before.
 *
 * Of a session, everything up to the first entry that is open, or of today or yesterday, becomes one entry, so that the order in which
 * a person agreed and money was spent stays what it was. Sessions that have ended 90 days ago are left out.
 */
export function foldEntries(
  entries: readonly LedgerEntry[],
  nowMs: number,
): readonly LedgerEntry[] {
  const recent = new Set([dayOf(nowMs), dayOf(nowMs - DAY_MS)]);
  const isKept = (entry: LedgerEntry): boolean =>
    isOpen(entry) || recent.has(entry.day) || entry.atMs > nowMs;
  const sessions = new Map<string, LedgerEntry[]>();
  for (const entry of entries) {
    const own = sessions.get(entry.session);
    if (own === undefined) sessions.set(entry.session, [entry]);
    else own.push(entry);
  }
  const carried: LedgerEntry[] = [];
  const kept = new Set<string>();
  for (const [session, own] of sessions) {
    const first = own.findIndex(isKept);
    const old = first < 0 ? own : own.slice(0, first);
    for (const { id } of first < 0 ? [] : own.slice(first)) kept.add(id);
    const last = old.at(-1);
    if (last === undefined || (first < 0 && last.atMs < nowMs - FORGOTTEN_MS)) continue;
    const counts = old.reduce((sum, { countsMicroUsd }) => sum + countsMicroUsd, 0);
    carried.push({
      ...last,
      day: '',
      tool: '',
      operation: 'earlier',
      state: 'settled',
      approval: 'auto',
      subject: undefined,
      amountMicroUsd: counts,
      beforehandMicroUsd: 0,
      countsMicroUsd: counts,
      carriedThreshold: thresholdOf(old, session),
    });
  }
  return [...carried, ...entries.filter(({ id }) => kept.has(id))];
}
