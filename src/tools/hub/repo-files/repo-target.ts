/** Which repository a call is about, from an id and a type or from an address that says all of it. */
import { GloveboxError } from '#core/errors.ts';
import { parseRepo, repoWords, type RepoRef, type RepoType } from '#hub/repos/repo-ref.ts';
import { ownershipKind, ownershipOf, whoAmI } from '#hub/whoami.ts';
import type { CallFacts } from '../../authorize.ts';
import type { ToolContext } from '../../define-tool.ts';

export interface RepoCall {
  readonly repo: RepoRef;
  readonly revision: string | undefined;
  /** As it stands in an address. */
  readonly path: string | undefined;
}

/** @throws GloveboxError `input/invalid` for what is no repository, or a type that contradicts the address. */
export function repoOf(
  input: {
    readonly repo_id: string;
    readonly repo_type?: RepoType | undefined;
    readonly revision?: string | undefined;
    readonly path?: string | undefined;
  },
  { hub }: ToolContext,
): RepoCall {
  const found = parseRepo(input.repo_id, hub.hosts().hub, input.repo_type ?? 'model');
  if (input.repo_type !== undefined && found.type !== input.repo_type) {
    throw new GloveboxError(
      'input/invalid',
      `repo_id names ${repoWords(found)}, and repo_type says ${input.repo_type}.`,
      { hint: 'Leave repo_type out: the address says it.' },
    );
  }
  return {
    repo: { type: found.type, id: found.id },
    revision: input.revision ?? found.revision,
    path: input.path ?? found.path,
  };
}

/** For a call that has to look at the same place: nothing for the branch that is looked at anyway. */
export const revisionArgument = (revision: string): string =>
  revision === 'main' ? '' : `, revision="${revision}"`;

/** `the dataset org/name, yours (org)`: the beginning of everything that is said about a change. */
export async function ownedWords(repo: RepoRef, { hub, signal }: ToolContext): Promise<string> {
  const me = await whoAmI(hub, signal);
  return `${repoWords(repo)}, ${ownershipOf(repo.id, me)}`;
}

/** Whose it is, for policy. */
export async function ownershipIn(
  repo: RepoRef,
  { hub, signal }: ToolContext,
): Promise<Pick<CallFacts, 'ownership'>> {
  return { ownership: ownershipKind(repo.id, await whoAmI(hub, signal)) };
}
