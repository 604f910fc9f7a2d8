/** Gives work a limit of its own, beside that of its caller. */
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';

/** @throws `timeout` when the limit was what ended it. */
export async function withLimit<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) stop.abort();
  const cancelTimer = clock.after(limitMs, () => stop.abort());
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || signal.aborted) throw error;
    throw new GloveboxError('timeout', `The Hub did not answer within ${limitMs / 1000} s.`, {
      cause: error,
    });
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
  }
}
