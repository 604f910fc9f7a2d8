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

/** The file that tells most about the dataset with least effort; undefined when none is of a kind that can be read. */
export function chooseFile(
  files: readonly string[],
  split: string | undefined,
): string | undefined {
  const ranked = files
    .filter((file) => /\.(parquet|jsonl|ndjson|csv|tsv)$/i.test(file))
    .map((file) => ({ file, rank: rankOf(file, split) }))
    .toSorted((a, b) => a.rank - b.rank || (a.file < b.file ? -1 : 1));
  return ranked[0]?.file;
}

function rankOf(file: string, split: string | undefined): number {
  const isSplit = file.toLowerCase().includes((split ?? 'train').toLowerCase());
  const kind = ['.parquet', '.jsonl', '.ndjson', '.csv', '.tsv'].findIndex((end) =>
    file.toLowerCase().endsWith(end),
  );
  return (isSplit ? 0 : 10) + kind;
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
    : lines.flatMap(jsonRow);
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

function jsonRow(line: string): readonly Row[] {
  if (line.trim() === '') return [];
  try {
    const row: unknown = JSON.parse(line);
    return isRecord(row) ? [row] : [];
  } catch {
    return [];
  }
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
