/** Runs things inside a job's allocation, on its node, without an open port. */
import * as z from 'zod';
import { isGloveboxError } from '#core/errors.ts';
import type { Host } from '#platform/host.ts';
import type { Job, ServerPlace } from './record.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';

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

/** The folder on the node that holds everything of one start; both sides know its name. */
export const nodeFolder = (nodeTmp: string, { id }: Job, restarts: number, nonce: string): string =>
  `${nodeTmp}/gb-${id}-${restarts}-${nonce}`;

const endpoint = z.object({
  job: z.string(),
  restarts: z.number(),
  nonce: z.string(),
  node: z.string(),
  root: z.string(),
  seesRoot: z.boolean(),
  seesJobFolder: z.boolean(),
  socket: z.string().exactOptional(),
  ip: z.string().exactOptional(),
  port: z.number().exactOptional(),
});

export interface HandOver {
  readonly place: ServerPlace;
  /** Absent when somebody has taken it already. */
  readonly token?: string;
}

export interface HandOverRequest {
  readonly job: Job;
  readonly node: string;
  readonly folder: string;
  readonly restarts: number;
  readonly nonce: string;
}

/** Waits a moment, since the server is mostly there within seconds, and a step costs the controller a call. */
const FETCH = `
i=0
while [ ! -f "$1/endpoint.json" ] && [ "$i" -lt 20 ]; do sleep 0.2; i=$((i + 1)); done
[ -f "$1/endpoint.json" ] || exit 3
cat "$1/endpoint.json"
echo
cat "$1/token" 2>/dev/null
exit 0
`;
const NOT_YET = 3;
const FETCH_LIMIT_MS = 12_000;

/** What the node left for us, or one sentence why there is nothing yet. @throws as `schedulerCommand`. */
export async function fetchHandOver(
  host: Host,
  request: HandOverRequest,
  signal: AbortSignal,
): Promise<HandOver | string> {
  const { job, node, folder } = request;
  const argv = stepArgv(job, node, ['/bin/sh', '-c', FETCH, 'sh', folder]);
  try {
    const result = await schedulerCommand(host, argv, { signal, timeoutMs: FETCH_LIMIT_MS });
    if (result.code === 0) return parseHandOver(result.stdout, request);
    return result.code === NOT_YET ? 'the server is starting' : lastWords(result);
  } catch (error) {
    if (isGloveboxError(error, 'timeout')) return 'a step on the node takes long';
    throw error;
  }
}

/** An older start's endpoint, or a stranger's, is never believed. */
export function parseHandOver(text: string, request: HandOverRequest): HandOver | string {
  const lines = text.split('\n').map((line) => line.trim());
  const json = lines.find((line) => line.startsWith('{'));
  const token = lines.find((line) => /^[0-9a-f]{48}$/.test(line));
  const parsed = endpoint.safeParse(parseJson(json ?? ''));
  if (!parsed.success) return 'what the node says about its server cannot be read';
  const { node, root, seesRoot, seesJobFolder, socket, ip, port, ...said } = parsed.data;
  const { job, restarts, nonce, folder } = request;
  if (said.job !== job.id || said.restarts !== restarts || said.nonce !== nonce)
    return 'the node tells of another start';
  const address = socket === undefined ? tcp(ip, port) : { socket };
  if (address === undefined) return 'the node does not say where its server listens';
  const place = { node, folder, address, root, seesRoot, seesJobFolder };
  return { place, ...(token !== undefined && { token }) };
}

function tcp(
  ip: string | undefined,
  port: number | undefined,
): { ip: string; port: number } | undefined {
  return ip === undefined || port === undefined ? undefined : { ip, port };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Removes the token from the node; we have it. Never fails: the folder is private, and goes with the job. */
export async function removeHandOver(
  host: Host,
  { job, node, folder }: HandOverRequest,
  signal: AbortSignal,
): Promise<void> {
  const argv = stepArgv(job, node, ['/bin/rm', '-f', `${folder}/token`]);
  await schedulerCommand(host, argv, { signal }).catch(() => undefined);
}
