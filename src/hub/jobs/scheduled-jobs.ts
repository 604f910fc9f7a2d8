/** Jobs that the Hub starts by itself, again and again: made, listed, looked at, suspended, resumed, deleted. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { listAnswer, optional, optionalFlag, optionalText } from '../lenient.ts';
import { askHub, nextPageOf, type HubAnswer } from '../request.ts';
import { ifUnanswered, REQUEST_LABEL } from './if-unanswered.ts';
import { jobName, jobSpecAnswer, type JobRef, type JobRequest } from './job.ts';

const scheduledAnswer = z.object({
  id: z.string(),
  schedule: z.string(),
  suspend: optionalFlag,
  concurrency: optionalFlag,
  jobSpec: jobSpecAnswer,
  status: optional(
    z.object({
      lastJob: optional(z.object({ id: z.string(), at: optionalText })),
      nextJobRunAt: optionalText,
    }),
  ),
});
export type ScheduledJob = z.output<typeof scheduledAnswer>;

const list = listAnswer(scheduledAnswer);
const MAX_SEARCHED = 1000;

export interface ScheduleRequest {
  readonly jobSpec: JobRequest;
  /** Five fields of cron, or a word such as `@daily`. */
  readonly schedule: string;
  readonly suspend?: boolean;
  readonly concurrency?: boolean;
}

const root = (namespace: string): string => `/api/scheduled-jobs/${encodeURIComponent(namespace)}`;
const pathOf = ({ namespace, id }: JobRef): string =>
  `${root(namespace)}/${encodeURIComponent(id)}`;
const wordsOf = (ref: JobRef): string => `the scheduled Job ${jobName(ref)}`;

/** Sent once; one that was not answered is looked for by the label of its request. @throws GloveboxError as `ifUnanswered`. */
export async function createScheduledJob(
  hub: HubContext,
  namespace: string,
  request: ScheduleRequest,
  signal: AbortSignal,
): Promise<ScheduledJob> {
  const question = {
    path: root(namespace),
    method: 'POST' as const,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    schema: scheduledAnswer,
    what: `a scheduled Job of ${namespace}`,
    scope: 'write' as const,
  };
  const value = request.jobSpec.labels[REQUEST_LABEL] ?? '';
  const unanswered = {
    what: 'the scheduled Job',
    label: `${REQUEST_LABEL}=${value}`,
    page: `${hub.hosts().hub}/jobs/${namespace}`,
    clock: hub.clock,
    find: async () => {
      const all = await listScheduledJobs(hub, namespace, MAX_SEARCHED, signal);
      return all.find(({ jobSpec }) => jobSpec.labels?.[REQUEST_LABEL] === value);
    },
  };
  const sent = askHub(hub, question, signal).then(({ data }) => data);
  return ifUnanswered(sent, unanswered, signal);
}

export async function listScheduledJobs(
  hub: HubContext,
  namespace: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly ScheduledJob[]> {
  const found: ScheduledJob[] = [];
  let path: string | undefined = root(namespace);
  while (path !== undefined && found.length < limit) {
    const answer: HubAnswer<readonly ScheduledJob[]> = await askHub(
      hub,
      { path, schema: list, what: `the scheduled Jobs of ${namespace}` },
      signal,
    );
    found.push(...answer.data);
    const next = nextPageOf(answer.response);
    path = answer.data.length === 0 ? undefined : next?.slice(hub.hosts().hub.length);
  }
  return found.slice(0, limit);
}

export async function getScheduledJob(
  hub: HubContext,
  ref: JobRef,
  signal: AbortSignal,
): Promise<ScheduledJob> {
  const question = { path: pathOf(ref), schema: scheduledAnswer, what: wordsOf(ref) };
  return (await askHub(hub, question, signal)).data;
}

export async function deleteScheduledJob(
  hub: HubContext,
  ref: JobRef,
  signal: AbortSignal,
): Promise<void> {
  const url = `${hub.hosts().hub}${pathOf(ref)}`;
  const response = await hub.web.send({ url, method: 'DELETE' }, signal);
  checkHubAnswer(hub, response, { what: wordsOf(ref), scope: 'write' });
}

export async function setScheduledJob(
  hub: HubContext,
  ref: JobRef,
  change: 'suspend' | 'resume',
  signal: AbortSignal,
): Promise<void> {
  const url = `${hub.hosts().hub}${pathOf(ref)}/${change}`;
  const response = await hub.web.send({ url, method: 'POST' }, signal);
  checkHubAnswer(hub, response, { what: wordsOf(ref), scope: 'write' });
}
