/** Says why a sandbox ended, from the final stage of its Job. Pure. */
import type { HubJob } from './hub-jobs.ts';
import type { JobEnd } from './record.ts';

export interface EndFacts {
  readonly wasStopped: boolean;
  readonly wasReady: boolean;
}

export function endOf(
  job: Pick<HubJob, 'stage' | 'message'> | undefined,
  { wasStopped, wasReady }: EndFacts,
): Pick<JobEnd, 'cause' | 'message'> {
  if (wasStopped) return { cause: 'stopped', message: 'It was stopped on request.' };
  if (job === undefined || job.stage === 'DELETED')
    return { cause: 'unknown', message: 'The Hub does not know its Job any more.' };
  const { stage, message } = job;
  const words =
    message === undefined ? `its Job ended as ${stage}` : `its Job ended as ${stage}: ${message}`;
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
