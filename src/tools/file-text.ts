/** Shows a file to a model: lines within a budget, notebooks as their cells, and what cannot be shown by its size. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { fenced, renderCount, shorten } from './paged-answer.ts';

export interface LineWindow {
  readonly text: string;
  /** `lines 1–300 of 1,842` */
  readonly range: string;
  /** The first line that is not shown. */
  readonly nextLine: number | undefined;
}

const DEFAULT_LINES = 300;
/** A line that is longer than this by itself was not written by hand. */
const MAX_LINE_CHARS = 2000;

/**
 * Whole lines as long as they fit; one that alone is too long is cut and marked.
 *
 * @throws GloveboxError `input/invalid` when the range begins after its end, or beyond the end of the file.
 */
export function windowOfLines(
  whole: string,
  asked: { readonly start?: number | undefined; readonly end?: number | undefined },
  chars: number,
): LineWindow {
  const lines = whole.replace(/\r?\n$/, '').split(/\r?\n/);
  const start = Math.max(1, asked.start ?? 1);
  if (asked.end !== undefined && asked.end < start)
    throw new GloveboxError(
      'input/invalid',
      `The range ends with line ${asked.end}, before it begins with line ${start}.`,
    );
  if (start > lines.length)
    throw new GloveboxError(
      'input/invalid',
      `There is no line ${renderCount(start)}: the file has ${renderCount(lines.length)}.`,
    );
  const end = Math.min(lines.length, asked.end ?? start + DEFAULT_LINES - 1);
  const shown: string[] = [];
  let used = 0;
  for (const line of lines.slice(start - 1, end)) {
    const cut = cutLine(line, MAX_LINE_CHARS);
    if (shown.length > 0 && used + cut.length + 1 > chars) break;
    shown.push(cut);
    used += cut.length + 1;
  }
  const last = start + shown.length - 1;
  return {
    text: shorten(shown.join('\n'), Math.max(200, chars)),
    range: `lines ${renderCount(start)}–${renderCount(last)} of ${renderCount(lines.length)}`,
    nextLine: last < lines.length ? last + 1 : undefined,
  };
}

/** A long line says how long it is. */
export const cutLine = (line: string, chars: number): string =>
  line.length > chars
    ? `${shorten(line, chars)} [${renderCount(line.length)} characters in this line]`
    : line;

/** The text of bytes, or `undefined` when they are no text. */
export function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8192).includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The size in a pointer of Git LFS, or `undefined` for anything else. */
export function lfsSizeOf(text: string): number | undefined {
  if (!text.startsWith('version https://git-lfs')) return undefined;
  const size = /^size (\d+)$/m.exec(text)?.[1];
  return size === undefined ? undefined : Number(size);
}

export const describeSize = (bytes: number): string =>
  bytes < 1024 ? `${bytes} bytes` : `${renderBytes(bytes)} (${renderCount(bytes)} bytes)`;

const sourceSchema = z.union([
  z.string(),
  z.array(z.string()).transform((lines) => lines.join('')),
]);
const notebookSchema = z.object({
  cells: z.array(
    z.object({
      cell_type: z.string(),
      source: sourceSchema.catch(''),
      metadata: z.object({ tags: z.array(z.string()).catch([]) }).catch({ tags: [] }),
    }),
  ),
  metadata: z
    .object({ language_info: z.object({ name: z.string() }).optional().catch(undefined) })
    .catch({ language_info: undefined }),
});
/** What authors mark as not for readers; `hide-output` is about the output alone. */
const HIDDEN = /^(hide|hidden|remove)([-_](cell|input))?$/;

export interface NotebookText {
  readonly text: string;
  /** What was done to it, for the reader. */
  readonly note: string;
}

/** The cells of a notebook as Markdown, without outputs and what is tagged as hidden; `undefined` when it is no notebook. */
export function notebookToMarkdown(source: string): NotebookText | undefined {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return undefined;
  }
  const parsed = notebookSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { cells, metadata } = parsed.data;
  const language = metadata.language_info?.name ?? 'python';
  const shown = cells.filter((cell) => !cell.metadata.tags.some((tag) => HIDDEN.test(tag)));
  const text = shown
    .map((cell) => (cell.cell_type === 'code' ? fenced(cell.source, language) : cell.source))
    .filter((cell) => cell.trim() !== '')
    .join('\n\n');
  const hidden = cells.length - shown.length;
  const left = hidden === 0 ? '' : ` and without ${hidden} that are tagged as hidden`;
  return { text, note: `cells without outputs${left}; lines count in this text.` };
}

/** Said instead of the note when the file is none. */
export const NO_NOTEBOOK = 'this is no notebook that can be read; here is the file as it is.';
