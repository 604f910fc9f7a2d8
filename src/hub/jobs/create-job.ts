/** Asks for one Job, once; what became of a request that was not answered is found out by its label. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { askHub } from '../request.ts';
import { jobAnswer, type Job, type JobRequest } from './job.ts';
import { listJobs } from './list-jobs.ts';

/** The service may build or look up an image before it answers. */
const TIMEOUT_MS = 60_000;

/** Marks what one request made. Its value is never used twice. */
export const REQUEST_LABEL = 'glovebox-request';

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
  try {
    const { data } = await askHub(
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
    );
    return data;
  } catch (error) {
    if (!isAmbiguous(error) || signal.aborted) throw error;
    return lookUp(hub, namespace, { label, value: body.labels[label] ?? '' }, signal, error);
  }
}

/** No answer, half an answer, or one that says that something broke after the request had come in. */
const isAmbiguous = (error: unknown): boolean =>
  AMBIGUOUS.some((code) => isGloveboxError(error, code));
const AMBIGUOUS = ['http/failed', 'timeout', 'remote/failed'] as const;

async function lookUp(
  hub: HubContext,
  namespace: string,
  { label, value }: { readonly label: string; readonly value: string },
  signal: AbortSignal,
  cause: unknown,
): Promise<Job> {
  const page = `${hub.hosts().hub}/jobs/${namespace}`;
  try {
    const [found] = await listJobs(
      hub,
      namespace,
      { labels: { [label]: value }, limit: 1 },
      signal,
    );
    if (found !== undefined) return found;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new GloveboxError(
      'job/unconfirmed',
      `The Hub did not answer, so whether the Job runs is not known: ${messageOf(cause)}`,
      { hint: `look at ${page} for the label ${label}=${value} before sending it again.`, cause },
    );
  }
  throw new GloveboxError(
    'remote/failed',
    `The Job was not submitted: ${messageOf(cause)} No Job of ${namespace} carries the label of the request.`,
    { hint: `it may be sent again; ${page} lists what runs.`, cause },
  );
}
