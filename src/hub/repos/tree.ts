/** Folders and files of a repository, and what the Hub knows of single ones. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseJsonAnswer } from '#platform/web/answer-text.ts';
import type { HubContext } from '../context.ts';
import { checkHubAnswer, type HubTarget } from '../failures.ts';
import { askHub, encodePath, nextPageOf, withQuery } from '../request.ts';
import { apiPath, encodeRevision, pagePath, repoWords, type RepoRef } from './repo-ref.ts';

const PAGE = 1000;
/** More pages are not walked to expand a pattern. */
const MAX_PAGES = 30;

const entry = z.object({
  type: z.string(),
  path: z.string(),
  oid: z.string().nullish().catch(undefined),
  size: z.number().nullish().catch(undefined),
  lfs: z.object({ oid: z.string(), size: z.number() }).nullish().catch(undefined),
});

export interface TreeEntry {
  readonly path: string;
  readonly isFolder: boolean;
  /** Of the file itself, also where it is kept elsewhere. */
  readonly bytes: number;
  readonly oid: string;
  /** Kept in large file storage, under this SHA-256. */
  readonly lfsOid?: string;
}

const toEntry = ({ type, path, oid, size, lfs }: z.output<typeof entry>): TreeEntry => ({
  path,
  isFolder: type === 'directory',
  bytes: lfs?.size ?? size ?? 0,
  oid: oid ?? '',
  ...(lfs !== undefined && lfs !== null && { lfsOid: lfs.oid }),
});

export const repoTarget = (hub: HubContext, repo: RepoRef, scope?: 'write'): HubTarget => ({
  what: repoWords(repo),
  page: `${hub.hosts().hub}${pagePath(repo)}`,
  ...(scope !== undefined && { scope }),
});

export interface TreePage {
  readonly entries: readonly TreeEntry[];
  /** The Hub's own word for where the next page begins. */
  readonly cursor: string | undefined;
}

export interface TreeQuery {
  readonly revision: string;
  /** Empty for the root. */
  readonly path: string;
  readonly recursive: boolean;
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** @throws GloveboxError as `checkHubAnswer`; `remote/not-found` for a folder that is not there. */
export async function listTree(
  hub: HubContext,
  repo: RepoRef,
  query: TreeQuery,
  signal: AbortSignal,
): Promise<TreePage> {
  const { revision, path, recursive, limit, cursor } = query;
  const folder = path === '' ? '' : `/${encodePath(path)}`;
  const url = withQuery(
    `${hub.hosts().hub}${apiPath(repo)}/tree/${encodeRevision(revision)}${folder}`,
    { recursive, limit, cursor },
  );
  const response = await hub.web.send({ url, headers: { accept: 'application/json' } }, signal);
  const target = repoTarget(hub, repo);
  checkHubAnswer(hub, response, {
    ...target,
    what: path === '' ? target.what : `${path} in ${target.what}`,
  });
  const entries = parseJsonAnswer(z.array(entry), response, `The list of files of ${target.what}`);
  const next = nextPageOf(response);
  return {
    entries: entries.map(toEntry),
    cursor:
      next === undefined ? undefined : (new URL(next).searchParams.get('cursor') ?? undefined),
  };
}

/** Every file, of all folders below. @throws GloveboxError `remote/unsupported` when there are more than 30,000. */
export async function listAllFiles(
  hub: HubContext,
  repo: RepoRef,
  { revision, path }: Pick<TreeQuery, 'revision' | 'path'>,
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const files: TreeEntry[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = { revision, path, recursive: true, limit: PAGE, cursor };
    const found = await listTree(hub, repo, query, signal);
    files.push(...found.entries.filter(({ isFolder }) => !isFolder));
    cursor = found.cursor;
    if (cursor === undefined) return files;
  }
  throw new GloveboxError(
    'remote/unsupported',
    `${repoWords(repo)} has more than ${MAX_PAGES * PAGE} files, which are too many to look through.`,
    { hint: 'Name a folder in path, or exact paths.' },
  );
}

/** What is at a path; undefined when nothing is. @throws GloveboxError as `checkHubAnswer`. */
export async function pathInfo(
  hub: HubContext,
  repo: RepoRef,
  { revision, path }: { readonly revision: string; readonly path: string },
  signal: AbortSignal,
): Promise<TreeEntry | undefined> {
  const { data } = await askHub(
    hub,
    {
      path: `${apiPath(repo)}/paths-info/${encodeRevision(revision)}`,
      method: 'POST',
      isRead: true,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ paths: [path] }),
      schema: z.array(entry),
      ...repoTarget(hub, repo),
    },
    signal,
  );
  const found = data.find((one) => one.path === path);
  return found === undefined ? undefined : toEntry(found);
}

const head = z.object({
  id: z.string().nullish().catch(undefined),
  sha: z.string().nullish().catch(undefined),
  private: z.boolean().nullish().catch(undefined),
  gated: z.union([z.boolean(), z.string()]).nullish().catch(undefined),
});

export interface RepoHead {
  readonly sha: string | undefined;
  readonly isPrivate: boolean;
  /** `auto`, `manual` or `none`. */
  readonly gated: string;
}

/** The commit that a revision is at now, and who can see the repository. @throws GloveboxError as `checkHubAnswer`. */
export async function repoHead(
  hub: HubContext,
  repo: RepoRef,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<RepoHead> {
  const at = revision === undefined ? '' : `/revision/${encodeRevision(revision)}`;
  const question = { path: `${apiPath(repo)}${at}`, schema: head, ...repoTarget(hub, repo) };
  const { data } = await askHub(hub, question, signal);
  return {
    sha: data.sha ?? undefined,
    isPrivate: data.private === true,
    gated: typeof data.gated === 'string' ? data.gated : 'none',
  };
}
