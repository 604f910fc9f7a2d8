/** Says why a sandbox ended, from the exit code that Modal tells. Pure. */
import type { ModalEnd } from './record.ts';

/** The SDK's own codes for an end by the service. */
const TIME_LIMIT = 124;
const TERMINATED = 137;

export interface EndFacts {
  readonly wasStopped: boolean;
  readonly wasReady: boolean;
  readonly deadlineMs?: number | undefined;
}

export function endOf(
  code: number | 'unknown-id',
  { wasStopped, wasReady }: EndFacts,
): Pick<ModalEnd, 'cause' | 'message'> {
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
