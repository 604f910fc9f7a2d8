/** Settles Jobs that have ended: looks at every open entry of the ledger, and asks where they run. */
import { settledCost } from './cost.ts';
import type { Ledger } from './ledger.ts';
import { isOpen, type LedgerEntry } from './ledger-lines.ts';

/** What is known about a Job, as far as money is concerned. `unknown`: nobody could be asked. */
export type JobFate =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'live' }
  | {
      readonly kind: 'ended';
      readonly hasStarted: boolean;
      readonly runningS: number | undefined;
    };

/** An entry whose request was not answered is looked up for so long; then it never came to be. */
const NEVER_ASKED_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
const GRACE_MS = 10 * 60_000;

/**
 * @param fateOf asked for each open entry of a Job. Its subject is what marks the request, or the Job itself.
 */
export async function settleOpenJobs(
  ledger: Ledger,
  fateOf: (entry: LedgerEntry) => Promise<JobFate>,
  nowMs: number,
): Promise<void> {
  const open = (await ledger.entries()).filter(
    (entry) => isOpen(entry) && entry.subject?.kind === 'job',
  );
  await Promise.all(
    open.map(async (entry) => {
      const { id, atMs, minutes, operation } = entry;
      const amountMicroUsd = entry.amountMicroUsd ?? 0;
      // What the first day of a schedule can cost is settled as it is.
      if (operation.startsWith('scheduled')) {
        if (nowMs > atMs + DAY_MS) await ledger.settle(id, amountMicroUsd);
        return;
      }
      const fate = await fateOf(entry);
      if (fate.kind === 'ended')
        await ledger.settle(id, settledCost({ ...entry, amountMicroUsd }, fate));
      else if (fate.kind === 'missing' && nowMs > atMs + NEVER_ASKED_MS)
        await (entry.state === 'attached' ? ledger.settle(id, amountMicroUsd) : ledger.release(id));
      else if (minutes > 0 && nowMs > atMs + minutes * 60_000 + DAY_MS + GRACE_MS)
        await ledger.settle(id, amountMicroUsd);
    }),
  );
}
