/** Asks the Hub what became of a Job that was paid for, for the ledger. */
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from '#hub/context.ts';
import { REQUEST_LABEL } from '#hub/jobs/if-unanswered.ts';
import { getJob } from '#hub/jobs/get-job.ts';
import { isFinal, type Job } from '#hub/jobs/job.ts';
import { listJobs } from '#hub/jobs/list-jobs.ts';
import type { LedgerEntry } from '#policy/ledger-lines.ts';
import type { JobFate } from '#policy/settle-jobs.ts';

const LIMIT_MS = 5000;

/** The answer never rejects. @param signal of whoever waits a shorter time than is taken without it. */
export function createJobFates(
  hub: HubContext,
): (entry: LedgerEntry, signal?: AbortSignal) => Promise<JobFate> {
  return async ({ namespace, subject }, signal) => {
    if (namespace === undefined || subject === undefined) return { kind: 'unknown' };
    const stop = new AbortController();
    const cancelLimit = hub.clock.after(LIMIT_MS, () => stop.abort(), { background: true });
    const giveUp = (): void => stop.abort();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      const [owner, id] = subject.id.split('/');
      const job =
        owner !== undefined && id !== undefined
          ? await getJob(hub, { namespace: owner, id }, stop.signal)
          : await findByRequest(hub, namespace, subject.id, stop.signal);
      if (job === undefined) return { kind: 'missing' };
      if (!isFinal(job.status.stage)) return { kind: 'live' };
      const hasStarted = job.startedAt !== undefined;
      return { kind: 'ended', hasStarted, runningS: runningSecondsOf(job) };
    } catch (error) {
      return { kind: isGloveboxError(error, 'remote/not-found') ? 'missing' : 'unknown' };
    } finally {
      signal?.removeEventListener('abort', giveUp);
      cancelLimit();
    }
  };
}

async function findByRequest(
  hub: HubContext,
  namespace: string,
  request: string,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const filter = { labels: { [REQUEST_LABEL]: request }, limit: 1 };
  return (await listJobs(hub, namespace, filter, signal))[0];
}

function runningSecondsOf({ durations, startedAt, finishedAt }: Job): number | undefined {
  if (durations?.runningSecs !== undefined) return durations.runningSecs;
  return startedAt === undefined || finishedAt === undefined
    ? undefined
    : (finishedAt - startedAt) / 1000;
}
