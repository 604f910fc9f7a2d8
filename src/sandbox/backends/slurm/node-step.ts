/** Runs things inside a job's allocation, on its node, without an open port. */
import type { Host } from '#platform/host.ts';
import type { Job } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';

/**
 * Without `--unbuffered` bytes after the last newline are held back and binary streams stall. `--overlap` lets the step share
 * what the job has. The environment of the submitter stays out of it.
 */
export function stepArgv(job: Job, node: string, command: readonly string[]): readonly string[] {
  return [
    'srun',
    ...(job.cluster === undefined ? [] : ['-M', job.cluster]),
    `--jobid=${job.id}`,
    '--overlap',
    '--nodes=1',
    '--ntasks=1',
    '-w',
    node,
    '--quiet',
    '--unbuffered',
    '--export=NONE',
    '--chdir=/',
    ...command,
  ];
}

/** Where one start of a job is: its folder there holds everything, and both sides know its name. */
export interface NodePlace {
  readonly job: Job;
  readonly node: string;
  readonly folder: string;
}

export const nodeFolder = (nodeTmp: string, { id }: Job, restarts: number, nonce: string): string =>
  `${nodeTmp}/gb-${id}-${restarts}-${nonce}`;

/** Waits a moment for the job's script to come so far, since a step costs the controller a call. */
const RUN_INSIDE = `
folder=$1
shift
i=0
while [ ! -f "$folder/relay" ] && [ "$i" -lt 30 ]; do sleep 0.2; i=$((i + 1)); done
if [ ! -f "$folder/relay" ]; then echo "the job is still preparing its server" >&2; exit 3; fi
exec /bin/bash "$folder/relay" "$@"
`;

/** What stands before a Python and its arguments, so that it runs on the node with the environment of the server. */
export const insidePrefix = ({ job, node, folder }: NodePlace): readonly string[] =>
  stepArgv(job, node, ['/bin/sh', '-c', RUN_INSIDE, 'sh', folder]);

/** Removes the token from the node; we have it. Never fails: the folder is private, and goes with the job. */
export async function removeToken(
  host: Host,
  { job, node, folder }: NodePlace,
  signal: AbortSignal,
): Promise<void> {
  const argv = stepArgv(job, node, ['/bin/rm', '-f', `${folder}/token`]);
  await schedulerCommand(host, argv, { signal }).catch(() => undefined);
}
