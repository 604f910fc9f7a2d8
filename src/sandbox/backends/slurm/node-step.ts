/** Runs things inside a job's allocation, on its node, without an open port. */
import type { HostCommandResult } from '#platform/host.ts';
import type { Job, JobRecord } from './record.ts';
import { schedulerCommand } from './scheduler-command.ts';
import type { SlurmContext } from './settings.ts';

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
while [ ! -f "$folder/relay" ] && [ ! -f "$folder/failed" ] && [ "$i" -lt 30 ]; do sleep 0.2; i=$((i + 1)); done
if [ -f "$folder/failed" ]; then echo "the job has failed" >&2; exit 3; fi
if [ ! -f "$folder/relay" ]; then echo "the job is still preparing its server" >&2; exit 3; fi
exec /bin/bash "$folder/relay" "$@"
`;

/** What stands before a Python and its arguments, so that it runs with the environment of the server, by somebody who is on the node. */
export const besidePrefix = ({ folder }: NodePlace): readonly string[] => [
  '/bin/sh',
  '-c',
  RUN_INSIDE,
  'sh',
  folder,
];

/** The same, as a step of the job. */
export const insidePrefix = (at: NodePlace): readonly string[] =>
  stepArgv(at.job, at.node, besidePrefix(at));

/** A short command on the node, by the way on which the job is reached. @throws as `schedulerCommand`. */
export async function runOnNode(
  { host, nodeHost }: Pick<SlurmContext, 'host' | 'nodeHost'>,
  { tunnel }: Pick<JobRecord, 'tunnel'>,
  { job, node }: Pick<NodePlace, 'job' | 'node'>,
  argv: readonly string[],
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<HostCommandResult> {
  if (tunnel === 'node-ssh') return (await nodeHost(node)).run(argv, limits);
  return schedulerCommand(await host(), stepArgv(job, node, argv), limits);
}
