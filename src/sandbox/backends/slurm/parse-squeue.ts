/** Reads what `squeue` prints about our jobs. */
import { parseEpochMs, parseTimeLeftMs } from './time-limit.ts';

/** The comment is last: it may contain the separator. JSON output differs between releases and ignores `-j` in some. */
export const SQUEUE_FORMAT = '%A|%T|%r|%N|%B|%S|%L|%e|%P|%k';

/** One job as the scheduler sees it. */
export interface QueueRow {
  readonly jobId: string;
  /** `%T`: the state in the scheduler's own word. */
  readonly word: string;
  /** `%r`; absent when there is none. */
  readonly reason?: string;
  readonly nodes?: string;
  /** The node on which the batch script runs. */
  readonly batchHost?: string;
  /** Of a pending job the estimate, of a started one its start; by the cluster's clock. */
  readonly startMs?: number;
  /** Infinite without a limit. */
  readonly leftMs?: number;
  readonly endMs?: number;
  readonly partition?: string;
  readonly comment: string;
}

const NOTHING: ReadonlySet<string> = new Set(['', 'None', 'N/A', 'n/a', '(null)']);

/** Rows in the order they were printed; lines that are none (banners) are left out. */
export function parseSqueue(stdout: string): readonly QueueRow[] {
  return stdout.split('\n').flatMap((line) => {
    const fields = line.split('|');
    const [jobId = '', word = '', reason = '', nodes = '', batchHost = '', start = '', left = ''] =
      fields;
    const [end = '', partition = '', ...comment] = fields.slice(7);
    if (fields.length < 10 || !/^\d+$/.test(jobId) || !/^[A-Z_]+$/.test(word)) return [];
    const startMs = parseEpochMs(start);
    const leftMs = parseTimeLeftMs(left);
    const endMs = parseEpochMs(end);
    const row: QueueRow = { jobId, word, comment: comment.join('|') };
    return [
      {
        ...row,
        ...(!NOTHING.has(reason) && { reason }),
        ...(!NOTHING.has(nodes) && { nodes }),
        ...(!NOTHING.has(batchHost) && { batchHost }),
        ...(!NOTHING.has(partition) && { partition }),
        ...(startMs !== undefined && { startMs }),
        ...(leftMs !== undefined && { leftMs }),
        ...(endMs !== undefined && { endMs }),
      },
    ];
  });
}

/** `squeue` says so with exit code 1; without a row it means the same with 0. */
export const saysUnknownJob = (stderr: string): boolean => /Invalid job id specified/i.test(stderr);
