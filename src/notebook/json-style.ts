/** How the JSON of one file is laid out, found from the file, and JSON written in that layout. */
import { isAscii } from 'node:buffer';
import { isRecord } from '#core/json.ts';
import { isBlank, memberNamed, membersOf, type Member } from './json-spans.ts';

export interface JsonStyle {
  /** Empty when everything stands on one line. */
  readonly newline: '' | '\n' | '\r\n';
  /** One level of indentation. */
  readonly indent: string;
  /** Only for a file on one line: with a blank after commas and colons, or without. */
  readonly spaced: boolean;
  /** Whether letters beyond ASCII are written as `\u` escapes. */
  readonly asciiOnly: boolean;
}

/** What Jupyter writes. */
export const JUPYTER_STYLE: JsonStyle = {
  newline: '\n',
  indent: ' ',
  spaced: true,
  asciiOnly: false,
};

/** The layout of a file whose outermost object opens at `at`. */
export function detectStyle(bytes: Buffer, at: number): JsonStyle {
  const [first, second] = membersOf(bytes, at).members;
  if (first === undefined) return JUPYTER_STYLE;
  const gap = bytes.toString('latin1', at + 1, first.keyStart);
  const lineEnd = /\r?\n/.exec(gap)?.[0];
  const beforeValue = bytes[first.value.start - 1];
  const beforeSecond = second === undefined ? undefined : bytes[second.keyStart - 1];
  return {
    newline: lineEnd === undefined ? '' : lineEnd === '\r\n' ? '\r\n' : '\n',
    indent: lineEnd === undefined ? '' : gap.slice(gap.lastIndexOf('\n') + 1),
    spaced: beforeValue === 0x20 || beforeSecond === 0x20,
    asciiOnly: isAscii(bytes) && hasEscapedLetters(bytes),
  };
}

function hasEscapedLetters(bytes: Buffer): boolean {
  for (let at = bytes.indexOf('\\u'); at !== -1; at = bytes.indexOf('\\u', at + 2)) {
    let before = at;
    while (bytes[before - 1] === 0x5c) before -= 1;
    const isEscape = (at - before) % 2 === 0;
    if (isEscape && Number.parseInt(bytes.toString('latin1', at + 2, at + 6), 16) >= 0x80)
      return true;
  }
  return false;
}

/** Line break and indentation before something that stands `depth` levels deep. */
export const lineBreak = (style: JsonStyle, depth: number): string =>
  style.newline === '' ? '' : style.newline + style.indent.repeat(depth);

/** What `JSON.stringify` takes. */
const LONGEST_INDENT = 10;

/** A value that stands `depth` levels deep. Keys of objects are sorted, as Jupyter does. */
export function renderJson(value: unknown, style: JsonStyle, depth: number): string {
  const sorted = sortKeys(value);
  if (style.newline === '' && !style.spaced) return toAscii(JSON.stringify(sorted), style);
  if (style.newline !== '' && style.indent !== '' && style.indent.length <= LONGEST_INDENT) {
    // A raw line feed never stands inside of a JSON string, so each one here is layout.
    const text = JSON.stringify(sorted, undefined, style.indent);
    return toAscii(text.replaceAll('\n', lineBreak(style, depth)), style);
  }
  // A raw tab or line feed never stands inside of a JSON string, so each one here is layout.
  const text = JSON.stringify(sorted, undefined, '\t');
  const laidOut =
    style.newline === ''
      ? text.replaceAll(/(,?)\n\t*/g, (_, comma: string) => (comma === '' ? '' : ', '))
      : text.replaceAll(/\n(\t*)/g, (_, tabs: string) => lineBreak(style, depth + tabs.length));
  return toAscii(laidOut, style);
}

/** The colon after a key. */
export const colonOf = (style: JsonStyle): string =>
  style.newline === '' && !style.spaced ? ':' : ': ';

const toAscii = (text: string, { asciiOnly }: JsonStyle): string =>
  asciiOnly
    ? text.replaceAll(
        /[\u0080-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    : text;

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'string') ? value : value.map(sortKeys);
  }
  if (!isRecord(value)) return value;
  const keys = Object.keys(value).toSorted(byCodePoint);
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]));
}

/** Python's order of strings; JavaScript's own differs for letters beyond the basic plane. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const one = a.charCodeAt(at);
    const other = b.charCodeAt(at);
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

/** Halves of a pair stand for code points above all others. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** The bytes of the object `object`, which stands `depth` levels deep, with one member set. All else stays as it is. */
export function setMember(
  object: Buffer,
  key: string,
  value: Buffer,
  style: JsonStyle,
  depth: number,
): Buffer {
  const { before, after } = placeOfMember(object, key, style, depth);
  return Buffer.concat([...before, value, ...after]);
}

/** What stands around the value of a member in the object's bytes once the member is set. */
export function placeOfMember(
  object: Buffer,
  key: string,
  style: JsonStyle,
  depth: number,
): { readonly before: readonly Buffer[]; readonly after: readonly Buffer[] } {
  const { members } = membersOf(object, 0);
  const found = memberNamed(members, key);
  if (found !== undefined) {
    const { start, end } = found.value;
    return { before: [object.subarray(0, start)], after: [object.subarray(end)] };
  }
  const name = Buffer.from(toAscii(JSON.stringify(key), style) + colonOf(style));
  const last = members.at(-1);
  if (last === undefined) {
    const open = Buffer.from(`{${lineBreak(style, depth + 1)}`);
    return { before: [open, name], after: [Buffer.from(`${lineBreak(style, depth)}}`)] };
  }
  const next = isSorted(members)
    ? members.find((other) => byCodePoint(other.key, key) > 0)
    : undefined;
  const gap = gapBefore(object, (next ?? last).keyStart, style);
  const comma = Buffer.from(',');
  if (next !== undefined) {
    const at = next.keyStart;
    return { before: [object.subarray(0, at), name], after: [comma, gap, object.subarray(at)] };
  }
  const at = last.value.end;
  return { before: [object.subarray(0, at), comma, gap, name], after: [object.subarray(at)] };
}

const isSorted = (members: readonly Member[]): boolean =>
  members.every(
    ({ key }, index) => index === 0 || byCodePoint(members[index - 1]?.key ?? '', key) <= 0,
  );

/** The white space before a neighbour; a new member gets the same. */
function gapBefore(object: Buffer, keyStart: number, style: JsonStyle): Buffer {
  let start = keyStart;
  while (isBlank(object[start - 1])) start -= 1;
  if (start < keyStart) return object.subarray(start, keyStart);
  return Buffer.from(style.newline === '' && style.spaced ? ' ' : '');
}
