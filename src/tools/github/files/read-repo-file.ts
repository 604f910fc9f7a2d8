/** A file or folder at a commit, as text within a budget. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { GithubContext } from '#github/context.ts';
import {
  getContents,
  getRawFile,
  resolveCommit,
  type Contents,
  type FolderEntry,
} from '#github/operations.ts';
import { cleanPath, fullName, parseRepoName, type RepoName } from '#github/repo-name.ts';
import {
  decodeText,
  describeSize,
  lfsSizeOf,
  NO_NOTEBOOK,
  notebookToMarkdown,
  windowOfLines,
} from '../../file-text.ts';
import { renderCount } from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';
import type { ReadFileInput } from '../github-read-file.ts';

export interface ReadFileCall {
  readonly github: GithubContext;
  readonly signal: AbortSignal;
  readonly input: ReadFileInput;
  readonly budget: number;
  readonly notes: Notes;
}

interface Place {
  readonly repo: RepoName;
  readonly path: string;
  /** A commit, or a name that could not be resolved. */
  readonly commit: string;
}

export async function readRepoFile(call: ReadFileCall): Promise<string> {
  const { input, notes } = call;
  const repo = parseRepoName(input.repo);
  const path = cleanPath(input.path ?? repo.path ?? '');
  const { line_start: start, line_end: end } = input;
  if (start !== undefined && end !== undefined && start > end)
    throw new GloveboxError('input/invalid', `line_start=${start} is after line_end=${end}.`);
  const ref = input.ref ?? repo.ref ?? 'HEAD';
  const { place, contents } = await load(call, repo, path, ref);
  if (contents.note !== undefined) notes.push(contents.note);
  switch (contents.kind) {
    case 'folder':
      return renderFolder(call, place, contents.entries);
    case 'other':
      return `${headOf(place, notes)}\n\nThis is a ${contents.type}, not a file.`;
    case 'file':
      return renderFile(call, place, contents.bytes);
    default:
      return '';
  }
}

/** When the quota of the API is used up, a public file can still be had by its name. */
async function load(
  { github, signal }: ReadFileCall,
  repo: RepoName,
  path: string,
  ref: string,
): Promise<{ readonly place: Place; readonly contents: Contents }> {
  try {
    const commit = await resolveCommit(github, repo, ref, signal);
    const place = { repo, path, commit };
    return { place, contents: await getContents(github, repo, { path, commit }, signal) };
  } catch (error) {
    if (!isGloveboxError(error, 'remote/rate-limited') || path === '') throw error;
    const bytes = await getRawFile(github, repo, { path, commit: ref }, signal).catch(() => {
      throw error;
    });
    const note =
      'the quota of the API is used up, so the commit is not known; GITHUB_TOKEN raises the limit.';
    return { place: { repo, path, commit: ref }, contents: { kind: 'file', bytes, note } };
  }
}

const headOf = ({ repo, path, commit }: Place, notes: Notes, kind = 'blob'): string =>
  [
    `# ${fullName(repo)}: ${path === '' ? '(root)' : path}`,
    `commit ${commit} · https://github.com/${fullName(repo)}/${kind}/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`.replace(
      /\/$/,
      '',
    ),
    ...notes.map((note) => `Note: ${note}`),
  ].join('\n');

/** More entries than this GitHub does not give of a folder. */
const MAX_ENTRIES = 1000;

function renderFolder(
  { input, budget, notes }: ReadFileCall,
  place: Place,
  entries: readonly FolderEntry[],
): string {
  const folders = entries.filter(({ type }) => type === 'dir');
  const files = entries.filter(({ type }) => type !== 'dir');
  const lines = [
    ...folders.map(({ name }) => `${name}/`),
    ...files.map(
      ({ name, type, size }) => `${name}  ${type === 'file' ? describeSize(size) : type}`,
    ),
  ];
  if (entries.length >= MAX_ENTRIES)
    notes.push(
      `GitHub gives the first ${renderCount(MAX_ENTRIES)} entries of a folder; github_find_examples with path sees all files below it.`,
    );
  const head = `${headOf(place, notes, 'tree')}\n${folders.length} folders, ${files.length} files`;
  const { line_start: start, line_end: end } = input;
  if (start === undefined && end === undefined && lines.length === 0) return head;
  const window = windowOfLines(lines.join('\n'), { start, end }, budget - head.length - 120);
  const isWhole = (start ?? 1) <= 1 && window.nextLine === undefined;
  const more = window.nextLine === undefined ? '' : ` · more: line_start=${window.nextLine}`;
  return `${head}\n\n${window.text}${isWhole ? '' : `\n[${window.range}${more}]`}`;
}

function renderFile({ input, budget, notes }: ReadFileCall, place: Place, bytes: Buffer): string {
  const text = decodeText(bytes);
  if (text === undefined)
    return `${headOf(place, notes)}\n\nA binary file of ${describeSize(bytes.length)}; it is not shown.`;
  const lfsSize = lfsSizeOf(text);
  if (lfsSize !== undefined)
    return `${headOf(place, notes)}\n\nA pointer of Git LFS: the file itself has ${describeSize(lfsSize)} and is not in the repository.`;
  const isNotebook = /\.ipynb$/i.test(place.path);
  const notebook = isNotebook ? notebookToMarkdown(text) : undefined;
  if (isNotebook) notes.push(notebook?.note ?? NO_NOTEBOOK);
  const head = headOf(place, notes);
  const { line_start: start, line_end: end } = input;
  const window = windowOfLines(notebook?.text ?? text, { start, end }, budget - head.length - 120);
  const more = window.nextLine === undefined ? '' : ` · more: line_start=${window.nextLine}`;
  return `${head}\n\n${window.text}\n[${window.range}${more}]`;
}
