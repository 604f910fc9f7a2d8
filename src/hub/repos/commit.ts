/** Puts files into a repository and takes files out of it, in one commit. */
import { GloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { withOfficialClient } from './official-client.ts';
import type { RepoRef } from './repo-ref.ts';
import { repoTarget } from './tree.ts';

export type FileChange =
  | { readonly kind: 'put'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly path: string };

export interface CommitRequest {
  readonly revision: string;
  readonly message: string;
  readonly changes: readonly FileChange[];
  /** The commit that the change was made for. When the branch has moved on, nothing is committed. */
  readonly parent: string | undefined;
  readonly asPullRequest: boolean;
}

export interface Committed {
  readonly oid: string;
  readonly url: string;
  readonly pullRequestUrl: string | undefined;
}

/**
 * Large files go to large file storage when the Hub asks for it. Not repeated, whatever happens.
 *
 * @throws GloveboxError `remote/conflict` when the parent is not the head any more, and as `withOfficialClient`.
 */
export async function commitChanges(
  hub: HubContext,
  repo: RepoRef,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<Committed> {
  const { revision, message, changes, parent, asPullRequest } = request;
  const target = repoTarget(hub, repo, 'write');
  const output = await withOfficialClient(hub, target, signal, (client, options) =>
    client.commit({
      ...options,
      repo: { type: repo.type, name: repo.id },
      title: message,
      branch: revision,
      // Its chunked upload talks to services of its own; the plain one is the same file.
      useXet: false,
      isPullRequest: asPullRequest,
      abortSignal: signal,
      ...(parent !== undefined && { parentCommit: parent }),
      operations: changes.map((change) =>
        change.kind === 'delete'
          ? { operation: 'delete', path: change.path }
          : {
              operation: 'addOrUpdate',
              path: change.path,
              content: new Blob([new Uint8Array(change.bytes)]),
            },
      ),
    }),
  );
  if (output === undefined) {
    throw new GloveboxError('remote/failed', `The Hub did not name the commit to ${target.what}.`, {
      hint: 'look at the repository before trying again.',
    });
  }
  const { commit, pullRequestUrl } = output;
  return { oid: commit.oid, url: commit.url, pullRequestUrl };
}
