/** hf_jobs run: checks, asks, submits once, and tells how the Job is followed. */
import { isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderDuration } from '#core/units.ts';
import { createJob } from '#hub/jobs/create-job.ts';
import { REQUEST_LABEL } from '#hub/jobs/if-unanswered.ts';
import { jobName, jobPage, type JobRef } from '#hub/jobs/job.ts';
import { normaliseOperation } from '#policy/normalise.ts';
import type { PlannedOperation } from '../../authorize.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { clamp } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { remarkLines } from './job-checks.ts';
import { ceilingWords, priceWords } from './job-cost.ts';
import { planJob, type JobPlan } from './plan-job.ts';
import { prepareTracking } from './tracking.ts';
import { MAX_WAIT_S, watchToEnd } from './watch.ts';

export async function runOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const notes: string[] = [];
  const waitS = clamp(
    'wait_seconds',
    input.wait_seconds,
    { fallback: 0, min: 0, max: MAX_WAIT_S },
    notes,
  );
  const plan = await planJob(input, context);
  const request = newUuid();
  const grant = await context.authorize(planned(input, plan, request), context);
  const { hub, signal, report } = context;
  const tracked = await trackedLines(plan, context).catch(async (error: unknown) => {
    await grant.release();
    throw error;
  });
  report({ message: `asking for ${plan.request.flavor}` });
  const labels = { ...plan.request.labels, [REQUEST_LABEL]: request };
  const { namespace } = plan.place;
  const job = await createJob(hub, namespace, { ...plan.request, labels }, signal).catch(
    async (error: unknown) => {
      // After anything else it may run: the ledger looks for the label of the request.
      if (isRefusal(error)) await grant.release();
      throw error;
    },
  );
  const ref: JobRef = { namespace: job.owner?.name ?? namespace, id: job.id };
  await grant.attach({ kind: 'job', id: jobName(ref) });
  if (grant.note !== undefined) notes.push(...grant.note.split('\n'));
  const head = [...submittedLines(ref, plan, context), ...tracked];
  if (waitS > 0) {
    const watch = { waitMs: waitS * 1000, tail: undefined, after: undefined };
    const watched = await watchToEnd(ref, watch, input, context, notes);
    return textResult([...head, '', watched].join('\n'), metaOf(ref));
  }
  const lines = [
    ...head,
    `stage: ${job.status.stage}`,
    ...notes.map((note) => `Note: ${note}`),
    `Next: hf_jobs(operation="wait", job_id="${jobName(ref)}", wait_seconds=60) follows it; logs and cancel take the same id.`,
  ];
  return textResult(lines.join('\n'), metaOf(ref));
}

const trackedLines = async (
  { tracking, request }: JobPlan,
  context: ToolContext,
): Promise<readonly string[]> =>
  tracking === undefined
    ? []
    : prepareTracking(tracking, 'HF_TOKEN' in (request.secrets ?? {}), context);

const metaOf = (ref: JobRef) => ({ job_id: jobName(ref) });

/** For policy. */
export const planned = (input: JobsInput, plan: JobPlan, request: string): PlannedOperation => ({
  tool: 'hf_jobs',
  operation: normaliseOperation(input.operation),
  question: 'Run a paid Job on Hugging Face?',
  facts: plan.facts,
  binding: plan.binding,
  about: plan.about,
  advisories: plan.advisories,
  cost: plan.cost,
  namespace: plan.place.namespace,
  subject: { kind: 'job', id: request },
  ...(plan.scriptSha256 !== undefined && { scriptSha256: plan.scriptSha256 }),
});

/** Answers after which it is certain that nothing runs. */
const REFUSALS = [
  'input/invalid',
  'http/refused',
  'http/too-large',
  'remote/auth-required',
  'remote/forbidden',
  'remote/not-found',
  'remote/billing',
  'remote/conflict',
  'remote/rate-limited',
  'remote/unsupported',
] as const;
export const isRefusal = (error: unknown): boolean =>
  REFUSALS.some((code) => isGloveboxError(error, code));

function submittedLines(ref: JobRef, plan: JobPlan, { hub }: ToolContext): readonly string[] {
  const { request, flavor } = plan;
  const price = flavor === undefined ? '' : `, ${priceWords(flavor)}`;
  return [
    `Submitted the Job ${jobName(ref)}.`,
    `hardware: ${request.flavor}${price}; limit ${renderDuration(request.timeoutSeconds * 1000)}. ${ceilingWords(plan.cost)}`,
    `page: ${hub.hosts().hub}${jobPage(ref)}`,
    ...remarkLines(plan),
  ];
}
