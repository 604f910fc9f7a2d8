/** A clock for code that pauses: every pause is over at once, and time has passed. */
import type { Clock } from '#platform/clock.ts';

export interface HurriedClock extends Clock {
  /** The pauses that were asked for, in milliseconds. */
  readonly pauses: readonly number[];
  advance(ms: number): void;
}

export function createHurriedClock(startMs = 1_760_000_000_000): HurriedClock {
  let elapsed = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    advance: (ms) => void (elapsed += ms),
    after(ms, callback) {
      pauses.push(ms);
      const due = elapsed + ms;
      const timer = setImmediate(() => {
        elapsed = Math.max(elapsed, due);
        callback();
      });
      return () => clearImmediate(timer);
    },
  };
}
