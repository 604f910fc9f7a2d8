/** Reads `scontrol -o show job`, which knows a job for some minutes after its end. */
import { parseEpochMs } from './time-limit.ts';

export interface JobDetails {
  readonly word: string;
  readonly reason?: string;
  /** Exit code and signal of the batch script. */
  readonly exit?: { readonly code: number; readonly signal: number };
  readonly restarts: number;
  readonly batchHost?: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly comment?: string;
}

/** Keys are taken by pattern, because values may contain blanks. Undefined when the text is not about a job. */
export function parseJobDetails(stdout: string): JobDetails | undefined {
  const line = stdout.split('\n').find((candidate) => /^JobId=\d+ /.test(candidate));
  if (line === undefined) return undefined;
  const value = (key: string): string | undefined => {
    const found = new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1];
    return found === undefined || /^(|\(null\)|None|N\/A|Unknown)$/.test(found) ? undefined : found;
  };
  const word = value('JobState');
  if (word === undefined) return undefined;
  const exit = /^(\d+):(\d+)$/.exec(value('ExitCode') ?? '');
  const reason = value('Reason');
  const batchHost = value('BatchHost');
  const comment = value('Comment');
  const startMs = parseEpochMs(value('StartTime') ?? '');
  const endMs = parseEpochMs(value('EndTime') ?? '');
  return {
    word,
    restarts: Number(value('Restarts') ?? 0),
    ...(exit !== null && { exit: { code: Number(exit[1]), signal: Number(exit[2]) } }),
    ...(reason !== undefined && { reason }),
    ...(batchHost !== undefined && { batchHost }),
    ...(comment !== undefined && { comment }),
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
  };
}
