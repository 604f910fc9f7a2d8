/** Shows a file of a repository: text by lines, what is in a weights file, a picture, or what a binary file is. */
import { GloveboxError } from '#core/errors.ts';
import { readRange, type FileAt } from '#hub/repos/read-range.ts';
import { checkRepoPath, encodeRevision, pagePath, type RepoRef } from '#hub/repos/repo-ref.ts';
import { readSafetensorsHeader } from '#hub/repos/safetensors.ts';
import { pathInfo, repoHead, type TreeEntry } from '#hub/repos/tree.ts';
import { encodePath } from '#hub/request.ts';
import { fileKindOf } from '#shell/file-kind.ts';
import { textResult, type ToolContext, type ToolResult } from '../../define-tool.ts';
import { budgetOf, renderCount, shorten } from '../../paged-answer.ts';
import { cutLine, NO_NOTEBOOK, notebookToMarkdown } from '../../file-text.ts';
import { joinTexts, renderForAgent } from '../../render-run.ts';
import { clamp, type Notes } from '../../wide-input.ts';
import { megabytes } from '../dataset/report.ts';
import { revisionArgument } from './repo-target.ts';

const MAX_TEXT_BYTES = 10 * 1024 * 1024;
const MAX_IMAGE_BYTES = 4 * 1024 * 1024;
const SHOWN_TENSORS = 60;
const MAX_LINE_CHARS = 2000;
const IMAGES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
};

export interface ReadRequest {
  readonly repo: RepoRef;
  readonly revision: string;
  readonly path: string | undefined;
  readonly offset: number | undefined;
  readonly lineLimit: number | undefined;
  readonly maxChars: number | undefined;
  /** What has to be said beside the answer. */
  readonly notes: readonly string[];
}

export async function readFile(request: ReadRequest, context: ToolContext): Promise<ToolResult> {
  const { hub, settings, signal } = context;
  const { repo, revision } = request;
  const path = checkRepoPath(request.path ?? '');
  const call = `hf_repo_files(operation="list", repo_id="${repo.id}", repo_type="${repo.type}"${revisionArgument(revision)}`;
  if (path === '') {
    throw new GloveboxError('input/invalid', 'operation "read" needs path.', {
      hint: `${call}) lists the files.`,
    });
  }
  const notes: Notes = [...request.notes];
  const budget = budgetOf(request.maxChars, settings, notes);
  const [info, head] = await Promise.all([
    pathInfo(hub, repo, { revision, path }, signal),
    repoHead(hub, repo, revision, signal),
  ]);
  const folder = path.split('/').slice(0, -1).join('/');
  if (info === undefined) {
    throw new GloveboxError(
      'remote/not-found',
      `There is no ${path} in ${repo.id} at ${revision}.`,
      {
        hint: `${call}, path="${folder}") shows what is there.`,
      },
    );
  }
  if (info.isFolder) {
    throw new GloveboxError('input/invalid', `${path} is a folder.`, {
      hint: `${call}, path="${path}") lists it.`,
    });
  }
  // What was looked at is what is read, whatever is pushed meanwhile.
  const file: FileAt = { repo, revision: head.sha ?? revision, path };
  const url = `${hub.hosts().hub}${pagePath(repo)}/blob/${encodeRevision(revision)}/${encodePath(path)}`;
  const title = `# ${repo.id} / ${path}\n${url}\n${size(info)} · commit ${head.sha ?? 'not known'}`;
  const extension = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  const read = (start: number, end: number) => readRange(hub, file, start, end, signal);
  if (extension === 'safetensors') return safetensors(title, read, budget);
  const mimeType = IMAGES[extension];
  if (mimeType !== undefined && info.bytes <= MAX_IMAGE_BYTES) {
    const { bytes } = await read(0, info.bytes);
    const picture = {
      output_type: 'display_data',
      data: { [mimeType]: bytes.toString('base64') },
      metadata: {},
    } as const;
    // As in a notebook: what is too wide is drawn smaller, and what is broken is named.
    const blocks = await renderForAgent([picture], context, { rest: () => url });
    return { blocks: joinTexts([{ type: 'text', text: title }, ...blocks]) };
  }
  const unread = `${title}\nIts content is not shown`;
  if (info.lfsOid !== undefined || mimeType !== undefined) {
    return textResult(
      `${unread}: ${info.lfsOid === undefined ? 'a picture of more than 4 MiB' : `${extension === '' ? 'it is' : `a .${extension} file`} kept in large file storage, SHA-256 ${info.lfsOid}`}.`,
    );
  }
  if (info.bytes > MAX_TEXT_BYTES)
    return textResult(`${unread}: it is larger than ${megabytes(MAX_TEXT_BYTES)}.`);
  const { bytes } = await read(0, info.bytes);
  if (bytes.subarray(0, 8192).includes(0))
    return textResult(`${unread}: it is binary (${fileKindOf(bytes.subarray(0, 16))}).`);
  const text = bytes.toString('utf8').replaceAll('\r\n', '\n');
  const notebook = extension === 'ipynb' ? notebookToMarkdown(text) : undefined;
  if (extension === 'ipynb') notes.push(notebook?.note ?? NO_NOTEBOOK);
  return textResult(renderWindow(notebook?.text ?? text, { title, notes, budget, request }));
}

