/** Reads `sacct`, where a site keeps accounts. */
import type { JobDetails } from './parse-scontrol.ts';
import { parseEpochMs } from './time-limit.ts';

export const SACCT_FORMAT = 'JobIDRaw,State,ExitCode,Reason,Start,End';

/** The row of the job itself, of its last start; undefined when accounting does not know it. */
export function parseSacct(stdout: string, jobId: string): JobDetails | undefined {
  const rows = stdout
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([id]) => id === jobId);
  const [, state = '', exitCode = '', reason = '', start = '', end = ''] = rows.at(-1) ?? [];
  // `CANCELLED by 1000` names who did it.
  const [word = ''] = state.split(' ');
  if (!/^[A-Z_]+$/.test(word)) return undefined;
  const exit = /^(\d+):(\d+)$/.exec(exitCode);
  const by = /^CANCELLED by (\d+)/.exec(state)?.[1];
  const startMs = parseEpochMs(start);
  const endMs = parseEpochMs(end);
  const why = by === undefined ? reason : `by ${by}`;
  return {
    word,
    restarts: Math.max(0, rows.length - 1),
    ...(exit !== null && { exit: { code: Number(exit[1]), signal: Number(exit[2]) } }),
    ...(!['', 'None', 'Unknown'].includes(why) && { reason: why }),
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
  };
}
