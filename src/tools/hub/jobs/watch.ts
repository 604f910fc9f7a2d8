/** hf_jobs logs and wait: what a Job prints, once each, for as long as the call may take; and the truth about its end. */
import { stripVTControlCharacters } from 'node:util';
import { GloveboxError } from '#core/errors.ts';
import type { LogPosition } from '#hub/jobs/follow-logs.ts';
import type { LogLine } from '#hub/jobs/job-logs.ts';
import { isFinal, jobName, jobPage, type Job, type JobRef } from '#hub/jobs/job.ts';
import { watchJob, type Watched } from '#hub/jobs/watch-job.ts';
import type { Redactor } from '#policy/redaction/redactor.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, decodeCursor, encodeCursor, renderCount } from '../../paged-answer.ts';
import { clamp, requireFields, type Notes } from '../../wide-input.ts';
import type { JobsInput } from '../hf-jobs.ts';
import { jobRefs } from './job-place.ts';
import { cutLog, foldInstallation, grepLines, LogLines } from './log-text.ts';
import { stageWords } from './render-job.ts';

export const MAX_WAIT_S = 120;
const DEFAULT_WAIT_S = 60;
const DEFAULT_TAIL = 100;
/** A log that sends nothing for so long has told what is there. */
const QUIET_MS = 1000;
const QUIET_LIMIT_MS = 20_000;
const LAST_LINES = 50;
const LAST = {
  waitMs: QUIET_LIMIT_MS,
  quietMs: QUIET_MS,
  tail: LAST_LINES,
  after: undefined,
} as const;
/** Nobody reads faster. */
const PROGRESS_MS = 500;

export async function logsOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const notes: string[] = [];
  const ref = await theJob(input, context);
  const after = positionOf(ref, input.cursor);
  const tail = clamp('tail', input.tail, { fallback: DEFAULT_TAIL, min: 1, max: 5000 }, notes);
  const waitS = clamp(
    'wait_seconds',
    input.wait_seconds,
    { fallback: 0, min: 0, max: MAX_WAIT_S },
    notes,
  );
  const redactor = await context.loadRedactor();
  const log = new LogLines(redactor, input.since);
  const isAll = input.since !== undefined || input.grep !== undefined;
  const watch = {
    ...(waitS > 0 ? { waitMs: waitS * 1000 } : { waitMs: QUIET_LIMIT_MS, quietMs: QUIET_MS }),
    tail: isAll ? undefined : tail,
    after,
  };
  const watched = await follow(ref, watch, { log, redactor }, context);
  const found = input.grep === undefined ? log.lines : grepLines(log.lines, input.grep);
  const shown = isAll ? found.slice(-tail) : foldInstallation(found);
  const budget = budgetOf(input.max_chars, context.settings, notes) - 600;
  const left = log.dropped + found.length - shown.length;
  return textResult(
    [
      `Log of the Job ${jobName(ref)}: ${stageWords(watched.job)}`,
      ...notes.map((note) => `Note: ${note}`),
      ...(isAll && left > 0
        ? [`[${renderCount(left)} earlier lines · tail=${Math.min(5000, tail * 2)} shows more]`]
        : []),
      '',
      shown.length === 0 ? '(no lines)' : cutLog(shown, budget),
      '',
      nextLine(ref, watched, 'logs'),
    ].join('\n'),
  );
}

export async function waitOperation(input: JobsInput, context: ToolContext): Promise<ToolResult> {
  const notes: string[] = [];
  const ref = await theJob(input, context);
  const limits = { fallback: DEFAULT_WAIT_S, min: 0, max: MAX_WAIT_S };
  const waitMs = clamp('wait_seconds', input.wait_seconds, limits, notes) * 1000;
  const after = positionOf(ref, input.cursor);
  const tail = after === undefined ? DEFAULT_TAIL : undefined;
  return textResult(await watchToEnd(ref, { waitMs, tail, after }, input, context, notes));
}

interface Watch {
  readonly waitMs: number;
  readonly quietMs?: number;
  readonly tail: number | undefined;
  readonly after: LogPosition | undefined;
}

