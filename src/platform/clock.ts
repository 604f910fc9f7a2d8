/** Time, injected, so that a test can move it. */
import { cancelled } from '#core/abort.ts';

export interface Clock {
  /** Wall clock in milliseconds since the epoch; may jump. For records and texts. */
  now(): number;
  /** Milliseconds that never go back; for durations and limits. */
  monotonic(): number;
  /**
   * Calls back once after `ms`. The returned function cancels.
   * A background timer does not keep the process alive; every other one does.
   */
  after(ms: number, callback: () => void, options?: { readonly background?: boolean }): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback, options) {
    const timer = setTimeout(callback, ms);
    if (options?.background === true) timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Waits `ms` of the clock.
 *
 * @throws GloveboxError `cancelled` when the signal fires first.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(cancelled(signal));
    const onAbort = (): void => {
      cancelTimer();
      reject(cancelled(signal));
    };
    const cancelTimer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    return undefined;
  });
}
