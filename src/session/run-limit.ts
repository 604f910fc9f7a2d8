/** The caller's own limit for a run; nothing else ever interrupts one (R3). */
import type { Clock } from '#platform/clock.ts';
import type { Run } from './run.ts';

const CHECK_MS = 1000;

/** Calls `interrupt` once when the run has not ended `timeoutMs` after it was sent. Waiting for its turn does not count. */
export function interruptAfter(
  run: Run,
  timeoutMs: number,
  clock: Clock,
  interrupt: (run: Run) => void,
): void {
  const check = (): void => {
    if (run.isFinal) return;
    const leftMs = run.record.sentMs === undefined ? timeoutMs : timeoutMs - run.elapsedMs();
    if (leftMs > 0) {
      clock.after(Math.min(leftMs, CHECK_MS), check, { background: true });
      return;
    }
    run.notices.push(`It was interrupted because its timeout_s of ${timeoutMs / 1000} s was over.`);
    interrupt(run);
  };
  clock.after(Math.min(timeoutMs, CHECK_MS), check, { background: true });
}
