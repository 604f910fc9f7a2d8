/** Examples of a repository at one commit, ranked. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { GithubContext } from '#github/context.ts';
import {
  getRepo,
  getTree,
  resolveCommit,
  searchRepos,
  type GithubTree,
} from '#github/operations.ts';
import {
  cleanPath,
  encodeSegments,
  fullName,
  parseRepoName,
  type RepoName,
} from '#github/repo-name.ts';
import {
  decodeCursor,
  encodeCursor,
  offsetOf,
  renderCount,
  renderList,
} from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { FindExamplesInput } from '../github-find-examples.ts';
import { isExampleFolder, isTest, rankExamples, type TreeFile } from './rank-examples.ts';

/** Of a tree that GitHub cut, so many example folders are asked for by themselves. */
const MAX_FOLDERS = 20;

export interface FindExamplesCall {
  readonly github: GithubContext;
  readonly signal: AbortSignal;
  readonly input: FindExamplesInput;
  readonly limit: number;
  readonly budget: number;
  readonly notes: Notes;
}

export async function findExamples(call: FindExamplesCall): Promise<string> {
  const { github, signal, input, limit, budget, notes } = call;
  const name = parseRepoName(input.repo, input.org ?? 'huggingface');
  const folder = cleanPath(input.path ?? name.path ?? '');
  const { data: repo, note } = await getRepo(github, name, signal).catch((error: unknown) =>
    withSimilar(call, name, error),
  );
  if (note !== undefined) notes.push(note);
  const ref = input.ref ?? name.ref ?? repo.default_branch ?? 'HEAD';
  const kind = JSON.stringify([fullName(name), ref, folder, input.keyword, input.include_tests]);
  const { offset, commit } = await placeOf(call, name, kind, ref);
  const loaded = await loadFiles(call, name, commit);
  const files = loaded.files.filter(({ path }) => folder === '' || path.startsWith(`${folder}/`));
  if (folder !== '' && files.length === 0)
    notes.push(
      loaded.isPartial
        ? `none of ${folder} is in the part of the list that was read; github_read_file lists a folder.`
        : `there is no folder ${folder} at that commit.`,
    );
  const isLeftOut = ({ path }: TreeFile): boolean => input.include_tests !== true && isTest(path);
  const tests = files.filter(isLeftOut);
  const all = rankExamples(
    files.filter((file) => !isLeftOut(file)),
    input.keyword ?? '',
  );
  const matching = input.keyword === undefined ? all : all.filter(({ matched }) => matched > 0);
  const isFallback = matching.length === 0 && all.length > 0;
  if (isFallback) notes.push(`no path has a word of "${input.keyword}"; these are all examples.`);
  const found = isFallback ? all : matching;
  const skippedTests = tests.filter(
    ({ path }) => rankExamples([{ path, size: 0 }], '').length > 0,
  ).length;
  if (skippedTests > 0)
    notes.push(`${renderCount(skippedTests)} tests are left out; include_tests=true shows them.`);
  const shown = found.slice(offset, offset + limit);
  return renderList(
    {
      head: [
        `# Examples in ${repo.full_name}${input.keyword === undefined ? '' : ` for "${input.keyword}"`}`,
        `${renderCount(found.length)} of ${renderCount(files.length)} files · commit ${commit} · ${repo.html_url}/tree/${commit}`,
      ],
      items: shown.map((file, at) => renderFile(file, offset + at + 1, repo.full_name, commit)),
      offset,
      total: found.length,
      hasMore: offset + shown.length < found.length,
      cursorAfter: (count) => encodeCursor(kind, [offset + count, commit]),
      noun: 'examples',
      ...(found.length === 0 && {
        next: `github_read_file(repo="${repo.full_name}", ref="${commit}") lists the folders.`,
      }),
      notes,
    },
    budget,
  );
}

/** A list goes on at the commit that it was begun at, wherever the branch is by now. */
async function placeOf(
  { github, signal, input }: FindExamplesCall,
  name: RepoName,
  kind: string,
  ref: string,
): Promise<{ readonly offset: number; readonly commit: string }> {
  const [, begun] = input.cursor === undefined ? [] : decodeCursor(kind, input.cursor);
  const isCommit = typeof begun === 'string' && /^[0-9a-f]{40}$/.test(begun);
  const commit = isCommit ? begun : await resolveCommit(github, name, ref, signal);
  return { offset: offsetOf(kind, input.cursor), commit };
}

function renderFile({ path, size }: TreeFile, index: number, repo: string, commit: string): string {
  return [
    `${index}. ${path}${size === undefined ? '' : ` (${renderBytes(size)})`}`,
    `   https://github.com/${repo}/blob/${commit}/${encodeSegments(path)}`,
    `   github_read_file(repo="${repo}", path="${path}", ref="${commit}")`,
  ].join('\n');
}

const filesOf = ({ tree }: GithubTree, prefix = ''): readonly TreeFile[] =>
  tree
    .filter(({ type }) => type === 'blob')
    .map(({ path, size }) => ({ path: `${prefix}${path}`, size }));

async function loadFiles(
  { github, signal, notes }: FindExamplesCall,
  name: RepoName,
  commit: string,
): Promise<{ readonly files: readonly TreeFile[]; readonly isPartial: boolean }> {
  const whole = await getTree(github, name, { sha: commit, isRecursive: true }, signal);
  if (whole.note !== undefined) notes.push(whole.note);
  if (!whole.data.truncated) return { files: filesOf(whole.data), isPartial: false };
  const root = await getTree(github, name, { sha: commit, isRecursive: false }, signal);
  const folders = [...root.data.tree, ...whole.data.tree].filter(
    ({ type, path }) => type === 'tree' && isExampleFolder(path.split('/').at(-1) ?? ''),
  );
  const outer = [...new Map(folders.map((each) => [each.path, each])).values()].filter(
    ({ path }) => !folders.some((other) => path.startsWith(`${other.path}/`)),
  );
  const parts = await Promise.all(
    outer.slice(0, MAX_FOLDERS).map(async ({ path, sha }) => {
      const { data } = await getTree(github, name, { sha, isRecursive: true }, signal);
      return filesOf(data, `${path}/`);
    }),
  );
  notes.push(
    `partial tree: GitHub cut the list of files, so ${Math.min(outer.length, MAX_FOLDERS)} of ${outer.length} example folders were read one by one.`,
  );
  const files = new Map([...filesOf(whole.data), ...parts.flat()].map((file) => [file.path, file]));
  return { files: [...files.values()], isPartial: true };
}

/** A name that does not exist is usually nearly right. */
async function withSimilar(
  { github, signal }: FindExamplesCall,
  name: RepoName,
  error: unknown,
): Promise<never> {
  if (!isGloveboxError(error, 'remote/not-found')) throw error;
  const q = `${name.repo} org:${name.owner}`;
  const similar = await searchRepos(
    github,
    { q, sort: 'stars', order: 'desc', page: 1, perPage: 5 },
    signal,
  )
    .then(({ repos }) => repos.map(({ full_name: each }) => each))
    .catch(() => []);
  throw new GloveboxError('remote/not-found', error.message, {
    hint:
      similar.length === 0
        ? (error.hint ?? `github_list_repos(owner="${name.owner}") lists what there is.`)
        : `similar: ${similar.join(', ')}. github_list_repos(owner="${name.owner}") lists all.`,
    cause: error,
  });
}
