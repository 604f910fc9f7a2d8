/** Says why a sandbox ended, from the final stage of its Job. Pure. */
import type { EndFacts, EndReason } from '#sandbox/rented/provider.ts';
import type { HubJob } from './hub-jobs.ts';

type Ended = Pick<HubJob, 'stage' | 'message'> | undefined;

export function endOf(job: Ended, { wasStopped, wasReady }: EndFacts): EndReason {
  if (wasStopped) return { cause: 'stopped', message: 'It was stopped on request.' };
  if (job === undefined || job.stage === 'DELETED')
    return { cause: 'unknown', message: 'The Hub does not know its Job any more.' };
  const { stage, message } = job;
  const words = `its Job ${howOf(job)}`;
  if (stage === 'CANCELED')
    return { cause: 'cancelled', message: `Somebody or the service cancelled it: ${words}.` };
  if (/time.?(d )?out|time limit/i.test(message ?? ''))
    return { cause: 'time-limit', message: `The Hub ended it at its time limit: ${words}.` };
  if (!wasReady)
    return { cause: 'start-failed', message: `It ended before it answered: ${words}.` };
  if (stage === 'COMPLETED')
    return {
      cause: 'idle',
      message: 'Its Jupyter server ended itself, because nobody had used it for long.',
    };
  return { cause: 'failed', message: `It broke: ${words}.` };
}

/** The same in few words, after the name of a Job. */
export function howOf(job: Ended): string {
  if (job === undefined) return 'was forgotten by the Hub';
  const { stage, message } = job;
  return message === undefined ? `ended as ${stage}` : `ended as ${stage}: ${message}`;
}
