/**
 * Decides when a pong is written for what was received (C7).
 *
 * The server keeps back a small write until its last one is acknowledged, and the operating system acknowledges 40 ms late
 * unless there is something to send. So a pong follows what we received at once. In a flood of output that would cost more than
 * the output itself (30 microseconds here and as much in the server, which then falls behind its kernel and loses messages), and
 * there nobody waits for a single message: after a burst, pongs are spaced out.
 */
import type { Clock } from '#platform/clock.ts';

/** Enough for all messages of any ordinary cell. */
const BURST = 64;
const REFILL_PER_MS = 0.1;
const SPACING_MS = 5;

export interface Acknowledger {
  /** Something was read from the socket. */
  received(nowMs: number): void;
  /** We sent a request: its answers are waited for. */
  sent(): void;
  stop(): void;
}

export function createAcknowledger(clock: Clock, pong: () => void): Acknowledger {
  let credit = BURST;
  let creditAtMs = clock.monotonic();
  let done = false;
  let cancelTimer: (() => void) | undefined;

  const nextRead = (): void => {
    done = false;
  };
  const late = (): void => {
    cancelTimer = undefined;
    pong();
  };

  return {
    received(nowMs) {
      // One for all messages that one read of the socket brought.
      if (done || cancelTimer !== undefined) return;
      credit = Math.min(BURST, credit + (nowMs - creditAtMs) * REFILL_PER_MS);
      creditAtMs = nowMs;
      if (credit < 1) {
        cancelTimer = clock.after(SPACING_MS, late, { background: true });
        return;
      }
      credit -= 1;
      done = true;
      queueMicrotask(nextRead);
      pong();
    },
    sent: () => (credit = BURST),
    stop: () => cancelTimer?.(),
  };
}
