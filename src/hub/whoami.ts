/** Whose token it is: the account, and the organisations it may act for. */
import * as z from 'zod';
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from './context.ts';
import { askHub } from './request.ts';

/** The service limits this question more than others. */
const CACHE_MS = 600_000;

const answer = z.object({
  name: z.string(),
  orgs: z
    .array(z.object({ name: z.string() }))
    .nullish()
    .catch(undefined),
});

export interface Identity {
  readonly name: string;
  /** Sorted, each once. */
  readonly organisations: readonly string[];
}

/** `undefined` without a token, and when the Hub does not say. Never fails but by `cancelled`. */
export async function whoAmI(hub: HubContext, signal: AbortSignal): Promise<Identity | undefined> {
  const question = {
    path: '/api/whoami-v2',
    schema: answer,
    what: 'the account of the token',
    cacheMs: CACHE_MS,
  };
  try {
    const { data } = await askHub(hub, question, signal);
    const organisations = [...new Set((data.orgs ?? []).map(({ name }) => name))].toSorted();
    return { name: data.name, organisations };
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return undefined;
  }
}

/** The same, for rules. `unknown` where the Hub does not say who the user is. */
export function ownershipKind(
  id: string,
  me: Identity | undefined,
): 'own' | 'organisation' | 'foreign' | 'unknown' {
  if (me === undefined) return 'unknown';
  const owner = id.includes('/') ? (id.split('/')[0] ?? '').toLowerCase() : '';
  if (me.name.toLowerCase() === owner) return 'own';
  const isMember = me.organisations.some((name) => name.toLowerCase() === owner);
  return isMember ? 'organisation' : 'foreign';
}

/** `yours`, `of the organisation x`, `somebody else's (x)`, for a repository. */
export function ownershipOf(id: string, me: Identity | undefined): string {
  const owner = id.includes('/') ? (id.split('/')[0] ?? '') : undefined;
  if (owner === undefined) return 'without an owner';
  if (me === undefined) return `of ${owner}`;
  if (me.name.toLowerCase() === owner.toLowerCase()) return `yours (${owner})`;
  const isMember = me.organisations.some((name) => name.toLowerCase() === owner.toLowerCase());
  return isMember ? `of your organisation ${owner}` : `SOMEBODY ELSE'S (${owner})`;
}
