/** Gives work a limit of its own, beside that of its caller. */
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from './clock.ts';

export interface Limit {
  readonly clock: Clock;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Who is waited for, as a text begins: `Modal`, `The Hub`. */
  readonly who: string;
}

/**
 * Gives `work` a signal that also fires after `limitMs`.
 *
 * @throws `timeout` when the limit was what ended it.
 */
export async function withLimit<T>(
  { clock, limitMs, signal, who }: Limit,
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
    throw new GloveboxError('timeout', `${who} did not answer within ${limitMs / 1000} s.`, {
      cause: error,
    });
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
  }
}
