/** What GitHub is asked: one function per operation of its API. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseJsonAnswer } from '#platform/web/answer-text.ts';
import type { GithubContext } from './context.ts';
import { githubFailure, isLimited, quotaNote } from './failures.ts';
import { encodeSegments, fullName, type RepoName } from './repo-name.ts';
import { askGithub, FIXED_MS, sendToGithub, type GithubAnswer } from './request.ts';

type Repo = Pick<RepoName, 'owner' | 'repo'>;

const pathOf = ({ owner, repo }: Repo): string =>
  `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}`;

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
  .catch(undefined);

const repoSchema = z.object({
  full_name: z.string(),
  html_url: z.string(),
  default_branch: text,
  description: text,
  language: text,
  stargazers_count: z.number().catch(0),
  forks_count: z.number().catch(0),
  created_at: text,
  updated_at: text,
  pushed_at: text,
  topics: z.array(z.string()).catch([]),
  archived: z.boolean().catch(false),
  fork: z.boolean().catch(false),
});
export type GithubRepo = z.output<typeof repoSchema>;

/** GET `/repos/{owner}/{repo}`. @throws GloveboxError `remote/not-found`. */
export function getRepo(
  github: GithubContext,
  repo: Repo,
  signal: AbortSignal,
): Promise<GithubAnswer<GithubRepo>> {
  const what = `the repository ${fullName(repo)}`;
  return askGithub(github, { path: pathOf(repo), schema: repoSchema, what }, signal);
}

/** GET `/repos/{owner}/{repo}/commits/{ref}`: the commit that a branch, a tag or a short id means now. */
export async function resolveCommit(
  github: GithubContext,
  repo: Repo,
  ref: string,
  signal: AbortSignal,
): Promise<string> {
  if (/^[0-9a-f]{40}$/.test(ref)) return ref;
  const { data } = await askGithub(
    github,
    {
      path: `${pathOf(repo)}/commits/${encodeURIComponent(ref)}`,
      schema: z.object({ sha: z.string() }),
      what: `the revision "${ref}" in ${fullName(repo)}`,
    },
    signal,
  );
  return data.sha;
}

const treeSchema = z.object({
  truncated: z.boolean().catch(false),
  tree: z.array(
    z.object({
      path: z.string(),
      type: z.string(),
      sha: z.string(),
      size: z.number().optional().catch(undefined),
    }),
  ),
});
export type GithubTree = z.output<typeof treeSchema>;

/** GET `/repos/{owner}/{repo}/git/trees/{sha}`. `truncated` when GitHub left out a part (above about 100,000 entries). */
export async function getTree(
  github: GithubContext,
  repo: Repo,
  tree: { readonly sha: string; readonly isRecursive: boolean },
  signal: AbortSignal,
): Promise<GithubAnswer<GithubTree>> {
  return askGithub(
    github,
    {
      path: `${pathOf(repo)}/git/trees/${tree.sha}`,
      query: { recursive: tree.isRecursive ? 1 : undefined },
      schema: treeSchema,
      what: `the files of ${fullName(repo)}`,
      cacheMs: FIXED_MS,
      maxBytes: 64 * 1024 * 1024,
    },
    signal,
  );
}

export interface RepoList {
  readonly repos: readonly GithubRepo[];
  readonly total: number | undefined;
  readonly note: string | undefined;
}

/** GitHub gives no more of a search. */
export const MAX_SEARCH_HITS = 1000;

/** GET `/search/repositories`: sorted by the server over everything. */
export async function searchRepos(
  github: GithubContext,
  search: {
    readonly q: string;
    readonly sort: 'stars' | 'forks' | 'updated';
    readonly order: 'asc' | 'desc';
    readonly page: number;
    readonly perPage: number;
  },
  signal: AbortSignal,
): Promise<RepoList> {
  const { q, sort, order, page, perPage } = search;
  const { data, note } = await askGithub(
    github,
    {
      path: '/search/repositories',
      query: { q, sort, order, per_page: perPage, page },
      schema: z.object({ total_count: z.number(), items: z.array(repoSchema) }),
      what: 'the search for repositories',
    },
    signal,
  );
  return { repos: data.items, total: data.total_count, note };
}

/** GET `/orgs/{owner}/repos` or `/users/{owner}/repos`. */
export async function listOwnerRepos(
  github: GithubContext,
  list: {
    readonly owner: string;
    readonly ownerType: 'user' | 'org';
    readonly sort: 'updated' | 'created';
    readonly order: 'asc' | 'desc';
    readonly page: number;
    readonly perPage: number;
  },
  signal: AbortSignal,
): Promise<RepoList> {
  const { owner, ownerType, sort, order, page, perPage } = list;
  const { data, note } = await askGithub(
    github,
    {
      path: `/${ownerType === 'org' ? 'orgs' : 'users'}/${encodeURIComponent(owner)}/repos`,
      query: { sort, direction: order, per_page: perPage, page },
      schema: z.array(repoSchema),
      what: `the repositories of ${owner}`,
    },
    signal,
  );
  return { repos: data, total: undefined, note };
}

