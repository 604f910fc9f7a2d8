/** Reads what a node left for us about its server: where it listens, and the token. */
import * as z from 'zod';
import type { NodePlace } from './node-step.ts';
import type { ServerPlace } from './record.ts';
import type { Way } from './ways.ts';

const endpoint = z.object({
  job: z.string(),
  restarts: z.number(),
  nonce: z.string(),
  root: z.string(),
  seesRoot: z.boolean(),
  seesJobFolder: z.boolean(),
  socket: z.string().exactOptional(),
  ip: z.string().exactOptional(),
  port: z.number().exactOptional(),
  pid: z.number().exactOptional(),
  fingerprint: z.string().exactOptional(),
});

/** As `slurm_node.py` makes it. */
export const TOKEN = /^[0-9a-f]{48}$/;

export interface HandOver {
  readonly place: ServerPlace;
  /** Absent when somebody has taken it already. */
  readonly token?: string;
}

/** Which start it must be about. */
export interface ExpectedStart extends NodePlace {
  readonly restarts: number;
  readonly nonce: string;
}

/** Or one sentence why there is nothing yet. @throws what the way throws. */
export async function readHandOver(
  way: Pick<Way, 'readFile'>,
  expected: ExpectedStart,
  signal: AbortSignal,
): Promise<HandOver | string> {
  const text = await way.readFile('endpoint.json', signal);
  if (text === undefined) return 'its Jupyter server does not listen yet';
  const place = parsePlace(text, expected);
  if (typeof place === 'string') return place;
  const token = (await way.readFile('token', signal))?.trim();
  return { place, ...(token !== undefined && TOKEN.test(token) && { token }) };
}

/** An older start's endpoint, or a stranger's, is never believed. */
export function parsePlace(text: string, expected: ExpectedStart): ServerPlace | string {
  const parsed = endpoint.safeParse(parseJson(text));
  if (!parsed.success) return 'what the node says about its server cannot be read';
  const { root, seesRoot, seesJobFolder, socket, ip, port, pid, fingerprint, ...said } =
    parsed.data;
  const { job, restarts, nonce, node, folder } = expected;
  if (said.job !== job.id || said.restarts !== restarts || said.nonce !== nonce)
    return 'the node tells of another start';
  const address =
    socket !== undefined
      ? { socket }
      : ip !== undefined && port !== undefined
        ? { ip, port }
        : undefined;
  if (address === undefined) return 'the node does not say where its server listens';
  return {
    node,
    folder,
    address,
    root,
    seesRoot,
    seesJobFolder,
    ...(pid !== undefined && { pid }),
    ...(fingerprint !== undefined && { fingerprint }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
