/** Gathers what is known about the end of a job: exit file, scheduler, accounting, log, in the order of trust. */
import { isGloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import type { RecordedEnd } from '#sandbox/recorded.ts';
import { findCause } from './causes.ts';
import { forgetVariables } from './job-variables.ts';
import { LOG_LINES, logFileOf, readJobLog } from './job-log.ts';
import { parseSacct, SACCT_FORMAT } from './parse-sacct.ts';
import { parseJobDetails, type JobDetails } from './parse-scontrol.ts';
import type { QueueRow } from './parse-squeue.ts';
import type { Job, JobRecord } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';
import type { SlurmContext } from './settings.ts';

const ASK_LIMIT_MS = 8000;

export async function findEnd(
  context: SlurmContext,
  record: JobRecord,
  job: Job,
  row: QueueRow | undefined,
  signal: AbortSignal,
): Promise<RecordedEnd> {
  const host = await context.host();
  const [details, exit, logTail] = await Promise.all([
    jobDetails(host, job, signal),
    exitFile(host, record, signal),
    record.sharedDisk === false
      ? (record.logTail ?? [])
      : readJobLog(context, record, LOG_LINES, signal),
    forgetVariables(context, host, record, signal),
  ]);
  const atMs = exit?.atMs ?? details?.endMs ?? row?.endMs ?? context.clock.now();
  if (record.phase === 'stopping') {
    return { cause: 'stopped', message: 'It was stopped on request.', atMs, logTail: [...logTail] };
  }
  const { cause, message } = findCause({
    jobId: job.id,
    logTail,
    served: record.served === true || record.readyMs !== undefined,
    ...(row !== undefined && { word: row.word }),
    ...(details !== undefined && { details }),
    ...(exit !== undefined && { exitCode: exit.code }),
  });
  const file = logFileOf(record);
  const place = record.sharedDisk === false ? (record.seen?.node ?? 'its node') : host.name;
  const text = file === undefined ? message : `${message} Its log on ${place}: ${file}`;
  return {
    cause,
    message: text,
    atMs,
    logTail: [...logTail],
  };
}

async function jobDetails(
  host: Host,
  { id, cluster }: Job,
  signal: AbortSignal,
): Promise<JobDetails | undefined> {
  const where = cluster === undefined ? [] : ['-M', cluster];
  const ask = async (argv: readonly string[]): Promise<string> => {
    try {
      const result = await schedulerCommand(host, argv, { signal, timeoutMs: ASK_LIMIT_MS });
      return result.code === 0 ? result.stdout : '';
    } catch (error) {
      if (isGloveboxError(error, 'cancelled')) throw error;
      return '';
    }
  };
  const known = parseJobDetails(await ask(['scontrol', ...where, '-o', 'show', 'job', id]));
  if (known !== undefined) return known;
  const rows = ['sacct', ...where, '-X', '-P', '-n', '-D', '-j', id, '-o', SACCT_FORMAT];
  return parseSacct(await ask(rows), id);
}

/** The script's own word; it is there only when the script got to its end and the folder is shared. */
async function exitFile(
  host: Host,
  { jobDir, start, sharedDisk }: JobRecord,
  signal: AbortSignal,
): Promise<{ code: number; atMs: number } | undefined> {
  if (jobDir === undefined || start === undefined || sharedDisk === false) return undefined;
  const text = await host
    .readFile(`${jobDir}/exit-${start.restarts}`, { signal })
    .catch((error: unknown) => {
      if (isGloveboxError(error, 'cancelled')) throw error;
      return undefined;
    });
  const match = /^(\d+) (\d+)/.exec(text ?? '');
  return match === null ? undefined : { code: Number(match[1]), atMs: Number(match[2]) * 1000 };
}
