/** hf_jobs scheduled ...: Jobs that the Hub starts by itself, until somebody deletes them. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderDuration } from '#core/units.ts';
import { REQUEST_LABEL } from '#hub/jobs/if-unanswered.ts';
import { jobName, type JobRef } from '#hub/jobs/job.ts';
import { listHardware } from '#hub/jobs/hardware.ts';
import {
  createScheduledJob,
  deleteScheduledJob,
  getScheduledJob,
  listScheduledJobs,
  setScheduledJob,
  type ScheduledJob,
} from '#hub/jobs/scheduled-jobs.ts';
import { renderUsd } from '#core/money.ts';
import type { Grant } from '#policy/contract.ts';
import type { Estimate } from '#policy/cost.ts';
import { normaliseOperation } from '#policy/normalise.ts';
import { fact } from '#policy/prompt.ts';
import { firingsOf, type Firing } from '#policy/schedule.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, encodeCursor, offsetOf, oneLine, renderList } from '../../paged-answer.ts';
import { clamp, requireFields } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { remarkLines } from './job-checks.ts';
import { estimateJob } from './job-cost.ts';
import { jobRefs, placeOf } from './job-place.ts';
import { renderCommand } from './launcher.ts';
import { planJob } from './plan-job.ts';
import { isRefusal, planned } from './submit.ts';

const NOT_SCHEDULED = [
  'expose',
  'ssh',
  'wait_seconds',
  'trackio_space_id',
  'trackio_project',
] as const;

export async function scheduledRun(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { schedule: given } = requireFields(input.operation, input, ['schedule']);
  const unfit = NOT_SCHEDULED.filter((name) => input[name] !== undefined);
  if (unfit.length > 0)
    throw new GloveboxError('input/invalid', `A scheduled Job takes no ${unfit.join(', ')}.`, {
      hint: 'leave that out.',
    });
  const { hub, signal } = context;
  const schedule = given.trim().toLowerCase().replaceAll(/\s+/g, ' ');
  const firing = firingsOf(schedule, hub.now());
  const plan = await planJob(input, context);
  const request = newUuid();
  const recurring = recurringFacts(schedule, firing, plan.cost);
  const grant = await context.authorize(
    {
      ...planned(input, plan, request),
      question: 'Schedule a paid Job on Hugging Face, again and again?',
      facts: [...recurring, ...plan.facts],
      binding: {
        ...plan.binding,
        schedule,
        suspend: String(input.suspend ?? false),
        concurrency: String(input.concurrency ?? false),
      },
      cost: costOfDay(plan.cost, firing),
    },
    context,
  );
  const labels = { ...plan.request.labels, [REQUEST_LABEL]: request };
  const { namespace } = plan.place;
  const body = {
    jobSpec: { ...plan.request, labels },
    schedule,
    ...(input.suspend !== undefined && { suspend: input.suspend }),
    ...(input.concurrency !== undefined && { concurrency: input.concurrency }),
  };
  const made = await createScheduledJob(hub, namespace, body, signal).catch(
    async (error: unknown) => {
      if (isRefusal(error)) await grant.release();
      throw error;
    },
  );
  const ref = { namespace, id: made.id };
  await grant.attach({ kind: 'job', id: jobName(ref) });
  return textResult(
    [
      `Scheduled ${jobName(ref)}: ${scheduleWords(made)}`,
      ...recurring,
      ...remarkLines(plan),
      ...(grant.note === undefined ? [] : [grant.note]),
      `Next: hf_jobs(operation="scheduled inspect", scheduled_job_id="${jobName(ref)}"); scheduled suspend and scheduled delete stop it.`,
    ].join('\n'),
    { scheduled_job_id: jobName(ref) },
  );
}

/** What the budget has to carry: the runs of the first day. Later ones are bounded by the schedule, and by nothing here. */
const costOfDay = (perRun: Estimate, { firstDay }: Firing): Estimate =>
  perRun.amountMicroUsd === null
    ? perRun
    : {
        ...perRun,
        amountMicroUsd: perRun.amountMicroUsd * firstDay,
        minutes: perRun.minutes * firstDay,
      };

