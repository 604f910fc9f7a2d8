/** Branches, tags and other refs of a repository. */
import * as z from 'zod';
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { askHub } from '../request.ts';
import { withOfficialClient } from './official-client.ts';
import { apiPath, encodeRevision, type RepoRef } from './repo-ref.ts';
import { repoTarget } from './tree.ts';

const ref = z.object({ name: z.string().optional(), ref: z.string(), targetCommit: z.string() });
const refs = z
  .array(ref)
  .nullish()
  .catch(undefined)
  .transform((found) => found ?? []);
const answer = z.object({ branches: refs, tags: refs, converts: refs, pullRequests: refs });

export interface Ref {
  /** As one writes it for a revision. */
  readonly name: string;
  readonly commit: string;
}

export interface RepoRefs {
  readonly branches: readonly Ref[];
  readonly tags: readonly Ref[];
  readonly converts: readonly Ref[];
  readonly pullRequests: readonly Ref[];
}

const named = (found: readonly z.output<typeof ref>[]): readonly Ref[] =>
  found.map(({ name, ref: full, targetCommit: commit }) => ({ name: name ?? full, commit }));

export async function listRefs(
  hub: HubContext,
  repo: RepoRef,
  signal: AbortSignal,
): Promise<RepoRefs> {
  const { data } = await askHub(
    hub,
    {
      path: `${apiPath(repo)}/refs`,
      query: { include_prs: 1 },
      schema: answer,
      ...repoTarget(hub, repo),
    },
    signal,
  );
  return {
    branches: named(data.branches),
    tags: named(data.tags),
    converts: named(data.converts),
    // Their name alone is a number; the ref is what a revision takes.
    pullRequests: data.pullRequests.map(({ ref: name, targetCommit: commit }) => ({
      name,
      commit,
    })),
  };
}

/** @param from the commit that it begins at. @throws GloveboxError `remote/conflict` when it is there already. */
export function createBranch(
  hub: HubContext,
  repo: RepoRef,
  { branch, from }: { readonly branch: string; readonly from: string },
  signal: AbortSignal,
): Promise<void> {
  return withOfficialClient(hub, repoTarget(hub, repo, 'write'), signal, (client, options) =>
    client.createBranch({
      ...options,
      repo: { type: repo.type, name: repo.id },
      branch,
      revision: from,
    }),
  );
}

export function deleteBranch(
  hub: HubContext,
  repo: RepoRef,
  branch: string,
  signal: AbortSignal,
): Promise<void> {
  return withOfficialClient(hub, repoTarget(hub, repo, 'write'), signal, (client, options) =>
    client.deleteBranch({ ...options, repo: { type: repo.type, name: repo.id }, branch }),
  );
}

/** The official client knows no tags. */
export async function createTag(
  hub: HubContext,
  repo: RepoRef,
  {
    tag,
    revision,
    message,
  }: { readonly tag: string; readonly revision: string; readonly message: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const response = await hub.web.send(
    {
      url: `${hub.hosts().hub}${apiPath(repo)}/tag/${encodeRevision(revision)}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tag, ...(message !== undefined && { message }) }),
    },
    signal,
  );
  const target = repoTarget(hub, repo, 'write');
  checkHubAnswer(hub, response, { ...target, what: `the tag ${tag} of ${target.what}` });
}

export async function deleteTag(
  hub: HubContext,
  repo: RepoRef,
  tag: string,
  signal: AbortSignal,
): Promise<void> {
  const url = `${hub.hosts().hub}${apiPath(repo)}/tag/${encodeRevision(tag)}`;
  const response = await hub.web.send({ url, method: 'DELETE' }, signal);
  const target = repoTarget(hub, repo, 'write');
  checkHubAnswer(hub, response, { ...target, what: `the tag ${tag} of ${target.what}` });
}
