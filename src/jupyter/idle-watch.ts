/**
 * Notices that the idle of a finished request was lost, so that its run does not seem to go on for ever.
 *
 * A kernel that prints thousands of messages a second faster than the server reads them drops broadcasts, and the idle can be
 * one of them. The broadcasts that do arrive are in order. So when the reply is here, and then the status of a later request of
 * ours arrives on the same channel, an idle that did not come before it will not come.
 */
import type { Clock } from '#platform/clock.ts';
import type { ControlRequests } from './control.ts';
import type { TrackedExecution } from './execution.ts';

/** Usually both arrive within a millisecond. */
const PATIENCE_MS = 1000;

export interface IdleWatch {
  /** The reply is here and the idle is not. */
  start(tracked: TrackedExecution): void;
  stop(tracked: TrackedExecution): void;
  stopAll(): void;
}

export function createIdleWatch(options: {
  readonly clock: Clock;
  readonly control: ControlRequests;
  onIdleLost(tracked: TrackedExecution): void;
}): IdleWatch {
  const { clock, control } = options;
  const watched = new Map<TrackedExecution, () => void>();

  const stop = (tracked: TrackedExecution): void => {
    watched.get(tracked)?.();
    watched.delete(tracked);
  };

  const ask = (tracked: TrackedExecution): void => {
    const stopListening = control.send('kernel_info_request', {
      onReply: () => undefined,
      onStatus: () => {
        stop(tracked);
        options.onIdleLost(tracked);
      },
    });
    const cancelTimer = clock.after(PATIENCE_MS, () => {
      stopListening?.();
      ask(tracked);
    });
    watched.set(tracked, () => {
      cancelTimer();
      stopListening?.();
    });
  };

  return {
    start(tracked) {
      if (watched.has(tracked)) return;
      watched.set(
        tracked,
        clock.after(PATIENCE_MS, () => ask(tracked)),
      );
    },
    stop,
    stopAll: () => {
      for (const tracked of watched.keys()) stop(tracked);
    },
  };
}
