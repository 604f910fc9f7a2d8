/** Our own ping and silence limit on a socket, independent of what the server sends (C9). */
import type { Clock } from '#platform/clock.ts';

const PING_EVERY_MS = 20_000;
const SILENCE_MS = 45_000;
/** A timer this late means that we did not run (suspended, or blocked), so silence proves nothing yet. */
const LATE_MS = 1000;
const GRACE_MS = 5000;

export interface Heartbeat {
  /** Something arrived. Answers the time, so that nobody asks for it twice. */
  received(): number;
  stop(): void;
}

export function startHeartbeat(options: {
  readonly clock: Clock;
  ping(): void;
  onSilence(reason: string): void;
}): Heartbeat {
  const { clock } = options;
  let heardAt = clock.monotonic();
  let pingAt = heardAt + PING_EVERY_MS;
  let cancelTimer: (() => void) | undefined;

  const schedule = (): void => {
    const dueAt = Math.min(pingAt, heardAt + SILENCE_MS);
    const waitMs = Math.max(0, dueAt - clock.monotonic());
    cancelTimer = clock.after(waitMs, () => beat(dueAt), { background: true });
  };
  const beat = (dueAt: number): void => {
    const now = clock.monotonic();
    if (now - heardAt >= SILENCE_MS) {
      if (now - dueAt < LATE_MS) {
        options.onSilence(`nothing was received for ${SILENCE_MS / 1000} s`);
        return;
      }
      heardAt = now - SILENCE_MS + GRACE_MS;
    }
    if (now >= pingAt) {
      pingAt = now + PING_EVERY_MS;
      options.ping();
    }
    schedule();
  };
  schedule();
  return {
    received: () => (heardAt = clock.monotonic()),
    stop: () => cancelTimer?.(),
  };
}