/** @throws GloveboxError `job/failed` for a Job that ended in another way than by finishing. */
export async function watchToEnd(
  ref: JobRef,
  watch: Watch,
  input: JobsInput,
  context: ToolContext,
  notes: Notes,
): Promise<string> {
  const redactor = await context.loadRedactor();
  const log = new LogLines(redactor);
  const watched = await follow(ref, watch, { log, redactor }, context);
  const { job } = watched;
  const { stage } = job.status;
  // What has ended is settled by asking what was spent.
  const spent = isFinal(stage) ? await context.spend.line() : undefined;
  if (isFinal(stage) && stage !== 'COMPLETED') {
    // Whoever has read up to here is told how it ended all the same.
    const last = new LogLines(redactor);
    if (watch.after !== undefined && log.lines.length < LAST_LINES)
      await follow(ref, LAST, { log: last, redactor }, context);
    throw failure(ref, job, last.lines.length > log.lines.length ? last : log, context);
  }
  const budget = budgetOf(input.max_chars, context.settings, notes) - 600;
  const lines = foldInstallation(log.lines);
  return [
    stage === 'COMPLETED'
      ? `The Job ${jobName(ref)} has COMPLETED.`
      : `The Job ${jobName(ref)} is still ${stageWords(job)}; it goes on.`,
    ...notes.map((note) => `Note: ${note}`),
    '',
    lines.length === 0 ? '(no new lines)' : cutLog(lines, budget),
    '',
    nextLine(ref, watched, 'wait'),
    ...(spent === undefined ? [] : [spent]),
  ].join('\n');
}

function failure(ref: JobRef, { status }: Job, log: LogLines, { hub }: ToolContext): GloveboxError {
  const why = status.message === undefined ? '' : `: ${status.message}`;
  const tail = log.lines.slice(-LAST_LINES);
  const text = tail.length === 0 ? ['It printed nothing.'] : ['Its last lines:', ...tail];
  return new GloveboxError(
    'job/failed',
    [`The Job ${jobName(ref)} ended as ${status.stage}${why}`, ...text].join('\n'),
    {
      hint: `hf_jobs(operation="logs", job_id="${jobName(ref)}", tail=1000) shows more; its page is ${hub.hosts().hub}${jobPage(ref)}.`,
    },
  );
}

/** The log is complete afterwards. */
async function follow(
  ref: JobRef,
  watch: Watch,
  { log, redactor }: { readonly log: LogLines; readonly redactor: Pick<Redactor, 'text'> },
  { hub, report, signal }: ToolContext,
): Promise<Watched> {
  report({ message: `reading the log of ${jobName(ref)}` });
  let toldMs = Number.NEGATIVE_INFINITY;
  const onLine = (line: LogLine): void => {
    log.add(line);
    const nowMs = hub.clock.monotonic();
    if (line.text.trim() === '' || nowMs - toldMs < PROGRESS_MS) return;
    toldMs = nowMs;
    const text = redactor.text(stripVTControlCharacters(line.text)).value;
    report({ message: `${ref.id}: ${text}`.slice(0, 200) });
  };
  const watched = await watchJob(hub, ref, { ...watch, onLine }, signal);
  log.end();
  return watched;
}

async function theJob(input: JobsInput, context: ToolContext): Promise<JobRef> {
  const { job_id: names } = requireFields(input.operation, input, ['job_id']);
  const [ref, ...others] = await jobRefs(names, input.namespace, context);
  if (ref !== undefined && others.length === 0) return ref;
  throw new GloveboxError('input/invalid', `operation "${input.operation}" takes one job_id.`, {
    hint: 'inspect takes several.',
  });
}

const cursorKind = (ref: JobRef): string => `job log ${jobName(ref)}`;

function positionOf(ref: JobRef, cursor: string | undefined): LogPosition | undefined {
  if (cursor === undefined) return undefined;
  const [timestamp, count] = decodeCursor(cursorKind(ref), cursor);
  return { timestamp: String(timestamp), count: Number(count) };
}

/** The handle that goes on after what was told. */
function nextLine(ref: JobRef, { job, position }: Watched, operation: string): string {
  if (isFinal(job.status.stage))
    return `[the end of the log; the stage ${job.status.stage} is final]`;
  const cursor =
    position === undefined
      ? ''
      : `, cursor="${encodeCursor(cursorKind(ref), [position.timestamp, position.count])}"`;
  return `Next: hf_jobs(operation="${operation}", job_id="${jobName(ref)}", wait_seconds=60${cursor}) goes on after these lines.`;
}
