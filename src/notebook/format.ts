/** Notebook files of nbformat 4: read strictly, kept byte for byte where nothing changes, written as they were laid out. */
import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { nameCells, repairIds } from './cell-ids.ts';
import type { CellOutput, KernelSpecMetadata } from './contract.ts';
import {
  elementsOf,
  memberNamed,
  membersOf,
  skipBlank,
  type Member,
  type Span,
} from './json-spans.ts';
import { detectStyle, JUPYTER_STYLE, lineBreak, renderJson, setMember } from './json-style.ts';
import { parseJson } from './lenient-json.ts';
import { StoredCell, type CellFormat } from './stored-cell.ts';

/** A notebook as it stands in a file, in memory. Immutable. */
export interface NotebookDocument {
  readonly formatMinor: number;
  readonly format: CellFormat;
  /** The file without its cells, and where in it they belong: right behind the opening bracket of their list. */
  readonly frame: { readonly bytes: Buffer; readonly cellsAt: number };
  /** White space before the closing bracket of the list. */
  readonly closing: Buffer;
  /** White space in an empty list. */
  readonly emptyList: Buffer;
  readonly cells: readonly StoredCell[];
  readonly kernelspec: Readonly<Record<string, unknown>> | undefined;
  readonly languageInfo: Readonly<Record<string, unknown>> | undefined;
  /** Where its kernel runs or ran (`metadata.glovebox.sandbox`). */
  readonly sandbox: Readonly<Record<string, unknown>> | undefined;
  /** Which saves of which writers the file contains, the latest writer first (`metadata.glovebox.saves`). */
  readonly saves: readonly SaveMark[];
  /** How many cells got a new id when the file was read, because theirs was missing, invalid or a duplicate. */
  readonly repairedIds: number;
}

export interface SaveMark {
  /** A process that has the notebook open, or had. */
  readonly writer: string;
  /** How many of its saves. */
  readonly count: number;
}

/** The first minor version whose cells have ids. */
export const hasIds = (document: Pick<NotebookDocument, 'formatMinor'>): boolean =>
  document.formatMinor >= 5;

const NEW_FORMAT_MINOR = 5;
const SUPPORTED_FORMAT = 4;

/**
 * Reads a file. Cells whose bytes stand in `previous` too are taken from there: the same objects under the same names.
 *
 * @param file for the texts of errors
 * @throws GloveboxError `notebook/invalid` or `notebook/unsupported`.
 */
export function parseNotebook(
  bytes: Buffer,
  file: string,
  previous?: NotebookDocument,
): NotebookDocument {
  try {
    return parse(bytes, file, previous);
  } catch (error) {
    if (isGloveboxError(error, 'notebook/unsupported')) throw error;
    throw new GloveboxError(
      'notebook/invalid',
      `${file} is not a notebook that can be read: ${messageOf(error)}.`,
      {
        hint: 'Open it in an editor and repair it, or name another file; it was not changed.',
        cause: error,
      },
    );
  }
}

function parse(
  bytes: Buffer,
  file: string,
  previous: NotebookDocument | undefined,
): NotebookDocument {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text');
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const start = skipBlank(bytes, hasMark ? 3 : 0);
  if (start === bytes.length) throw new Error('it is empty');
  const { members, end } = membersOf(bytes, start);
  if (skipBlank(bytes, end) !== bytes.length) throw new Error(`there is more text at byte ${end}`);
  const formatMinor = checkVersion(bytes, members, file);
  const list = memberNamed(members, 'cells');
  if (list === undefined) throw new Error('it has no cells');
  const metadata = readMetadata(bytes, members);
  const { elements } = elementsOf(bytes, list.value.start);
  const format = formatOf(bytes, start, elements, previous?.format);
  const found = parseCells(bytes, list.value, elements, format, previous?.cells ?? []);
  const { cells, repaired } = hasIds({ formatMinor })
    ? repairIds(found)
    : { cells: nameCells(found, previous?.cells ?? []), repaired: 0 };
  const inside = list.value.start + 1;
  const gap = bytes.subarray(elements.at(-1)?.end ?? inside, list.value.end - 1);
  return {
    formatMinor,
    format,
    frame: {
      bytes: Buffer.concat([bytes.subarray(0, inside), bytes.subarray(list.value.end - 1)]),
      cellsAt: inside,
    },
    closing: elements.length > 0 ? gap : Buffer.from(lineBreak(format.json, 1)),
    emptyList: elements.length > 0 ? Buffer.alloc(0) : gap,
    cells,
    kernelspec: recordIn(metadata, 'kernelspec'),
    languageInfo: recordIn(metadata, 'language_info'),
    sandbox: recordIn(recordIn(metadata, OWN_KEY) ?? {}, 'sandbox'),
    saves: savesIn(metadata),
    repairedIds: repaired,
  };
}

