/** A clock that moves only when a test says so. */
import type { Clock } from '#platform/clock.ts';

export interface ManualClock extends Clock {
  /** Moves the time and runs, in order, what falls due on the way. */
  advance(ms: number): void;
  /** Moves the time as a suspended machine does: everything that was due runs late, at the end. */
  jump(ms: number): void;
  /** How many timers wait. */
  readonly pending: number;
  /** How long until the first of them is due; infinite when none waits. */
  readonly nextMs: number;
}

export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let elapsed = 0;
  const timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  const runDue = (): boolean => {
    const due = [...timers].filter((timer) => timer.dueMs <= elapsed);
    const next = due.toSorted((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) return false;
    timers.delete(next);
    next.callback();
    return true;
  };

  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after(ms, callback) {
      const timer = { dueMs: elapsed + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        const next = Math.min(...[...timers].map((timer) => timer.dueMs));
        if (next > end) break;
        elapsed = Math.max(elapsed, next);
        runDue();
      }
      elapsed = end;
    },
    jump(ms) {
      elapsed += ms;
      const late = timers.size;
      for (let count = 0; count < late && runDue(); count += 1);
    },
    get pending() {
      return timers.size;
    },
    get nextMs() {
      return Math.min(...[...timers].map((timer) => timer.dueMs)) - elapsed;
    },
  };
}
