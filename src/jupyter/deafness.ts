/**
 * Gives up a socket on which the kernel is not heard.
 *
 * A server that is connected to while it restarts its kernel may listen to the dead process for a minute, with the socket open. A
 * new socket hears the new process. Nothing is lost by it when it is the kernel that is silent.
 */
import type { Clock } from '#platform/clock.ts';
import type { KernelSocket } from './socket.ts';

const DEAF_MS = 10_000;
/** Where a new socket did not help either, the server is left to its own limit of 60 s, or it would begin anew each time. */
const DEAF_AGAIN_MS = 70_000;

export interface DeafnessWatch {
  /** A socket was opened to a kernel that has answered before. */
  start(): void;
  stop(): void;
}

export function createDeafnessWatch(options: {
  readonly clock: Clock;
  socket(): KernelSocket | undefined;
  /** Whether an answer of the kernel is still waited for. */
  isWaiting(): boolean;
  reopen(reason: string): void;
}): DeafnessWatch {
  let cancelTimer: (() => void) | undefined;
  let wasDeaf = false;
  return {
    start() {
      const socket = options.socket();
      cancelTimer = options.clock.after(
        wasDeaf ? DEAF_AGAIN_MS : DEAF_MS,
        () => {
          wasDeaf = options.isWaiting();
          if (!wasDeaf || options.socket() !== socket) return;
          options.reopen('the kernel was not heard on it');
        },
        { background: true },
      );
    },
    stop: () => cancelTimer?.(),
  };
}