const size = (info: TreeEntry): string =>
  `${renderCount(info.bytes)} B${info.lfsOid === undefined ? '' : ' (LFS)'} · oid ${info.oid}`;

/** Lines with numbers, within the lines and the characters that were asked for. */
function renderWindow(
  text: string,
  window: {
    readonly title: string;
    readonly notes: Notes;
    readonly budget: number;
    readonly request: Pick<ReadRequest, 'offset' | 'lineLimit'>;
  },
): string {
  const { title, notes, budget, request } = window;
  const lines = text.replace(/\n$/, '').split('\n');
  const start = clamp('offset', request.offset, { fallback: 1, min: 1, max: lines.length }, notes);
  const count = clamp('line_limit', request.lineLimit, { fallback: 300, min: 1, max: 5000 }, notes);
  const before = [title, ...notes.map((note) => `Note: ${note}`), ''].join('\n');
  let left = budget - before.length - 80;
  const shown: string[] = [];
  for (const [index, line] of lines.slice(start - 1, start - 1 + count).entries()) {
    const numbered = `${start + index}\t${cutLine(line, Math.min(MAX_LINE_CHARS, Math.max(100, left - 40)))}`;
    left -= numbered.length + 1;
    if (left < 0 && shown.length > 0) break;
    shown.push(numbered);
  }
  const last = start + shown.length - 1;
  const more = last < lines.length ? ` · more: offset=${last + 1}` : '';
  return `${before}\n${shown.join('\n')}\n[lines ${start}–${last} of ${renderCount(lines.length)}${more}]`;
}

async function safetensors(
  title: string,
  read: Parameters<typeof readSafetensorsHeader>[0],
  budget: number,
): Promise<ToolResult> {
  const header = await readSafetensorsHeader(read);
  const { tensors, byType, parameters, metadata } = header;
  const format = Object.entries(metadata)
    .slice(0, 10)
    .map(([key, value]) => `${key}=${shorten(String(value), 80)}`)
    .join(', ');
  const rows = tensors
    .slice(0, SHOWN_TENSORS)
    .map(({ name, dtype, shape }) => `${name}  ${dtype}  [${shape.join(', ')}]`);
  const rest =
    tensors.length > rows.length ? [`and ${renderCount(tensors.length - rows.length)} more`] : [];
  const text = [
    title,
    `${renderCount(parameters)} parameters in ${renderCount(tensors.length)} tensors (${byType.map(([dtype, count]) => `${dtype} ${renderCount(count)}`).join(', ')})`,
    ...(format === '' ? [] : [`metadata: ${format}`]),
    ...rows,
    ...rest,
  ].join('\n');
  return textResult(shorten(text, budget), { parameters });
}
