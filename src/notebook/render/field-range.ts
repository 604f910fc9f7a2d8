/** Counts the values of a chart's field and tells their range, whatever form the library gave them. */
import { gunzipSync } from 'node:zlib';
import { isRecord } from '#core/json.ts';

export interface FieldRange {
  readonly count: number;
  /** `-2.3..2.1`, `a, b, c` or `2024-01-01..2024-12-31`; empty when there is nothing to tell. */
  readonly range: string;
}

const MAX_NAMES = 4;
const MAX_NAME_CHARS = 20;
const MAX_DIFFERENT = 100_000;
/** Larger arrays are counted, not ranged. */
const MAX_DECODED_CHARS = 8_000_000;

type NumberReader = (view: DataView, at: number) => number;
/** By the last letters of a dtype: `f8`, `<f8`, `float64`. All are little-endian in what browsers are sent. */
const READERS: Readonly<Record<string, readonly [bytes: number, read: NumberReader]>> = {
  i1: [1, (view, at) => view.getInt8(at)],
  u1: [1, (view, at) => view.getUint8(at)],
  i2: [2, (view, at) => view.getInt16(at, true)],
  u2: [2, (view, at) => view.getUint16(at, true)],
  i4: [4, (view, at) => view.getInt32(at, true)],
  u4: [4, (view, at) => view.getUint32(at, true)],
  i8: [8, (view, at) => Number(view.getBigInt64(at, true))],
  u8: [8, (view, at) => Number(view.getBigUint64(at, true))],
  f4: [4, (view, at) => view.getFloat32(at, true)],
  f8: [8, (view, at) => view.getFloat64(at, true)],
};
const LONG_DTYPES: Readonly<Record<string, string>> = {
  int8: 'i1',
  uint8: 'u1',
  bool: 'u1',
  int16: 'i2',
  uint16: 'u2',
  int32: 'i4',
  uint32: 'u4',
  int64: 'i8',
  uint64: 'u8',
  float32: 'f4',
  float64: 'f8',
  u1c: 'u1',
};

/** A list (also of lists), or numbers packed in base64. @returns undefined for anything else */
export function rangeOf(value: unknown): FieldRange | undefined {
  if (Array.isArray(value)) return rangeOfList(value);
  if (!isRecord(value)) return undefined;
  // Plotly: {dtype, bdata}. Bokeh: {type: ndarray, dtype, array: {type: bytes, data}}, {type: typed_array, ...}.
  const packed = isRecord(value['array']) ? value['array'] : value;
  const text = packed['bdata'] ?? packed['data'] ?? packed['__ndarray__'];
  if (Array.isArray(text)) return rangeOfList(text);
  if (Array.isArray(value['array'])) return rangeOfList(value['array']);
  const dtype = value['dtype'];
  if (typeof text !== 'string' || typeof dtype !== 'string') return undefined;
  return rangeOfPacked(text, dtype.replace(/^[<>|=]/, ''));
}

function rangeOfPacked(base64: string, dtype: string): FieldRange | undefined {
  const reader = READERS[LONG_DTYPES[dtype] ?? dtype];
  if (reader === undefined) return undefined;
  const [bytes, read] = reader;
  const packedBytes = Buffer.byteLength(base64, 'base64');
  if (base64.length > MAX_DECODED_CHARS)
    return { count: Math.floor(packedBytes / bytes), range: '' };
  const file = unzipped(Buffer.from(base64, 'base64'));
  const count = Math.floor(file.length / bytes);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < count; i += 1) {
    const number = read(view, i * bytes);
    if (number < least) least = number;
    if (number > most) most = number;
  }
  return { count, range: numberRange(least, most) };
}

/** Bokeh compresses what it packs. */
function unzipped(file: Buffer): Buffer {
  if (file.length < 18 || file.readUInt16BE(0) !== 0x1f8b) return file;
  try {
    return gunzipSync(file, { maxOutputLength: MAX_DECODED_CHARS });
  } catch {
    return Buffer.alloc(0);
  }
}

function rangeOfList(values: readonly unknown[]): FieldRange {
  const seen: Seen = { count: 0, least: Infinity, most: -Infinity, names: new Set() };
  look(values, 2, seen);
  const numbers = numberRange(seen.least, seen.most);
  return { count: seen.count, range: numbers === '' ? nameRange(seen) : numbers };
}

interface Seen {
  count: number;
  least: number;
  most: number;
  readonly names: Set<string>;
}

/** Goes into rows of rows without copying them: a field may have millions of values. */
function look(values: readonly unknown[], depth: number, seen: Seen): void {
  for (const value of values) {
    if (depth > 0 && Array.isArray(value)) {
      look(value, depth - 1, seen);
      continue;
    }
    seen.count += 1;
    if (typeof value === 'number') {
      if (value < seen.least) seen.least = value;
      if (value > seen.most) seen.most = value;
    } else if (typeof value === 'string' && seen.names.size < MAX_DIFFERENT) {
      seen.names.add(value);
    }
  }
}

function numberRange(least: number, most: number): string {
  if (least > most) return '';
  return least === most ? short(least) : `${short(least)}..${short(most)}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function nameRange({ names: different }: Seen): string {
  const names = [...different];
  if (names.length === 0) return '';
  if (names.every((name) => /^\d{4}-\d\d/.test(name)) && names.length < MAX_DIFFERENT) {
    const sorted = names.toSorted();
    return `${sorted[0]}..${sorted.at(-1)}`;
  }
  const shown = names.slice(0, MAX_NAMES).map((name) => clip(name, MAX_NAME_CHARS));
  if (names.length <= MAX_NAMES) return shown.join(', ');
  const more = names.length < MAX_DIFFERENT ? String(names.length) : `${MAX_DIFFERENT} or more`;
  return `${shown.join(', ')}, ... (${more} different)`;
}

/** Cuts a name or title to a length, with three dots. */
export function clip(text: string, limit: number): string {
  const line = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 3).toWellFormed()}...`;
}
