/** Rows straight from the files of a dataset, for when the viewer has none: Parquet by ranges, the beginning of JSON lines and tables. */
import { isRecord } from '#core/json.ts';
import type { HubContext } from '../context.ts';
import { readRange } from '../repos/read-range.ts';
import type { Row } from './chat-messages.ts';
import type { FeatureType } from './feature-types.ts';
import { lookAtParquet } from './parquet.ts';

/** The beginning of a text file that is read. */
const HEAD_BYTES = 256 * 1024;

export interface RawLook {
  readonly file: string;
  readonly types: ReadonlyMap<string, FeatureType>;
  readonly rows: readonly Row[];
  /** Of this file, where it says so. */
  readonly rowCount?: number;
  readonly note?: string;
}

const KINDS = ['.parquet', '.jsonl', '.ndjson', '.json', '.csv', '.tsv'];
/** JSON about a dataset, which holds none of its rows. */
const ABOUT = /(^|\/)(dataset_infos?|dataset_dict|state|config|metadata|package|schema)\.json$/i;

/** The file that tells most about the dataset with least effort; undefined when none is of a kind that can be read. */
export function chooseFile(
  files: readonly string[],
  part: { readonly config: string; readonly split: string } | undefined,
): string | undefined {
  const ranked = files
    .filter((file) => kindOf(file) >= 0 && !ABOUT.test(file))
    .map((file) => ({ file, rank: rankOf(file, part) }))
    .toSorted((a, b) => a.rank - b.rank || (a.file < b.file ? -1 : 1));
  return ranked[0]?.file;
}

const kindOf = (file: string): number => KINDS.findIndex((end) => file.toLowerCase().endsWith(end));

export const namesSplit = (file: string, split: string): boolean =>
  file.toLowerCase().includes(split.toLowerCase());

function rankOf(
  file: string,
  part: { readonly config: string; readonly split: string } | undefined,
): number {
  const isConfig = part !== undefined && file.toLowerCase().includes(part.config.toLowerCase());
  return (namesSplit(file, part?.split ?? 'train') ? 0 : 10) + (isConfig ? 0 : 100) + kindOf(file);
}

/** @throws GloveboxError what keeps the file from being read. */
export async function lookAtFile(
  hub: HubContext,
  source: { readonly id: string; readonly revision: string; readonly file: string },
  { offset, count }: { readonly offset: number; readonly count: number },
  signal: AbortSignal,
): Promise<RawLook> {
  const { file, revision, id } = source;
  const at = { repo: { type: 'dataset', id }, revision, path: file } as const;
  if (/\.parquet$/i.test(file)) {
    const look = await lookAtParquet(
      (start, end) => readRange(hub, at, start, end, signal),
      offset,
      count,
    );
    return { file, ...look };
  }
  const { bytes, totalBytes } = await readRange(hub, at, 0, HEAD_BYTES, signal);
  const text = bytes.toString('utf8');
  const isWhole = bytes.length >= totalBytes;
  const lines = text.split(/\r?\n/);
  // What the end of the part cuts off is no line.
  if (!isWhole) lines.pop();
  const all = /\.(csv|tsv)$/i.test(file)
    ? tableRows(isWhole ? text : lines.join('\n'), /\.tsv$/i.test(file) ? '\t' : ',')
    : jsonRows(text, lines);
  return {
    file,
    types: typesOf(all),
    rows: all.slice(offset, offset + count),
    ...(isWhole && { rowCount: all.length }),
    ...(!isWhole && {
      note: 'Only the beginning of the file was read; types are those of its first rows.',
    }),
  };
}

/** Lines of JSON, else one list of objects, whatever the file is called. */
function jsonRows(text: string, lines: readonly string[]): readonly Row[] {
  const isList = text.trimStart().startsWith('[');
  const rows = isList ? [] : lines.flatMap(jsonRow);
  const [only] = rows;
  const isWrapped = rows.length === 1 && Object.values(only ?? {}).some(isListOfRows);
  if (!isList && rows.length > 0 && !isWrapped) return rows;
  const listed = jsonArrayRows(text);
  return listed.length > 0 ? listed : rows;
}

function isListOfRows(value: unknown): boolean {
  return Array.isArray(value) && value.length > 1 && value.every(isRecord);
}

function jsonRow(line: string): readonly Row[] {
  if (line.trim() === '') return [];
  try {
    const row: unknown = JSON.parse(line);
    return isRecord(row) ? [row] : [];
  } catch {
    return [];
  }
}

/**
 * The objects of one JSON list, up to where the text was cut; of an object that holds one, such as `{"data": [...]}`, those of its
 * first list.
 */
export function jsonArrayRows(text: string): readonly Row[] {
  const rows: Row[] = [];
  const start = text.indexOf('[');
  if (start < 0) return rows;
  let depth = 0;
  let begin = -1;
  let isInText = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (isInText) {
      if (character === '\\') at += 1;
      else if (character === '"') isInText = false;
    } else if (character === '"') isInText = true;
    else if (character === '{' || character === '[') {
      if (depth === 0) begin = at;
      depth += 1;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth < 0) break;
      if (depth === 0) rows.push(...jsonRow(text.slice(begin, at + 1)));
    }
  }
  return rows;
}

/** Fields in quotes may hold separators, line ends and doubled quotes. */
export function tableRows(text: string, separator: string): readonly Row[] {
  const [head = [], ...rest] = tableCells(text, separator);
  return rest
    .filter((cells) => cells.length === head.length)
    .map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index]])));
}

function tableCells(text: string, separator: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (character === '"' && cell === '') isQuoted = true;
    else if (character === separator) {
      row.push(cell);
      cell = '';
    } else if (character === '\n') {
      row.push(cell.replace(/\r$/, ''));
      rows.push(row);
      row = [];
      cell = '';
    } else cell += character;
  }
  // A row whose quotes are still open was cut.
  if (!isQuoted && (cell !== '' || row.length > 0)) rows.push([...row, cell]);
  return rows;
}

/** The types of rows that do not say them: of the first value that is not null. */
export function typesOf(rows: readonly Row[]): ReadonlyMap<string, FeatureType> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new Map(names.map((name) => [name, typeOfValues(rows.map((row) => row[name]))]));
}

function typeOfValues(values: readonly unknown[]): FeatureType {
  const present = values.filter((value) => value !== null && value !== undefined);
  const [first] = present;
  if (typeof first === 'string') return { kind: 'value', dtype: 'string' };
  if (typeof first === 'boolean') return { kind: 'value', dtype: 'bool' };
  if (typeof first === 'number') {
    return { kind: 'value', dtype: present.every(Number.isInteger) ? 'int64' : 'float64' };
  }
  if (Array.isArray(first)) {
    const items: readonly unknown[] = present.flatMap((value): readonly unknown[] =>
      Array.isArray(value) ? value : [],
    );
    return { kind: 'list', of: typeOfValues(items), isColumnar: false };
  }
  if (isRecord(first)) return { kind: 'struct', fields: typesOf(present.filter(isRecord)) };
  return { kind: 'value', dtype: 'null' };
}
