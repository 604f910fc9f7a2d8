/** Asks for one Job, once; what became of a request that was not answered is found out by its label. */
import type { HubContext } from '../context.ts';
import { askHub } from '../request.ts';
import { ifUnanswered, REQUEST_LABEL } from './if-unanswered.ts';
import { jobAnswer, type Job, type JobRequest } from './job.ts';
import { listJobs } from './list-jobs.ts';

/** The service may build or look up an image before it answers. */
const TIMEOUT_MS = 60_000;

/**
 * @param label the one in `body` whose value nothing else carries.
 * @throws GloveboxError what the Hub refuses it with (nothing runs then); `job/unconfirmed` when nobody can say whether it runs.
 */
export async function createJob(
  hub: HubContext,
  namespace: string,
  body: JobRequest,
  signal: AbortSignal,
  label: string = REQUEST_LABEL,
): Promise<Job> {
  const request = askHub(
    hub,
    {
      path: `/api/jobs/${encodeURIComponent(namespace)}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
      schema: jobAnswer,
      what: `a Job of ${namespace} on ${body.flavor}`,
      scope: 'write',
    },
    signal,
  ).then(({ data }) => data);
  const value = body.labels[label] ?? '';
  const unanswered = {
    what: 'the Job',
    label: `${label}=${value}`,
    page: `${hub.hosts().hub}/jobs/${namespace}`,
    clock: hub.clock,
    find: async () =>
      (await listJobs(hub, namespace, { labels: { [label]: value }, limit: 1 }, signal))[0],
  };
  return ifUnanswered(request, unanswered, signal);
}
