/** Lists what is in a repository: folders with counts, files with sizes, totals of files only. */
import { createMatcher } from '#hub/repos/glob.ts';
import { checkRepoPath, encodeRevision, pagePath, type RepoRef } from '#hub/repos/repo-ref.ts';
import { encodePath } from '#hub/request.ts';
import { listAllFiles, listTree, type TreeEntry } from '#hub/repos/tree.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, offsetOf, encodeCursor, renderCount, renderList } from '../../paged-answer.ts';
import { clamp, type Notes } from '../../wide-input.ts';
import { megabytes } from '../dataset/report.ts';
import { revisionArgument } from './repo-target.ts';

const PAGE = 1000;

export interface ListRequest {
  readonly repo: RepoRef;
  readonly revision: string;
  readonly path: string | undefined;
  readonly recursive: boolean;
  readonly glob: string | undefined;
  readonly limit: number | undefined;
  readonly cursor: string | undefined;
  readonly maxChars: number | undefined;
  /** What has to be said beside the answer. */
  readonly notes: readonly string[];
}

interface Found {
  readonly entries: readonly TreeEntry[];
  /** Files below each folder, where that is known. */
  readonly counts: ReadonlyMap<string, number>;
  readonly totals: string;
}

export async function listFiles(request: ListRequest, context: ToolContext): Promise<ToolResult> {
  const { hub, settings, signal } = context;
  const notes: Notes = [...request.notes];
  const { repo, revision, glob } = request;
  const path = checkRepoPath(request.path ?? '');
  const budget = budgetOf(request.maxChars, settings, notes);
  const limit = clamp('limit', request.limit, { fallback: 100, min: 1, max: 1000 }, notes);
  const isDeep = request.recursive || glob?.includes('/') === true;
  const kind = ['list', repo.type, repo.id, revision, path, String(isDeep), glob ?? ''].join('\n');
  const offset = offsetOf(kind, request.cursor);
  const found = isDeep
    ? deep(await listAllFiles(hub, repo, { revision, path }, signal))
    : await shallow(request, path, context);
  const isWanted = glob === undefined ? undefined : createMatcher(relative(glob, path));
  const entries =
    isWanted === undefined
      ? found.entries
      : found.entries.filter((entry) => isWanted(below(entry.path, path)));
  const url = `${hub.hosts().hub}${pagePath(repo)}/tree/${encodeRevision(revision)}${path === '' ? '' : `/${encodePath(path)}`}`;
  const page = entries.slice(offset, offset + limit);
  const facts = [
    `revision ${revision}`,
    found.totals,
    ...(glob === undefined ? [] : [`${renderCount(entries.length)} match ${glob}`]),
  ];
  const first = page.find(({ isFolder }) => !isFolder);
  const text = renderList(
    {
      head: [
        `# ${repo.id}${path === '' ? '' : ` / ${path}`} (${repo.type})`,
        url,
        facts.join(' · '),
      ],
      items: page.map((entry) => line(entry, path, found.counts)),
      offset,
      total: entries.length,
      hasMore: offset + page.length < entries.length,
      cursorAfter: (shown) => encodeCursor(kind, [offset + shown]),
      noun: 'entries',
      notes,
      ...(page.length === 0 &&
        glob !== undefined &&
        !isDeep && {
          next: `hf_repo_files(operation="list", repo_id="${repo.id}", repo_type="${repo.type}"${revisionArgument(revision)}, glob="${glob}", recursive=true) looks into the folders below too.`,
        }),
      ...(first !== undefined && {
        next: `hf_repo_files(operation="read", repo_id="${repo.id}", repo_type="${repo.type}"${revisionArgument(revision)}, path="${first.path}")`,
      }),
    },
    budget,
  );
  return textResult(text, { repo: repo.id, count: entries.length });
}

/** A pattern counts from the folder that is listed. */
const relative = (glob: string, path: string): string =>
  path !== '' && glob.startsWith(`${path}/`) ? glob.slice(path.length + 1) : glob;
const below = (full: string, path: string): string =>
  path === '' ? full : full.slice(path.length + 1);

const sum = (files: readonly TreeEntry[]): number =>
  files.reduce((total, { bytes }) => total + bytes, 0);
const totalWords = (files: readonly TreeEntry[], where: string): string =>
  `${renderCount(files.length)} file${files.length === 1 ? '' : 's'} ${where}, ${megabytes(sum(files))}`;

const deep = (files: readonly TreeEntry[]): Found => ({
  entries: files,
  counts: new Map(),
  totals: totalWords(files, 'in all folders'),
});

/** One question answers both what is here and how much is below, as long as there is not too much of it. */
async function shallow(
  { repo, revision }: ListRequest,
  path: string,
  { hub, signal }: ToolContext,
): Promise<Found> {
  const query = { revision, path, limit: PAGE, cursor: undefined };
  const all = await listTree(hub, repo, { ...query, recursive: true }, signal);
  const isHere = ({ path: full }: TreeEntry): boolean => !below(full, path).includes('/');
  if (all.cursor !== undefined) {
    const here: TreeEntry[] = [];
    let cursor: string | undefined;
    do {
      // Each page names the next one.
      // oxlint-disable-next-line no-await-in-loop
      const page = await listTree(hub, repo, { ...query, cursor, recursive: false }, signal);
      here.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined && here.length < 20 * PAGE);
    const files = here.filter(({ isFolder }) => !isFolder);
    const rest =
      cursor === undefined
        ? 'more below'
        : `only the first ${renderCount(here.length)} entries were read`;
    return { entries: here, counts: new Map(), totals: `${totalWords(files, 'here')}; ${rest}` };
  }
  const files = all.entries.filter(({ isFolder }) => !isFolder);
  const counts = new Map<string, number>();
  for (const { path: full } of files) {
    const [folder] = below(full, path).split('/');
    const name = path === '' ? (folder ?? '') : `${path}/${folder ?? ''}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return { entries: all.entries.filter(isHere), counts, totals: totalWords(files, 'in all') };
}

function line(entry: TreeEntry, path: string, counts: ReadonlyMap<string, number>): string {
  const name = below(entry.path, path);
  if (!entry.isFolder) {
    return `${name}  ${entry.bytes < 100_000 ? `${renderCount(entry.bytes)} B` : megabytes(entry.bytes)}${entry.lfsOid === undefined ? '' : '  LFS'}`;
  }
  const count = counts.get(entry.path);
  return `${name}/${count === undefined ? '' : `  ${renderCount(count)} files`}`;
}
