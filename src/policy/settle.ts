/** Settles what has ended: looks at every open entry of the ledger, and at the record of the sandbox it pays for. */
import type { MicroUsd } from '#core/money.ts';
import { settledCost } from './cost.ts';
import type { Ledger } from './ledger.ts';
import { isOpen, type LedgerEntry } from './ledger-lines.ts';

/** What is on record about a sandbox, as far as money is concerned. */
export interface SandboxFate {
  readonly hasEnded: boolean;
  /** When it was asked for, the last time. */
  readonly claimedMs: number;
  /** When the machine itself began to cost, where that is known. */
  readonly paidSinceMs?: number;
  /** What machines rented on the way to it have cost at most, where that is known. */
  readonly beforehandMicroUsd?: MicroUsd;
  /** When it ended, where that is known. */
  readonly endMs?: number;
  /** Why its start failed. */
  readonly failureCode?: string;
  /** A machine was rented for it, whatever became of that. */
  readonly wasRented?: boolean;
}

export type Settlement =
  | { readonly kind: 'open' }
  | { readonly kind: 'release' }
  | { readonly kind: 'settle'; readonly amountMicroUsd: MicroUsd };

/** A start that its process did not survive is not waited for any longer. */
const NEVER_ASKED_MS = 10 * 60_000;
const GRACE_MS = 10 * 60_000;

/** Waited for in a queue, which costs nothing. */
const NEVER_FREE = 'sandbox/no-capacity';

/** Failures that say, of a start that had not rented one yet, that no machine was rented. */
const NOTHING_RENTED: ReadonlySet<string> = new Set([
  'config/invalid',
  'input/invalid',
  'backend/unavailable',
  'path/not-found',
  'path/not-allowed',
  'remote/auth-required',
  'remote/forbidden',
  'remote/billing',
  'remote/gated',
  'remote/not-found',
  'remote/rate-limited',
  'sandbox/image-failed',
  'sandbox/name-taken',
  NEVER_FREE,
  'sandbox/over-budget',
]);

/** A failure before the machine itself was asked for: only what was rented on the way has cost something. */
const BEFOREHAND_ONLY = 'sandbox/weights-failed';

/** Undefined: there is no record of it. Pure. */
export function settlementOf(
  entry: LedgerEntry,
  fate: SandboxFate | undefined,
  nowMs: number,
): Settlement {
  const { atMs, minutes } = entry;
  const reservedBefore = entry.beforehandMicroUsd ?? 0;
  const beforehand = Math.min(reservedBefore, fate?.beforehandMicroUsd ?? reservedBefore);
  const own = (entry.amountMicroUsd ?? 0) - reservedBefore;
  const settle = (runningS: number | undefined, hasStarted = true): Settlement => ({
    kind: 'settle',
    amountMicroUsd:
      beforehand + settledCost({ ...entry, amountMicroUsd: own }, { hasStarted, runningS }),
  });
  const isOver = minutes > 0 && nowMs > atMs + minutes * 60_000 + GRACE_MS;
  // A claim that is older is of an earlier start: this one was reserved and then not asked for.
  const wasAsked = entry.state === 'attached' || (fate !== undefined && fate.claimedMs >= atMs);
  if (!wasAsked) return nowMs - atMs > NEVER_ASKED_MS ? { kind: 'release' } : { kind: 'open' };
  if (fate === undefined || !fate.hasEnded) return isOver ? settle(undefined) : { kind: 'open' };
  const { endMs, failureCode } = fate;
  if (isWithoutMachine(fate))
    return (fate.beforehandMicroUsd ?? 0) > 0 ? settle(0, false) : { kind: 'release' };
  // It ended before this was reserved: what is on record is an earlier life of it.
  if (endMs !== undefined && endMs < atMs) return isOver ? settle(undefined) : { kind: 'open' };
  if (failureCode === BEFOREHAND_ONLY) return settle(0, false);
  const sinceMs = Math.max(atMs, fate.paidSinceMs ?? atMs);
  return settle(endMs === undefined ? undefined : (endMs - sinceMs) / 1000);
}

const isWithoutMachine = ({ failureCode, wasRented = false }: SandboxFate): boolean =>
  failureCode !== undefined &&
  NOTHING_RENTED.has(failureCode) &&
  (!wasRented || failureCode === NEVER_FREE);

/**
 * Of several starts of one sandbox only the newest can still run: the one before ended when that was made. What was reserved and not
 * asked for yet says nothing: whoever asks at the same moment may still find the sandbox alive.
 */
export async function settleOpenEntries(
  ledger: Ledger,
  fateOf: (sandboxId: string) => Promise<SandboxFate | undefined>,
  nowMs: number,
): Promise<void> {
  const open = (await ledger.entries()).filter(
    (entry) => isOpen(entry) && entry.subject?.kind === 'sandbox',
  );
  for (const entry of open) {
    const id = entry.subject?.id ?? '';
    const next = open.find(
      (other) => other.subject?.id === id && other.state === 'attached' && other.atMs > entry.atMs,
    );
    const fate: SandboxFate | undefined =
      next === undefined
        ? await fateOf(id)
        : { hasEnded: true, claimedMs: entry.atMs, endMs: next.atMs };
    const settlement = settlementOf(entry, fate, nowMs);
    if (settlement.kind === 'release') await ledger.release(entry.id);
    if (settlement.kind === 'settle') await ledger.settle(entry.id, settlement.amountMicroUsd);
  }
}
