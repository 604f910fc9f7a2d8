/** Waits until a Job has ended, for a little while. */
import { sleep } from '#platform/clock.ts';
import type { HubContext } from '../context.ts';
import { getJob } from './get-job.ts';
import { isFinal, type Job, type JobRef } from './job.ts';

const EVERY_MS = 500;

/** @returns the Job as it was at last, ended or not. */
export async function untilFinal(
  hub: HubContext,
  ref: JobRef,
  waitMs: number,
  signal: AbortSignal,
): Promise<Job> {
  const deadline = hub.clock.monotonic() + waitMs;
  for (;;) {
    const job = await getJob(hub, ref, signal);
    if (isFinal(job.status.stage) || hub.clock.monotonic() >= deadline) return job;
    await sleep(hub.clock, EVERY_MS, signal);
  }
}
