/** Asks how one Job stands. */
import type { HubContext } from '../context.ts';
import { askHub } from '../request.ts';
import { jobAnswer, jobName, jobPath, type Job, type JobRef } from './job.ts';

/** @throws GloveboxError `remote/not-found`, and what `askHub` throws. */
export async function getJob(hub: HubContext, ref: JobRef, signal: AbortSignal): Promise<Job> {
  const question = { path: jobPath(ref), schema: jobAnswer, what: `the Job ${jobName(ref)}` };
  return (await askHub(hub, question, signal)).data;
}
