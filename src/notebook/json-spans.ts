/** Finds where values stand in JSON text without building them, so that what does not change is kept byte for byte. */

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member {
  readonly key: string;
  /** Of the quote before the key. */
  readonly keyStart: number;
  readonly value: Span;
}

/** The text is not JSON. Values that are only skipped are not checked; parse them to be sure. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError' as const;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const fail = (what: string, at: number): JsonTextError =>
  new JsonTextError(`${what} at byte ${at}`);

export const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The first byte from `at` on that is no white space; the length of the text when there is none. */
export function skipBlank(bytes: Buffer, at: number): number {
  let next = at;
  while (isBlank(bytes[next])) next += 1;
  return next;
}

/** The members of the object that opens at `at`, in order, and where the object ends. */
export function membersOf(
  bytes: Buffer,
  at: number,
): { readonly members: Member[]; readonly end: number } {
  if (bytes[at] !== OPEN_OBJECT) throw fail('expected an object', at);
  const members: Member[] = [];
  let next = skipBlank(bytes, at + 1);
  if (bytes[next] === CLOSE_OBJECT) return { members, end: next + 1 };
  for (;;) {
    if (bytes[next] !== QUOTE) throw fail('expected a key', next);
    const keyStart = next;
    const keyEnd = stringEnd(bytes, keyStart);
    const colon = skipBlank(bytes, keyEnd);
    if (bytes[colon] !== COLON) throw fail('expected a colon', colon);
    const start = skipBlank(bytes, colon + 1);
    const end = valueEnd(bytes, start);
    members.push({ key: keyOf(bytes, keyStart, keyEnd), keyStart, value: { start, end } });
    next = skipBlank(bytes, end);
    if (bytes[next] === CLOSE_OBJECT) return { members, end: next + 1 };
    if (bytes[next] !== COMMA) throw fail('expected a comma', next);
    next = skipBlank(bytes, next + 1);
  }
}

/** The elements of the list that opens at `at`, and where the list ends. */
export function elementsOf(
  bytes: Buffer,
  at: number,
): { readonly elements: Span[]; readonly end: number } {
  if (bytes[at] !== OPEN_LIST) throw fail('expected a list', at);
  const elements: Span[] = [];
  let next = skipBlank(bytes, at + 1);
  if (bytes[next] === CLOSE_LIST) return { elements, end: next + 1 };
  for (;;) {
    const end = valueEnd(bytes, next);
    elements.push({ start: next, end });
    next = skipBlank(bytes, end);
    if (bytes[next] === CLOSE_LIST) return { elements, end: next + 1 };
    if (bytes[next] !== COMMA) throw fail('expected a comma', next);
    next = skipBlank(bytes, next + 1);
  }
}

/** The last member of that name: of several, it is the one that every parser takes. */
export const memberNamed = (members: readonly Member[], key: string): Member | undefined =>
  members.findLast((member) => member.key === key);

function keyOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  try {
    return String(JSON.parse(text));
  } catch {
    throw fail('a key that is no string', start);
  }
}

function valueEnd(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return stringEnd(bytes, at);
  if (first === OPEN_LIST || first === OPEN_OBJECT) return containerEnd(bytes, at);
  let next = at;
  while (next < bytes.length && !isBlank(bytes[next]) && !isSeparator(bytes[next])) next += 1;
  if (next === at) throw fail('expected a value', at);
  return next;
}

const isSeparator = (byte: number | undefined): boolean =>
  byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte === COLON;

function containerEnd(bytes: Buffer, at: number): number {
  let depth = 0;
  let next = at;
  while (next < bytes.length) {
    const byte = bytes[next];
    if (byte === QUOTE) {
      next = stringEnd(bytes, next);
      continue;
    }
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    next += 1;
    if (depth === 0) return next;
  }
  throw fail('the text ends inside of a value that opens', at);
}

function stringEnd(bytes: Buffer, at: number): number {
  let from = at + 1;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote === -1) throw fail('the text ends inside of a string that opens', at);
    let before = quote - 1;
    while (bytes[before] === BACKSLASH) before -= 1;
    if ((quote - before) % 2 === 1) return quote + 1;
    from = quote + 1;
  }
}