function checkVersion(bytes: Buffer, members: readonly Member[], file: string): number {
  const major = readMember(bytes, members, 'nbformat');
  if (!Number.isInteger(major)) throw new Error('it has no nbformat number');
  if (major !== SUPPORTED_FORMAT) {
    const isOld = Number(major) < SUPPORTED_FORMAT;
    throw new GloveboxError(
      'notebook/unsupported',
      `${file} has the notebook format ${String(major)}; only ${SUPPORTED_FORMAT} is supported.`,
      {
        hint: isOld
          ? `Convert it with: jupyter nbconvert --to notebook --inplace "${file}"`
          : `Save it as notebook format ${SUPPORTED_FORMAT} with the program that made it.`,
      },
    );
  }
  const minor = readMember(bytes, members, 'nbformat_minor');
  return Number.isInteger(minor) ? Number(minor) : 0;
}

/** Checks the members that are not looked at, too: a file that is no JSON must never be written over. */
function readMetadata(bytes: Buffer, members: readonly Member[]): Record<string, unknown> {
  for (const { key, value } of members) {
    if (key !== 'cells' && key !== 'metadata')
      parseJson(bytes.toString('utf8', value.start, value.end));
  }
  const metadata = readMember(bytes, members, 'metadata');
  return isRecord(metadata) ? metadata : {};
}

function readMember(bytes: Buffer, members: readonly Member[], key: string): unknown {
  const member = memberNamed(members, key);
  if (member === undefined) return undefined;
  return parseJson(bytes.toString('utf8', member.value.start, member.value.end));
}

function recordIn(
  metadata: Readonly<Record<string, unknown>>,
  key: string,
): Readonly<Record<string, unknown>> | undefined {
  const value = metadata[key];
  return isRecord(value) ? value : undefined;
}

const OWN_KEY = 'glovebox';

/** Written as `"<writer> <count>"`; anything else there is somebody else's and left out. */
function savesIn(metadata: Readonly<Record<string, unknown>>): readonly SaveMark[] {
  const marks = recordIn(metadata, OWN_KEY)?.['saves'];
  if (!Array.isArray(marks)) return [];
  return marks.flatMap((mark: unknown) => {
    const found = typeof mark === 'string' ? /^([0-9a-f]{8}) (\d{1,12})$/.exec(mark) : null;
    const [, writer, count] = found ?? [];
    return writer === undefined ? [] : [{ writer, count: Number(count) }];
  });
}

/** The format of `previous` itself when the layout is the same, so that its cells fit. */
function formatOf(
  bytes: Buffer,
  start: number,
  elements: readonly Span[],
  previous: CellFormat | undefined,
): CellFormat {
  const json = detectStyle(bytes, start);
  const linesAsLists = areTextsLists(bytes, elements) ?? previous?.linesAsLists ?? true;
  const isSame = previous?.linesAsLists === linesAsLists && isDeepStrictEqual(previous.json, json);
  if (isSame) return previous;
  return { json, linesAsLists, written: previous?.written ?? new WeakMap<CellOutput, Buffer>() };
}

/** What the first source that is not empty says. */
function areTextsLists(bytes: Buffer, elements: readonly Span[]): boolean | undefined {
  for (const { start } of elements) {
    const source =
      bytes[start] === 0x7b ? memberNamed(membersOf(bytes, start).members, 'source') : undefined;
    if (source === undefined || source.value.end - source.value.start === 2) continue;
    return bytes[source.value.start] === 0x5b;
  }
  return undefined;
}

function parseCells(
  bytes: Buffer,
  list: Span,
  elements: readonly Span[],
  format: CellFormat,
  previous: readonly StoredCell[],
): readonly StoredCell[] {
  const known = new Map<number, StoredCell[]>();
  for (const cell of previous) {
    const { length } = cell.padded;
    const same = known.get(length);
    if (same === undefined) known.set(length, [cell]);
    else same.push(cell);
  }
  let paddedStart = list.start + 1;
  return elements.map(({ start, end }, index) => {
    const paddedEnd = index === elements.length - 1 ? end : skipBlank(bytes, end);
    const padded = bytes.subarray(paddedStart, paddedEnd);
    const value = { start: start - paddedStart, end: end - paddedStart };
    paddedStart = paddedEnd + 1;
    const candidates = known.get(padded.length) ?? [];
    const at = candidates.findIndex((cell) => cell.padded.equals(padded));
    const [same] = at === -1 ? [] : candidates.splice(at, 1);
    return same ?? parseCell(padded, value, format, index);
  });
}

