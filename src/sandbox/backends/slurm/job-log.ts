/** Reads the end of a job's log, wherever that lies. */
import { nodeFolder, runOnNode } from './node-step.ts';
import type { JobRecord } from './record.ts';
import type { SlurmContext } from './settings.ts';

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
  context: SlurmContext,
  record: JobRecord,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const file = logFileOf(record);
  if (file === undefined) return [];
  const { phase, sharedDisk = true, logTail = [] } = record;
  if (!sharedDisk && phase === 'ended') return logTail.slice(-lines);
  try {
    if (!sharedDisk) return await readOnNode(context, record, file, lines, signal);
    const tail = ['tail', '-n', String(lines), '--', file];
    const host = await context.host();
    const { stdout } = await host.run(tail, { timeoutMs: LIMIT_MS, signal });
    return toLines(stdout, lines);
  } catch (error) {
    if (signal.aborted) throw error;
    return [];
  }
}

// A job that has failed waits a while until its log was read.
const READ = 'tail -n "$1" -- "$2"; [ ! -e "$3/failed" ] || : >"$3/read"';

async function readOnNode(
  context: SlurmContext,
  record: JobRecord,
  file: string,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { job, nodeTmp, nonce, start, seen } = record;
  if (job === undefined || nodeTmp === undefined || start === undefined) return [];
  if (seen?.node === undefined) return [];
  const folder = nodeFolder(nodeTmp, job, start.restarts, nonce);
  const argv = ['/bin/sh', '-c', READ, 'sh', String(lines), file, folder];
  const at = { job, node: seen.node };
  const { stdout } = await runOnNode(context, record, at, argv, { timeoutMs: LIMIT_MS, signal });
  return toLines(stdout, lines);
}

function toLines(text: string, lines: number): readonly string[] {
  const all = text.replace(/\n$/, '').split('\n');
  return text === '' ? [] : all.slice(-lines);
}
