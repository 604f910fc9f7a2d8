/** Looks whether a Space is there, who can see it, and whether it is a Trackio dashboard. */
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { readRange } from '../repos/read-range.ts';
import { repoHead } from '../repos/tree.ts';

export interface FoundSpace {
  readonly isPrivate: boolean;
  /** Its program is that of Trackio, and no other. */
  readonly isTrackio: boolean;
}

const PROGRAM = 'app.py';
const MAX_BYTES = 64 * 1024;

/** Undefined: there is none that this token can see. @throws GloveboxError as `checkHubAnswer`. */
export async function findTrackioSpace(
  hub: HubContext,
  id: string,
  signal: AbortSignal,
): Promise<FoundSpace | undefined> {
  const repo = { type: 'space', id } as const;
  const head = await orMissing(repoHead(hub, repo, undefined, signal));
  if (head === undefined) return undefined;
  const file = { repo, revision: 'main', path: PROGRAM };
  const program = await orMissing(readRange(hub, file, 0, MAX_BYTES, signal));
  const text = program?.bytes.toString('utf8') ?? '';
  return { isPrivate: head.isPrivate, isTrackio: /^(?:import|from)\s+trackio\b/m.test(text) };
}

const orMissing = <T>(answer: Promise<T>): Promise<T | undefined> =>
  answer.catch((error: unknown) => {
    if (isGloveboxError(error, 'remote/not-found')) return undefined;
    throw error;
  });
