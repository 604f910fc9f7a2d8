/** Ends one Job. */
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { jobName, jobPath, type JobRef } from './job.ts';

/** The stage has to be read afterwards: an accepted request is no end. */
export async function cancelJob(hub: HubContext, ref: JobRef, signal: AbortSignal): Promise<void> {
  const url = `${hub.hosts().hub}${jobPath(ref)}/cancel`;
  const response = await hub.web.send({ url, method: 'POST' }, signal);
  checkHubAnswer(hub, response, { what: `the Job ${jobName(ref)}`, scope: 'write' });
}
