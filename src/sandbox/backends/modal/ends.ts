/** Says why a sandbox ended, from the exit code that Modal tells. Pure. */
import type { EndFacts, EndReason } from '#sandbox/rented/provider.ts';

/** The SDK's own codes for an end by the service. */
const TIME_LIMIT = 124;
const TERMINATED = 137;

export function endOf(code: number | 'unknown-id', { wasStopped, wasReady }: EndFacts): EndReason {
  if (wasStopped) return { cause: 'stopped', message: 'It was stopped on request.' };
  if (code === 'unknown-id')
    return { cause: 'unknown', message: 'Modal does not know it any more.' };
  if (code === TIME_LIMIT)
    return { cause: 'time-limit', message: 'Modal ended it at its time limit (exit code 124).' };
  if (code === TERMINATED) {
    return {
      cause: 'cancelled',
      message:
        'It was terminated at Modal, by another person or by the service (exit code 137); a machine that ran out of memory looks the same.',
    };
  }
  if (!wasReady)
    return {
      cause: 'start-failed',
      message: `Its main process ended with exit code ${code} before it answered.`,
    };
  if (code === 0)
    return {
      cause: 'idle',
      message: 'Its Jupyter server ended itself, because nobody had used it for long.',
    };
  return { cause: 'failed', message: `Its main process ended with exit code ${code}.` };
}

/** The same in few words, after the name of a machine. */
export const howOf = (code: number | 'unknown-id'): string =>
  code === 'unknown-id' ? 'was forgotten by Modal' : `ended with exit code ${code}`;
