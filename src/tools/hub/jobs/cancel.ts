/** hf_jobs cancel: ends Jobs, and says what became of them. */
import { cancelJob } from '#hub/jobs/cancel-job.ts';
import { getJob } from '#hub/jobs/get-job.ts';
import { isFinal, jobName, type Job, type JobRef } from '#hub/jobs/job.ts';
import { untilFinal } from '#hub/jobs/until-final.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { requireFields } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { jobRefs } from './job-place.ts';
import { INSTALLATION_LABEL } from './plan-job.ts';
import { stageWords } from './render-job.ts';

const CONFIRM_MS = 10_000;

export async function cancelOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const { hub, jobs, signal } = context;
  const { job_id: names } = requireFields(input.operation, input, ['job_id']);
  const refs = await jobRefs(names, input.namespace, context);
  const before: { readonly ref: JobRef; readonly job: Job }[] = [];
  for (const ref of refs) before.push({ ref, job: await getJob(hub, ref, signal) });
  const live = before.filter(({ job }) => !isFinal(job.status.stage));
  const foreign = live.filter(({ job }) => job.labels?.[INSTALLATION_LABEL] !== jobs.installation);
  if (live.length > 0) {
    await context.authorize(
      {
        tool: 'hf_jobs',
        operation: 'cancel',
        about: { isOurs: foreign.length === 0 },
        question: `Cancel ${live.map(({ ref }) => jobName(ref)).join(', ')}?`,
        facts: foreign.map(
          ({ ref, job }) =>
            `${jobName(ref)} was not started from here: ${job.flavor}, ${job.status.stage}`,
        ),
        binding: { jobs: live.map(({ ref }) => jobName(ref)).join(' ') },
      },
      context,
    );
  }
  const lines: string[] = [];
  for (const { ref, job } of before) {
    if (isFinal(job.status.stage)) {
      lines.push(`${jobName(ref)} had ended before: ${stageWords(job)}`);
      continue;
    }
    await cancelJob(hub, ref, signal);
    const now = await untilFinal(hub, ref, CONFIRM_MS, signal);
    lines.push(
      isFinal(now.status.stage)
        ? `${jobName(ref)} has ended: ${stageWords(now)}`
        : `${jobName(ref)} was told to end and is still ${stageWords(now)}: look again with inspect.`,
    );
  }
  const spent = await context.spend.line();
  return textResult([...lines, ...(spent === undefined ? [] : [spent])].join('\n'));
}
