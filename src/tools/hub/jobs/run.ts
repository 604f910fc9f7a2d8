/** Answers hf_jobs, one operation at a time. */
import type { ToolContext, ToolResult } from '../../define-tool.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { cancelOperation } from './cancel.ts';
import type { JobOperation } from './job-input.ts';
import { hardwareOperation, inspectOperation, psOperation } from './look.ts';
import {
  scheduledDelete,
  scheduledInspect,
  scheduledPs,
  scheduledResume,
  scheduledRun,
  scheduledSuspend,
} from './scheduled.ts';
import { runOperation } from './submit.ts';
import { logsOperation, waitOperation } from './watch.ts';

const OPERATIONS: Readonly<
  Record<JobOperation, (input: JobsInput, context: ToolContext) => Promise<ToolResult>>
> = {
  run: runOperation,
  // What the programs of Hugging Face call a run of a script.
  uv: runOperation,
  ps: psOperation,
  logs: logsOperation,
  wait: waitOperation,
  inspect: inspectOperation,
  cancel: cancelOperation,
  hardware: hardwareOperation,
  'scheduled run': scheduledRun,
  'scheduled ps': scheduledPs,
  'scheduled inspect': scheduledInspect,
  'scheduled delete': scheduledDelete,
  'scheduled suspend': scheduledSuspend,
  'scheduled resume': scheduledResume,
};

export const runJobs = (input: JobsInput, context: ToolContext): Promise<ToolResult> =>
  OPERATIONS[input.operation](input, context);
