/** Whose token it is: the account, and the organisations it may act for. */
import * as z from 'zod';
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from './context.ts';
import { optional, optionalText } from './lenient.ts';
import { askHub } from './request.ts';

/** The service limits this question more than others. */
const CACHE_MS = 600_000;

const answer = z.object({
  name: z.string(),
  orgs: z
    .array(z.object({ name: z.string() }))
    .nullish()
    .catch(undefined),
  auth: optional(z.object({ accessToken: optional(z.object({ role: optionalText })) })),
});

export interface Identity {
  readonly name: string;
  /** Of the token: `read`, `write`, `fineGrained`. */
  readonly role?: string;
  /** Sorted, each once. */
  readonly organisations: readonly string[];
}

/** @throws GloveboxError `remote/auth-required` without a token that is accepted; else as `askHub`. */
export async function identify(hub: HubContext, signal: AbortSignal): Promise<Identity> {
  const question = {
    path: '/api/whoami-v2',
    schema: answer,
    what: 'the account of the token',
    cacheMs: CACHE_MS,
  };
  const { data } = await askHub(hub, question, signal);
  const organisations = [...new Set((data.orgs ?? []).map(({ name }) => name))].toSorted();
  const role = data.auth?.accessToken?.role;
  return { name: data.name, organisations, ...(role !== undefined && { role }) };
}

/** `undefined` without a token, and when the Hub does not say. Never fails but by `cancelled`. */
export async function whoAmI(hub: HubContext, signal: AbortSignal): Promise<Identity | undefined> {
  try {
    return await identify(hub, signal);
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