function parseCell(padded: Buffer, value: Span, format: CellFormat, index: number): StoredCell {
  try {
    return StoredCell.parse(padded, value, format);
  } catch (error) {
    throw new Error(`cell ${index}: ${messageOf(error)}`, { cause: error });
  }
}

const COMMA = Buffer.from(',');

/** The whole file in pieces. The piece of a cell is the same buffer as long as the cell is the same. */
export function chunksOf({ frame, cells, closing, emptyList }: NotebookDocument): Buffer[] {
  const chunks = [frame.bytes.subarray(0, frame.cellsAt)];
  for (const [index, cell] of cells.entries()) {
    if (index > 0) chunks.push(COMMA);
    chunks.push(cell.padded);
  }
  chunks.push(cells.length === 0 ? emptyList : closing, frame.bytes.subarray(frame.cellsAt));
  return chunks;
}

/** An empty notebook exactly as Jupyter writes it. */
export function newNotebook(kernel?: KernelSpecMetadata): NotebookDocument {
  const content = {
    cells: [],
    metadata: kernel === undefined ? {} : { kernelspec: kernel },
    nbformat: SUPPORTED_FORMAT,
    nbformat_minor: NEW_FORMAT_MINOR,
  };
  return parseNotebook(Buffer.from(`${renderJson(content, JUPYTER_STYLE, 0)}\n`), 'a new notebook');
}

export interface KernelChange {
  readonly spec: KernelSpecMetadata;
  readonly languageInfo: Readonly<Record<string, unknown>> | undefined;
  /** Whether a kernelspec of another name gives way. */
  readonly replace: boolean;
}

/** The same document when it names that kernel already, or another one that stays. */
export function withKernel(
  document: NotebookDocument,
  { spec, languageInfo, replace }: KernelChange,
): NotebookDocument {
  const own = document.kernelspec;
  if (own !== undefined && own['name'] !== spec.name && !replace) return document;
  const setsSpec = own === undefined || own['name'] !== spec.name;
  const setsInfo =
    languageInfo !== undefined && !isDeepStrictEqual(document.languageInfo, languageInfo);
  if (!setsSpec && !setsInfo) return document;
  let { frame } = document;
  if (setsSpec) frame = withMetadata(document, frame, 'kernelspec', spec);
  if (setsInfo) frame = withMetadata(document, frame, 'language_info', languageInfo);
  return {
    ...document,
    frame,
    kernelspec: setsSpec ? { ...spec } : own,
    languageInfo: setsInfo ? languageInfo : document.languageInfo,
  };
}

/** The document with these marks instead of those it had. */
export function withSaves(
  document: NotebookDocument,
  saves: readonly SaveMark[],
): NotebookDocument {
  const changed = { ...document, saves };
  return {
    ...changed,
    frame: withMetadata(document, document.frame, OWN_KEY, ownMetadata(changed)),
  };
}

/** The same document when it says so already. */
export function withSandbox(
  document: NotebookDocument,
  sandbox: Readonly<Record<string, unknown>>,
): NotebookDocument {
  if (isDeepStrictEqual(document.sandbox, sandbox)) return document;
  const changed = { ...document, sandbox };
  return {
    ...changed,
    frame: withMetadata(document, document.frame, OWN_KEY, ownMetadata(changed)),
  };
}

const ownMetadata = ({
  sandbox,
  saves,
}: Pick<NotebookDocument, 'sandbox' | 'saves'>): Readonly<Record<string, unknown>> => ({
  ...(sandbox !== undefined && { sandbox }),
  ...(saves.length > 0 && { saves: saves.map(({ writer, count }) => `${writer} ${count}`) }),
});

function withMetadata(
  { format: { json } }: NotebookDocument,
  { bytes }: NotebookDocument['frame'],
  key: string,
  value: unknown,
): NotebookDocument['frame'] {
  const start = bytes.indexOf('{');
  const { members, end } = membersOf(bytes, start);
  const found = memberNamed(members, 'metadata')?.value;
  const isObject = found !== undefined && bytes[found.start] === 0x7b;
  const metadata = isObject ? bytes.subarray(found.start, found.end) : Buffer.from('{}');
  const rendered = Buffer.from(renderJson(value, json, 2));
  const changed = setMember(metadata, key, rendered, json, 1);
  const object = setMember(bytes.subarray(start, end), 'metadata', changed, json, 0);
  const list = memberNamed(membersOf(object, 0).members, 'cells');
  return {
    bytes: Buffer.concat([bytes.subarray(0, start), object, bytes.subarray(end)]),
    cellsAt: start + (list?.value.start ?? 0) + 1,
  };
}