/** GET `/users/{owner}`, which knows organisations too. */
export async function getOwner(
  github: GithubContext,
  owner: string,
  signal: AbortSignal,
): Promise<{ readonly type: 'user' | 'org'; readonly publicRepos: number }> {
  const { data } = await askGithub(
    github,
    {
      path: `/users/${encodeURIComponent(owner)}`,
      schema: z.object({ type: z.string(), public_repos: z.number().catch(0) }),
      what: `the user or organisation ${owner}`,
    },
    signal,
  );
  return { type: data.type === 'Organization' ? 'org' : 'user', publicRepos: data.public_repos };
}

const entrySchema = z.object({
  name: z.string(),
  path: z.string(),
  type: z.string(),
  size: z.number().catch(0),
  html_url: text,
});
export type FolderEntry = z.output<typeof entrySchema>;

const fileSchema = entrySchema.extend({
  content: z.string().catch(''),
  encoding: z.string().catch('none'),
  sha: z.string(),
});

export type Contents =
  | { readonly kind: 'file'; readonly bytes: Buffer; readonly note: string | undefined }
  | {
      readonly kind: 'folder';
      readonly entries: readonly FolderEntry[];
      readonly note: string | undefined;
    }
  | { readonly kind: 'other'; readonly type: string; readonly note: string | undefined };

const MAX_FILE_BYTES = 100 * 1024 * 1024;
/** A file of that size takes longer than an answer. */
const FILE_MS = 60_000;

/**
 * GET `/repos/{owner}/{repo}/contents/{path}`: a file up to 100 MB, or the entries of a folder. A public file comes from the
 * raw host, without a token, when the quota of the API is used up.
 *
 * @throws GloveboxError `remote/not-found`, `http/too-large`.
 */
export async function getContents(
  github: GithubContext,
  repo: Repo,
  file: { readonly path: string; readonly commit: string },
  signal: AbortSignal,
): Promise<Contents> {
  const what =
    file.path === ''
      ? `the files of ${fullName(repo)}`
      : `the file or folder ${file.path} in ${fullName(repo)}`;
  const question = {
    path: `${pathOf(repo)}/contents/${encodeSegments(file.path)}`.replace(/\/$/, ''),
    query: { ref: file.commit },
    what,
    cacheMs: FIXED_MS,
  };
  const response = await sendToGithub(github, question, signal);
  if (isLimited(response) && file.path !== '') {
    const bytes = await getRawFile(github, repo, file, signal).catch(() => undefined);
    if (bytes !== undefined)
      return {
        kind: 'file',
        bytes,
        note: 'the quota of the API is used up; this came from the public files. GITHUB_TOKEN raises the limit.',
      };
  }
  if (response.status !== 200) throw githubFailure(github, response, what);
  const note = quotaNote(response);
  const body = parseJsonAnswer(z.unknown(), response, `GitHub's answer for ${what}`);
  const folder = z.array(entrySchema).safeParse(body);
  if (folder.success) return { kind: 'folder', entries: folder.data, note };
  const found = fileSchema.safeParse(body);
  if (!found.success)
    throw new GloveboxError(
      'remote/failed',
      `GitHub's answer for ${what} has another shape than expected.`,
    );
  if (found.data.type !== 'file') return { kind: 'other', type: found.data.type, note };
  if (found.data.encoding === 'base64')
    return { kind: 'file', bytes: Buffer.from(found.data.content, 'base64'), note };
  // Above 1 MB the answer has no content.
  const raw = await sendToGithub(
    github,
    {
      ...question,
      accept: 'application/vnd.github.raw+json',
      maxBytes: MAX_FILE_BYTES,
      timeoutMs: FILE_MS,
    },
    signal,
  );
  if (raw.status !== 200) throw githubFailure(github, raw, what);
  return { kind: 'file', bytes: raw.bytes, note };
}

/** GET a public file from the raw host. Never with a token. */
export async function getRawFile(
  github: GithubContext,
  repo: Repo,
  { path, commit }: { readonly path: string; readonly commit: string },
  signal: AbortSignal,
): Promise<Buffer> {
  const place = `${encodeURIComponent(repo.owner)}/${encodeURIComponent(repo.repo)}/${encodeURIComponent(commit)}`;
  const response = await github.web.send(
    {
      url: `${github.hosts().raw}/${place}/${encodeSegments(path)}`,
      credentials: 'none',
      cacheMs: FIXED_MS,
      maxBytes: MAX_FILE_BYTES,
      timeoutMs: FILE_MS,
    },
    signal,
  );
  if (response.status === 200) return response.bytes;
  throw githubFailure(github, response, `the public file ${path} in ${fullName(repo)}`);
}
