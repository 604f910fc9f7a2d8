/** hf_jobs ps, inspect and hardware: what there is, how it stands, and what can be had. */
import { getJob } from '#hub/jobs/get-job.ts';
import { listHardware, type Hardware } from '#hub/jobs/hardware.ts';
import { listJobs } from '#hub/jobs/list-jobs.ts';
import { renderSizing } from '#hub/jobs/sizing.ts';
import { renderDuration } from '#core/units.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, encodeCursor, offsetOf, renderList } from '../../paged-answer.ts';
import { clamp, requireFields } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { jobRefs, placeOf } from './job-place.ts';
import { flavorWords } from './plan-job.ts';
import { jobDetails, jobLine } from './render-job.ts';

/** What is not over. */
const LIVE_STAGES = ['SCHEDULING', 'RUNNING', 'UPDATING'];

export async function psOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { hub, settings, signal } = context;
  const notes: string[] = [];
  const { namespace } = await placeOf(input.namespace, context);
  const status = input.status?.toUpperCase();
  const kind = JSON.stringify(['jobs', namespace, status, input.all, input.labels]);
  const offset = offsetOf(kind, input.cursor);
  const limit = clamp('limit', input.limit, { fallback: 20, min: 1, max: 100 }, notes);
  const isAll = input.all === true || status !== undefined;
  const stages = status === undefined ? LIVE_STAGES : [status];
  const filter = {
    ...((!isAll || status !== undefined) && { stages }),
    ...(input.labels !== undefined && { labels: input.labels }),
    limit: offset + limit + 1,
  };
  const [found, hardware] = await Promise.all([
    listJobs(hub, namespace, filter, signal),
    listHardware(hub, signal),
  ]);
  const page = found.slice(offset, offset + limit);
  const which = status ?? (isAll ? 'all' : 'not ended');
  const now = hub.now();
  return textResult(
    renderList(
      {
        head: [
          `Jobs of ${namespace} (${which})`,
          'ID | name | image or Space | flavor | stage | age | running | cost so far',
        ],
        items: page.map((job) => jobLine(job, namespace, hardware, now)),
        offset,
        hasMore: found.length > offset + limit,
        cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
        notes,
        noun: 'Jobs',
        ...(page.length === 0 && !isAll && { next: 'all=true shows those that have ended.' }),
      },
      budgetOf(input.max_chars, settings, notes),
    ),
  );
}

export async function inspectOperation(
  input: JobsInput,
  context: ToolContext,
): Promise<ToolResult> {
  const { hub, signal } = context;
  const { job_id: names } = requireFields(input.operation, input, ['job_id']);
  const refs = await jobRefs(names, input.namespace, context);
  const hardware = await listHardware(hub, signal);
  const place = { nowMs: hub.now(), hub: hub.hosts().hub };
  const parts: string[] = [];
  for (const ref of refs) {
    const job = await getJob(hub, ref, signal);
    parts.push(jobDetails(job, ref.namespace, hardware, place).join('\n'));
  }
  const spent = await context.spend.line();
  return textResult([...parts, ...(spent === undefined ? [] : [spent])].join('\n\n'));
}

export async function hardwareOperation(
  _input: JobsInput,
  { hub, signal }: ToolContext,
): Promise<ToolResult> {
  const hardware = await listHardware(hub, signal);
  const { flavors } = hardware;
  return textResult(
    [
      `Hardware of Hugging Face Jobs (${sourceWords(hardware)})`,
      ...flavors.map((flavor) => `${flavor.name}: ${flavorWords(flavor)}`),
      '',
      ...renderSizing(flavors.map(({ name }) => name)),
    ].join('\n'),
  );
}

export function sourceWords({ source, age }: Hardware): string {
  const when = 'date' in age ? `published prices of ${age.date}` : `${renderDuration(age.ms)} old`;
  if (source === 'live') return `prices of the Hub, ${when}`;
  return `THE HUB DOES NOT ANSWER: ${when}, for display only`;
}
