/** Puts what rented machines say beside what is on record, at the start of a server and then now and again (M15). */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { BackendId } from './backend.ts';
import type { Sandboxes } from './sandboxes.ts';

const EVERY_MS = 600_000;
/** The engine ends a machine at its limit by itself; one that still runs so long after it was forgotten there. */
const OVERDUE_MS = 120_000;

export interface ReconcileOptions {
  readonly sandboxes: Pick<Sandboxes, 'adopt' | 'list' | 'rentedInUse' | 'settle' | 'stop'>;
  readonly projectDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Sandboxes of this project that no record names are put on record, those past their deadline are ended, and records of what is gone
 * say so; an end that could not be confirmed is asked for again, and what one that ended wrote for keeps is brought home. Of back ends that rent machines, and only of those that somebody here
 * uses: nobody else is asked. Never fails.
 */
export async function reconcile(options: ReconcileOptions, signal: AbortSignal): Promise<void> {
  const { sandboxes, projectDir, log } = options;
  for (const id of await sandboxes.rentedInUse()) {
    try {
      await sandboxes.adopt(projectDir, signal, [id]);
      await endOverdue(id, options, signal);
      for (const note of await sandboxes.settle(id, signal)) log.info(note);
    } catch (error) {
      if (signal.aborted) return;
      log.info(`${id} was not looked through: ${messageOf(error)}`);
    }
  }
}

async function endOverdue(
  backend: BackendId,
  { sandboxes, clock, log }: ReconcileOptions,
  signal: AbortSignal,
): Promise<void> {
  // What is listed was asked: what is gone is on record as gone after that.
  for (const { id, status } of await sandboxes.list({ backend }, signal)) {
    const { deadlineMs = Number.POSITIVE_INFINITY } = status;
    if (clock.now() < deadlineMs + OVERDUE_MS) continue;
    log.warn(`Sandbox ${id} runs past its deadline, and is ended.`);
    await sandboxes.stop(id, signal).catch((error: unknown) => {
      if (!isGloveboxError(error, 'sandbox/stop-failed')) throw error;
      log.error(error.message);
    });
  }
}

/** Does it now and every ten minutes, until the signal fires; one look after the other. */
export function keepReconciled(options: ReconcileOptions, signal: AbortSignal): void {
  const { clock } = options;
  const look = async (): Promise<void> => {
    await reconcile(options, signal);
    if (!signal.aborted) clock.after(EVERY_MS, () => void look(), { background: true });
  };
  void look();
}
