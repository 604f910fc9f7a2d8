/** hf_jobs run: checks, asks, submits once, and tells how the Job is followed. */
import { newUuid } from '#core/ids.ts';
import { renderDuration } from '#core/units.ts';
import { renderMicroUsd } from '#hub/jobs/cost.ts';
import { createJob, REQUEST_LABEL } from '#hub/jobs/create-job.ts';
import { jobName, jobPage, type JobRef } from '#hub/jobs/job.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { clamp } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { planJob, priceWords, type JobPlan } from './plan-job.ts';
import { MAX_WAIT_S, watchToEnd } from './watch.ts';

export async function runOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const notes: string[] = [];
  const waitS = clamp('wait_seconds', input.wait_seconds, { fallback: 0, min: 0, max: MAX_WAIT_S }, notes);
  const plan = await planJob(input, context);
  await context.authorize(
    {
      tool: 'hf_jobs',
      operation: 'run',
      effect: 'paid',
      question: `Run a paid Job on Hugging Face? ${ceilingWords(plan)}`,
      facts: plan.facts,
      binding: plan.binding,
    },
    context,
  );
  const { hub, signal, report } = context;
  report({ message: `asking for ${plan.request.flavor}` });
  const labels = { ...plan.request.labels, [REQUEST_LABEL]: newUuid() };
  const { namespace } = plan.place;
  const job = await createJob(hub, namespace, { ...plan.request, labels }, signal);
  const ref: JobRef = { namespace: job.owner?.name ?? namespace, id: job.id };
  const head = submittedLines(ref, plan, context);
  if (waitS > 0) {
    const watched = await watchToEnd(ref, { waitMs: waitS * 1000, tail: undefined, after: undefined }, input, context, notes);
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

const metaOf = (ref: JobRef) => ({ job_id: jobName(ref) });

export const ceilingWords = ({ ceilingMicroUsd: micro }: JobPlan): string =>
  micro === undefined ? 'Its price is not known.' : `At most ${renderMicroUsd(micro)}.`;

function submittedLines(
  ref: JobRef,
  plan: JobPlan,
  { hub }: ToolContext,
): readonly string[] {
  const { request, flavor } = plan;
  const price = flavor === undefined ? '' : `, ${priceWords(flavor)}`;
  return [
    `Submitted the Job ${jobName(ref)}.`,
    `hardware: ${request.flavor}${price}; limit ${renderDuration(request.timeoutSeconds * 1000)}. ${ceilingWords(plan)}`,
    `page: ${hub.hosts().hub}${jobPage(ref)}`,
  ];
}
