/** Reads the end of a job's log, wherever that lies. */
import type { Host } from '#platform/host.ts';
import { stepArgv } from './node-step.ts';
import type { JobRecord } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';

export const LOG_LINES = 40;
const LIMIT_MS = 15_000;

/** On the cluster, or on the node where nodes have a disk of their own. */
export function logFileOf(record: JobRecord): string | undefined {
  const { job, jobDir, nodeTmp, nonce, sharedDisk = true } = record;
  if (job === undefined) return undefined;
  return sharedDisk ? `${jobDir}/job-${job.id}.log` : `${nodeTmp}/gb-log-${nonce}-${job.id}`;
}

/** The last lines, oldest first; empty when there is no log or it cannot be read now. @throws `cancelled`. */
export async function readJobLog(
  host: Host,
  record: JobRecord,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const file = logFileOf(record);
  const { job, server, sharedDisk = true } = record;
  if (file === undefined || job === undefined) return [];
  const tail = ['tail', '-n', String(lines), '--', file];
  try {
    if (sharedDisk) {
      const result = await host.run(tail, { timeoutMs: LIMIT_MS, signal });
      return toLines(result.stdout, lines);
    }
    if (server === undefined) return [];
    const argv = stepArgv(job, server.node, ['/usr/bin/env', ...tail]);
    const result = await schedulerCommand(host, argv, { signal, timeoutMs: LIMIT_MS });
    return toLines(result.stdout, lines);
  } catch (error) {
    if (signal.aborted) throw error;
    return [];
  }
}

function toLines(text: string, lines: number): readonly string[] {
  const all = text.replace(/\n$/, '').split('\n');
  return text === '' ? [] : all.slice(-lines);
}
