/** Says why a job ended, from what the scheduler, accounting, the job's exit file and its log know. */
import type { SandboxEnd } from '#sandbox/backend.ts';
import type { JobDetails } from './parse-scontrol.ts';

/** What is known of an ended job; each part may be missing. */
export interface EndEvidence {
  readonly jobId: string;
  /** The word that `squeue` said last. */
  readonly word?: string;
  /** `scontrol`, else `sacct`. */
  readonly details?: JobDetails;
  /** From the job's own exit file. */
  readonly exitCode?: number;
  readonly logTail: readonly string[];
  /** Whether its server was ever ready. */
  readonly served: boolean;
}

type Cause = SandboxEnd['cause'];

/** The scheduler's own end states. What it says counts more than a guess from a log. */
const BY_WORD: Readonly<Record<string, readonly [Cause, string]>> = {
  TIMEOUT: ['time-limit', 'at its time limit'],
  DEADLINE: ['time-limit', 'at its deadline'],
  OUT_OF_MEMORY: ['out-of-memory', 'because it used more memory than it had asked for'],
  NODE_FAIL: ['node-failure', 'because its node failed'],
  BOOT_FAIL: ['node-failure', 'because its node could not be booted'],
  PREEMPTED: ['preempted', 'to make room for a job that goes first'],
  LAUNCH_FAILED: ['start-failed', 'because it could not be launched on its node'],
  RECONFIG_FAIL: ['node-failure', 'because its node could not be configured'],
  REVOKED: ['cancelled', 'because another cluster took it'],
};

/** What the job's log says, for sites and releases whose words say less. The last lines count. */
const BY_LOG: readonly (readonly [RegExp, Cause, string])[] = [
  [/DUE TO TIME LIMIT/, 'time-limit', 'at its time limit'],
  [/DUE TO PREEMPTION/, 'preempted', 'to make room for a job that goes first'],
  [/DUE TO NODE FAILURE/, 'node-failure', 'because its node failed'],
  [
    /oom[-_ ]kill|out of memory|Exceeded job memory limit/i,
    'out-of-memory',
    'because it used more memory than it had asked for',
  ],
];

export function findCause(evidence: EndEvidence): Pick<SandboxEnd, 'cause' | 'message'> {
  const { jobId, details, logTail, served } = evidence;
  const word = details?.word ?? evidence.word;
  const node = details?.batchHost === undefined ? '' : ` on ${details.batchHost}`;
  const failure = logTail.findLast((line) => line.startsWith(FAILURE_MARK));
  if (failure !== undefined && !served) {
    return { cause: 'start-failed', message: failure.slice(FAILURE_MARK.length) };
  }
  const known = word === undefined ? undefined : BY_WORD[word];
  if (known !== undefined) return said(jobId, known, node);
  const text = logTail.slice(-15).join('\n');
  const logged = BY_LOG.find(([pattern]) => pattern.test(text));
  if (logged !== undefined) return said(jobId, [logged[1], logged[2]], node);
  if (word === 'CANCELLED') {
    const by = /^by (\d+)$/.exec(details?.reason ?? '')?.[1];
    const who = by === undefined ? '' : ` by user ${by}`;
    return {
      cause: 'cancelled',
      message: `SLURM job ${jobId} was cancelled${who}, not by Glovebox.`,
    };
  }
  return ended(evidence, node, word);
}

/** The script begins the one line with its reason so. */
export const FAILURE_MARK = 'GLOVEBOX-FAIL ';

const said = (
  jobId: string,
  [cause, how]: readonly [Cause, string],
  node: string,
): Pick<SandboxEnd, 'cause' | 'message'> => ({
  cause,
  message: `SLURM ended job ${jobId}${node} ${how}.`,
});

function ended(
  { jobId, details, exitCode, served, logTail }: EndEvidence,
  node: string,
  word: string | undefined,
): Pick<SandboxEnd, 'cause' | 'message'> {
  const exit =
    details?.exit ?? (exitCode === undefined ? undefined : { code: exitCode, signal: 0 });
  if (word === undefined && exit === undefined) {
    return {
      cause: 'unknown',
      message: `SLURM no longer knows job ${jobId}, and nothing says how it ended.`,
    };
  }
  const how =
    exit === undefined
      ? ''
      : exit.signal > 0
        ? ` with signal ${exit.signal}`
        : ` with exit code ${exit.code}`;
  const why = details?.reason === undefined ? '' : ` (${details.reason})`;
  if (!served) {
    return {
      cause: 'start-failed',
      message: `Job ${jobId} ended${node}${how}${why} before its Jupyter server answered.`,
    };
  }
  if (logTail.some((line) => line.includes('GLOVEBOX-END idle'))) {
    return {
      cause: 'idle',
      message: `Job ${jobId} ended itself${node}, because its kernels had run nothing for idle_timeout_seconds.`,
    };
  }
  if (word === 'COMPLETED' || (exit?.code === 0 && exit.signal === 0)) {
    return {
      cause: 'stopped',
      message: `The Jupyter server of job ${jobId} ended by itself${node}.`,
    };
  }
  return { cause: 'failed', message: `Job ${jobId} failed${node}${how}${why}.` };
}
