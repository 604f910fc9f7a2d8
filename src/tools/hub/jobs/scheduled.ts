/** hf_jobs scheduled ...: Jobs that the Hub starts by itself, until somebody deletes them. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderDuration } from '#core/units.ts';
import { renderMicroUsd } from '#hub/jobs/cost.ts';
import { REQUEST_LABEL } from '#hub/jobs/create-job.ts';
import { jobName, type JobRef } from '#hub/jobs/job.ts';
import { parseSchedule, type Schedule } from '#hub/jobs/schedule.ts';
import {
  createScheduledJob,
  deleteScheduledJob,
  getScheduledJob,
  listScheduledJobs,
  setScheduledJob,
  type ScheduledJob,
} from '#hub/jobs/scheduled-jobs.ts';
import type { Effect } from '../../authorize.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, encodeCursor, offsetOf, oneLine, renderList } from '../../paged-answer.ts';
import { clamp, requireFields } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { jobRefs, placeOf } from './job-place.ts';
import { renderCommand } from './launcher.ts';
import { planJob, type JobPlan } from './plan-job.ts';
import { ceilingWords } from './submit.ts';

const NOT_SCHEDULED = ['expose', 'ssh', 'wait_seconds'] as const;

export async function scheduledRun(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { schedule: given } = requireFields(input.operation, input, ['schedule']);
  const unfit = NOT_SCHEDULED.filter((name) => input[name] !== undefined);
  if (unfit.length > 0)
    throw new GloveboxError('input/invalid', `A scheduled Job takes no ${unfit.join(', ')}.`, {
      hint: 'leave that out.',
    });
  const schedule = parseSchedule(given);
  const plan = await planJob(input, context);
  await context.authorize(
    {
      tool: 'hf_jobs',
      operation: input.operation,
      effect: 'paid',
      question: `Schedule a paid Job on Hugging Face, ${schedule.text}? ${ceilingWords(plan)} That is per run.`,
      facts: [...recurringFacts(schedule, plan), ...plan.facts],
      binding: { ...plan.binding, schedule: schedule.text },
    },
    context,
  );
  const labels = { ...plan.request.labels, [REQUEST_LABEL]: newUuid() };
  const made = await createScheduledJob(
    context.hub,
    plan.place.namespace,
    {
      jobSpec: { ...plan.request, labels },
      schedule: schedule.text,
      ...(input.suspend !== undefined && { suspend: input.suspend }),
      ...(input.concurrency !== undefined && { concurrency: input.concurrency }),
    },
    context.signal,
  );
  const ref = { namespace: plan.place.namespace, id: made.id };
  return textResult(
    [
      `Scheduled ${jobName(ref)}: ${scheduleWords(made)}`,
      ...recurringFacts(schedule, plan),
      `Next: hf_jobs(operation="scheduled inspect", scheduled_job_id="${jobName(ref)}"); scheduled suspend and scheduled delete stop it.`,
    ].join('\n'),
    { scheduled_job_id: jobName(ref) },
  );
}

function recurringFacts({ runsPerDay }: Schedule, { ceilingMicroUsd }: JobPlan): readonly string[] {
  const often = `runs at most ${runsPerDay} times on one day; it stays active until it is deleted`;
  if (ceilingMicroUsd === undefined) return [often, 'cost: not known'];
  const perDay = ceilingMicroUsd * runsPerDay;
  return [
    often,
    `cost: at most ${renderMicroUsd(ceilingMicroUsd)} per run, ${renderMicroUsd(perDay)} on a day with runs, ${renderMicroUsd(perDay * 30)} in 30 such days`,
  ];
}

export async function scheduledPs(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { hub, settings, signal } = context;
  const notes: string[] = [];
  const { namespace } = await placeOf(input.namespace, context);
  const kind = `scheduled jobs ${namespace}`;
  const offset = offsetOf(kind, input.cursor);
  const limit = clamp('limit', input.limit, { fallback: 20, min: 1, max: 100 }, notes);
  const found = await listScheduledJobs(hub, namespace, offset + limit + 1, signal);
  const page = found.slice(offset, offset + limit);
  return textResult(
    renderList(
      {
        head: [`Scheduled Jobs of ${namespace}`, 'ID | schedule | flavor | last run | next run | what'],
        items: page.map((job) =>
          [
            `${namespace}/${job.id}`,
            `${job.schedule}${job.suspend === true ? ' SUSPENDED' : ''}`,
            job.jobSpec.flavor ?? '-',
            job.status?.lastJob?.at ?? 'never',
            job.status?.nextJobRunAt ?? '-',
            oneLine(renderCommand(job.jobSpec.command), 80),
          ].join(' | '),
        ),
        offset,
        hasMore: found.length > offset + limit,
        cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
        notes,
        noun: 'scheduled Jobs',
      },
      budgetOf(input.max_chars, settings, notes),
    ),
  );
}

export async function scheduledInspect(
  input: JobsInput,
  context: ToolContext,
): Promise<ToolResult> {
  const ref = await theSchedule(input, context);
  return textResult(details(ref, await getScheduledJob(context.hub, ref, context.signal)));
}

export const scheduledSuspend = (input: JobsInput, context: ToolContext): Promise<ToolResult> =>
  change(input, context, 'free', 'suspend');

export const scheduledResume = (input: JobsInput, context: ToolContext): Promise<ToolResult> =>
  change(input, context, 'paid', 'resume');

async function change(
  input: JobsInput,
  context: ToolContext,
  effect: Effect,
  what: 'suspend' | 'resume',
): Promise<ToolResult> {
  const { hub, signal } = context;
  const ref = await theSchedule(input, context);
  const before = await getScheduledJob(hub, ref, signal);
  await ask(input.operation, effect, ref, before, context);
  await setScheduledJob(hub, ref, what, signal);
  const now = await getScheduledJob(hub, ref, signal);
  const isDone = now.suspend === (what === 'suspend');
  return textResult(
    `${isDone ? 'Done' : `The Hub took the request, and it is not done yet`}. ${details(ref, now)}`,
  );
}

export async function scheduledDelete(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { hub, signal } = context;
  const ref = await theSchedule(input, context);
  const before = await getScheduledJob(hub, ref, signal);
  await ask(input.operation, 'destroys', ref, before, context);
  await deleteScheduledJob(hub, ref, signal);
  const left = await getScheduledJob(hub, ref, signal).catch((error: unknown) => {
    if (isGloveboxError(error, 'remote/not-found')) return undefined;
    throw error;
  });
  return textResult(
    left === undefined
      ? `Deleted the scheduled Job ${jobName(ref)}. A run of it that goes on is ended by cancel.`
      : `The Hub took the request, but ${jobName(ref)} is still there: look again.`,
  );
}

async function ask(
  operation: string,
  effect: Effect,
  ref: JobRef,
  job: ScheduledJob,
  context: ToolContext,
): Promise<void> {
  const [, verb = ''] = operation.split(' ');
  await context.authorize(
    {
      tool: 'hf_jobs',
      operation,
      effect,
      question: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} the scheduled Job ${jobName(ref)}?`,
      facts: [scheduleWords(job), `hardware: ${job.jobSpec.flavor ?? 'unknown'}`],
      binding: { job: jobName(ref) },
    },
    context,
  );
}

async function theSchedule(input: JobsInput, context: ToolContext): Promise<JobRef> {
  const { scheduled_job_id: name } = requireFields(input.operation, input, ['scheduled_job_id']);
  const [ref] = await jobRefs([name], input.namespace, context);
  if (ref !== undefined) return ref;
  throw new GloveboxError('input/invalid', 'scheduled_job_id is empty.', {
    hint: 'hf_jobs(operation="scheduled ps") lists them.',
  });
}

function scheduleWords({ schedule, suspend, status }: ScheduledJob): string {
  const next = status?.nextJobRunAt === undefined ? '' : `, next run ${status.nextJobRunAt}`;
  return `${schedule}${suspend === true ? ', SUSPENDED' : next}`;
}

function details(ref: JobRef, job: ScheduledJob): string {
  const { jobSpec, status, concurrency } = job;
  const { lastJob } = status ?? {};
  const limit = jobSpec.timeoutSeconds;
  return [
    `Scheduled Job ${jobName(ref)}: ${scheduleWords(job)}`,
    `command: ${oneLine(renderCommand(jobSpec.command), 500)}`,
    `image: ${jobSpec.dockerImage ?? jobSpec.spaceId ?? 'unknown'}`,
    `hardware: ${jobSpec.flavor ?? 'unknown'}${limit === undefined ? '' : `, limit ${renderDuration(limit * 1000)}`}`,
    `runs side by side: ${concurrency === true ? 'yes' : 'no'}`,
    `last run: ${lastJob === undefined ? 'never' : `${ref.namespace}/${lastJob.id}${lastJob.at === undefined ? '' : ` at ${lastJob.at}`}`}`,
  ].join('\n');
}
