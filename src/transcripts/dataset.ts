/** The dataset that transcripts go to: the user's own and private one, or one that they named. */
import { createHash } from 'node:crypto';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { HubContext } from '#hub/context.ts';
import { commitChanges, type FileChange } from '#hub/repos/commit.ts';
import { pagePath, type RepoRef } from '#hub/repos/repo-ref.ts';
import { createRepo } from '#hub/repos/settings.ts';
import { listTree, pathInfo, repoHead, type RepoHead } from '#hub/repos/tree.ts';
import { identify } from '#hub/whoami.ts';
import { renderCard } from './dataset-card.ts';

const DEFAULT_NAME = 'glovebox-sessions';
const TOKEN_HINT =
  'set GLOVEBOX_SESSION_UPLOAD_TOKEN to a token that may write to that dataset (a fine-grained one for it alone is best), then run: glovebox transcripts upload';

export interface Target {
  /** `owner/name`, or nothing for the own one. */
  readonly named: string | undefined;
  /** A person agreed that this very dataset may be public. */
  readonly mayBePublic: (repo: string) => boolean;
}

/**
 * The dataset, which is made private when it is not there.
 *
 * @throws GloveboxError `remote/auth-required` without a token that the Hub accepts, `policy/refused` for the dataset of
 * somebody else or a public one that nobody agreed to; what the Hub says, when it cannot be made or seen.
 */
export async function openDataset(
  hub: HubContext,
  { named, mayBePublic }: Target,
  signal: AbortSignal,
): Promise<{ readonly repo: RepoRef; readonly isFresh: boolean }> {
  const me = await identify(hub, signal).catch((error: unknown) => {
    if (!isGloveboxError(error, 'remote/auth-required')) throw error;
    throw new GloveboxError(
      'remote/auth-required',
      'There is no token for the upload of transcripts.',
      {
        hint: TOKEN_HINT,
        cause: error,
      },
    );
  });
  const id = named ?? `${me.name}/${DEFAULT_NAME}`;
  const owner = id.split('/')[0] ?? '';
  const allowed = [me.name, ...me.organisations];
  if (!allowed.some((name) => name.toLowerCase() === owner.toLowerCase())) {
    throw new GloveboxError(
      'policy/refused',
      `There is no write access to the dataset ${id}: the token acts for ${allowed.join(', ')}.`,
      {
        hint: `name a dataset of one of them in GLOVEBOX_SESSION_REPO, for example ${me.name}/${DEFAULT_NAME}.`,
      },
    );
  }
  const repo: RepoRef = { type: 'dataset', id };
  let head = await headIfThere(hub, repo, signal);
  const wasThere = head !== undefined;
  if (head === undefined) {
    await createRepo(hub, repo, { isPrivate: true, sdk: undefined }, signal);
    head = await repoHead(hub, repo, undefined, signal);
  }
  if (!head.isPrivate && !mayBePublic(id)) {
    throw new GloveboxError(
      'policy/refused',
      `The dataset ${id} is public, so nothing was sent to it.`,
      {
        hint: `make it private, or agree to that in a terminal: glovebox transcripts enable --repo ${id} --public`,
      },
    );
  }
  return { repo, isFresh: !wasThere || (await isEmpty(hub, repo, signal)) };
}

async function headIfThere(
  hub: HubContext,
  repo: RepoRef,
  signal: AbortSignal,
): Promise<RepoHead | undefined> {
  try {
    return await repoHead(hub, repo, undefined, signal);
  } catch (error) {
    if (isGloveboxError(error, 'remote/not-found')) return undefined;
    throw error;
  }
}

/** As the Hub makes one: a worker that died after making it left no card. */
async function isEmpty(hub: HubContext, repo: RepoRef, signal: AbortSignal): Promise<boolean> {
  const query = { revision: 'main', path: '', recursive: false, limit: 3, cursor: undefined };
  const { entries } = await listTree(hub, repo, query, signal);
  return entries.every(({ path }) => path === '.gitattributes');
}

export interface TranscriptFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** One commit. @returns the address of the file. @throws GloveboxError as `commitChanges`; the outcome may be unknown then. */
export async function putTranscript(
  hub: HubContext,
  { repo, isFresh }: { readonly repo: RepoRef; readonly isFresh: boolean },
  files: readonly TranscriptFile[],
  message: string,
  signal: AbortSignal,
): Promise<void> {
  const changes: FileChange[] = files.map((file) => ({ kind: 'put', ...file }));
  if (isFresh)
    changes.unshift({ kind: 'put', path: 'README.md', bytes: Buffer.from(renderCard(repo.id)) });
  await commitChanges(
    hub,
    repo,
    { revision: 'main', message, changes, parent: undefined, asPullRequest: false },
    signal,
  );
}

export const addressOf = (hub: HubContext, repo: RepoRef, path: string): string =>
  `${hub.hosts().hub}${pagePath(repo)}/blob/main/${path}`;

/** Whether this very content is there already, by the hash that git or large file storage knows it under. */
export async function isThere(
  hub: HubContext,
  repo: RepoRef,
  { path, bytes }: TranscriptFile,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await pathInfo(hub, repo, { revision: 'main', path }, signal).catch(
    (error: unknown) => {
      // A dataset without a first commit has no revision yet.
      if (isGloveboxError(error, 'remote/not-found')) return undefined;
      throw error;
    },
  );
  if (found === undefined || found.bytes !== bytes.length) return false;
  if (found.lfsOid !== undefined)
    return found.lfsOid === createHash('sha256').update(bytes).digest('hex');
  const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  return found.oid === blob;
}
