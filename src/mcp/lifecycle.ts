/** Ends the process when its client ends it: promptly, after everything that was acknowledged is kept, and once. */
import type { McpClock, McpLog } from './contract.ts';

/** Claude Code sends SIGINT, SIGTERM 100 ms later and SIGKILL about 500 ms after that. */
const FLUSH_LIMIT_MS = 250;

export interface LifecycleOptions {
  readonly log: McpLog;
  readonly clock: McpClock;
  /** Writes down what is not on disk yet and lets go of sockets. Kernels and sandboxes live on. */
  readonly flush: () => Promise<void>;
  readonly exit: (code: number) => void;
}

export interface Lifecycle {
  /** Starts the end; a second call while it lasts ends the process at once. */
  readonly end: (reason: string) => void;
}

/** Watches SIGINT, SIGTERM, SIGHUP and errors nobody caught. The end of the input is told by whoever reads it. */
export function watchLifecycle({ log, clock, flush, exit }: LifecycleOptions): Lifecycle {
  let ending = false;

  const end = (reason: string, code: number, isRepeatable: boolean): void => {
    if (ending) {
      if (!isRepeatable) return;
      log.warn(`${reason}: ending at once`);
      exit(code);
      return;
    }
    ending = true;
    log.info(`ending: ${reason}`);
    clock.after(FLUSH_LIMIT_MS, () => {
      log.warn('ending before everything was saved; the journal has the rest');
      exit(code);
    });
    flush()
      .catch((error: unknown) => log.error(`at the end: ${String(error)}`))
      .finally(() => exit(code));
  };

  // SIGTERM after SIGINT is one client's way to say it once, so only the same signal again is meant as "now".
  const seen = new Set<string>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      end(signal, 0, seen.has(signal));
      seen.add(signal);
    });
  }
  process.on('unhandledRejection', (reason) => log.error(`unhandled rejection: ${textOf(reason)}`));
  process.on('uncaughtException', (error) => {
    log.error(`uncaught exception: ${textOf(error)}`);
    end('uncaught exception', 1, false);
  });
  return { end: (reason) => end(reason, 0, false) };
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
