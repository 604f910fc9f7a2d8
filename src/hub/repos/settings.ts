/** Makes a repository, and changes who can see it. */
import type { HubContext } from '../context.ts';
import { checkHubAnswer } from '../failures.ts';
import { apiPath, type RepoRef, type SpaceSdk } from './repo-ref.ts';
import { repoTarget } from './tree.ts';

/**
 * The official client would want the token for this, which never leaves its one place.
 *
 * @param repo with its owner. @returns false when it is there already.
 */
export async function createRepo(
  hub: HubContext,
  repo: RepoRef,
  { isPrivate, sdk }: { readonly isPrivate: boolean; readonly sdk: SpaceSdk | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const [organization, name] = repo.id.split('/');
  const body = {
    type: repo.type,
    name,
    organization,
    private: isPrivate,
    ...(sdk !== undefined && { sdk }),
  };
  const response = await hub.web.send(
    {
      url: `${hub.hosts().hub}/api/repos/create`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
    signal,
  );
  if (response.status === 409) return false;
  checkHubAnswer(hub, response, repoTarget(hub, repo, 'write'));
  return true;
}

export interface RepoSettings {
  readonly visibility?: 'private' | 'public';
  readonly gated?: 'auto' | 'manual' | 'none';
}

export async function updateRepo(
  hub: HubContext,
  repo: RepoRef,
  { visibility, gated }: RepoSettings,
  signal: AbortSignal,
): Promise<void> {
  const body = {
    ...(visibility !== undefined && { visibility }),
    // The Hub wants the truth value here, and no word for it.
    ...(gated !== undefined && { gated: gated === 'none' ? false : gated }),
  };
  const response = await hub.web.send(
    {
      url: `${hub.hosts().hub}${apiPath(repo)}/settings`,
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
    signal,
  );
  checkHubAnswer(hub, response, repoTarget(hub, repo, 'write'));
}
