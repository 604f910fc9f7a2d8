/** Helpers around AbortSignal: one error for a cancelled call, one for a limit. */
import { GloveboxError } from './errors.ts';

/** The error for a call that its caller gave up. */
export function cancelled(signal?: AbortSignal): GloveboxError {
  return new GloveboxError('cancelled', 'The call was cancelled.', { cause: signal?.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}

/**
 * Waits for `promise`, but not longer than `signal` allows. The promise itself goes on: the end of a wait kills no work.
 *
 * @throws GloveboxError `cancelled` when the signal fires first.
 */
export function abandonOn<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(cancelled(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(cancelled(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