function recurringFacts(
  schedule: string,
  { firstDay, thirtyDays }: Firing,
  { amountMicroUsd: amount }: Estimate,
): readonly string[] {
  const cost =
    amount === null
      ? 'not known'
      : `at most ${renderUsd(amount)} per run, ${renderUsd(amount * firstDay)} on the first day, ${renderUsd(amount * thirtyDays)} in 30 days`;
  return [
    fact('schedule', `${schedule} (UTC); it stays active until it is deleted`),
    fact('cost', cost),
    fact('budget', 'holds for the first day only; later runs are bounded by the schedule'),
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
        head: [
          `Scheduled Jobs of ${namespace}`,
          'ID | schedule | flavor | last run | next run | what',
        ],
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
  change(input, context, 'suspend');

export const scheduledResume = (input: JobsInput, context: ToolContext): Promise<ToolResult> =>
  change(input, context, 'resume');

async function change(
  input: JobsInput,
  context: ToolContext,
  what: 'suspend' | 'resume',
): Promise<ToolResult> {
  const { hub, signal } = context;
  const ref = await theSchedule(input, context);
  const before = await getScheduledJob(hub, ref, signal);
  const grant = await ask(input, ref, before, context, what === 'resume');
  await setScheduledJob(hub, ref, what, signal).catch(async (error: unknown) => {
    if (isRefusal(error)) await grant.release();
    throw error;
  });
  await grant.attach({ kind: 'job', id: jobName(ref) });
  const now = await getScheduledJob(hub, ref, signal);
  const isDone = now.suspend === (what === 'suspend');
  return textResult(
    `${isDone ? 'Done' : 'The Hub took the request, and it is not done yet'}. ${details(ref, now)}`,
  );
}

export async function scheduledDelete(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { hub, signal } = context;
  const ref = await theSchedule(input, context);
  const before = await getScheduledJob(hub, ref, signal);
  await ask(input, ref, before, context, false);
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

/** @param costs whether it begins to cost again. */
async function ask(
  { operation }: JobsInput,
  ref: JobRef,
  job: ScheduledJob,
  context: ToolContext,
  costs: boolean,
): Promise<Grant> {
  const [, verb = ''] = operation.split(' ');
  const { flavor: name } = job.jobSpec;
  // What ends something needs no price and no reading of the schedule, which somebody else may have made in other words.
  const cost = costs ? await costOf(job, context) : undefined;
  return context.authorize(
    {
      tool: 'hf_jobs',
      operation: normaliseOperation(operation),
      question: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} the scheduled Job ${jobName(ref)}?`,
      facts: [
        fact('hardware', name ?? 'unknown'),
        ...(cost === undefined
          ? [fact('schedule', job.schedule)]
          : recurringFacts(job.schedule, cost.firing, cost.perRun)),
      ],
      binding: { job: jobName(ref), schedule: job.schedule, spec: JSON.stringify(job.jobSpec) },
      about: { ...(name !== undefined && { hardware: name }) },
      ...(cost !== undefined && {
        cost: costOfDay(cost.perRun, cost.firing),
        namespace: ref.namespace,
        subject: { kind: 'job', id: jobName(ref) },
      }),
    },
    context,
  );
}

async function costOf(
  { jobSpec, schedule }: ScheduledJob,
  { hub, signal }: ToolContext,
): Promise<{ readonly firing: Firing; readonly perRun: Estimate }> {
  const { flavor: name, timeoutSeconds } = jobSpec;
  const hardware = await listHardware(hub, signal);
  const flavor = hardware.flavors.find((each) => each.name === name);
  const perRun = estimateJob(timeoutSeconds === undefined ? undefined : flavor, hardware, {
    seconds: timeoutSeconds ?? 0,
    exposed: false,
  });
  return { firing: firingsOf(schedule, hub.now()), perRun };
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
