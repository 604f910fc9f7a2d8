/** Lists the Jobs of a namespace, page by page. */
import type { HubContext } from '../context.ts';
import { listAnswer } from '../lenient.ts';
import { askHub, nextPageOf } from '../request.ts';
import { jobAnswer, type Job } from './job.ts';

export interface JobFilter {
  /** Any of these. */
  readonly stages?: readonly string[];
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Stops after so many. */
  readonly limit: number;
}

const jobs = listAnswer(jobAnswer);
/** A list that never ends is cut. */
const MAX_PAGES = 50;

/** Newest first, as the service tells them. The filters are asked for and applied again here. */
export async function listJobs(
  hub: HubContext,
  namespace: string,
  { stages = [], labels = {}, limit }: JobFilter,
  signal: AbortSignal,
): Promise<readonly Job[]> {
  const query = new URLSearchParams();
  for (const stage of stages) query.append('stage', stage);
  for (const [key, value] of Object.entries(labels)) query.append('label', `${key}=${value}`);
  const first = `/api/jobs/${encodeURIComponent(namespace)}${query.size === 0 ? '' : `?${query.toString()}`}`;
  const found: Job[] = [];
  let path: string | undefined = first;
  for (let page = 0; path !== undefined && page < MAX_PAGES && found.length < limit; page += 1) {
    const { data, response } = await askHub(
      hub,
      { path, schema: jobs, what: `the Jobs of ${namespace}` },
      signal,
    );
    found.push(
      ...data.filter(
        (job) =>
          (stages.length === 0 || stages.includes(job.status.stage)) &&
          Object.entries(labels).every(([key, value]) => job.labels?.[key] === value),
      ),
    );
    const next: string | undefined = nextPageOf(response);
    path = next?.slice(hub.hosts().hub.length);
  }
  return found.slice(0, limit);
}
