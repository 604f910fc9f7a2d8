/** Fits an answer into its budget and says, as its last line, what is shown, how much there is, and the exact next call. */
import { GloveboxError } from '#core/errors.ts';
import { clamp, wideInt, type Notes } from './wide-input.ts';

const MIN_CHARS = 1000;
/** No answer of a research tool is longer, whatever was asked for. */
export const MAX_CHARS = 40_000;

export const maxChars = wideInt('Characters of text in the answer.', {
  min: MIN_CHARS,
  max: MAX_CHARS,
});
export const limitOf = (fallback: number, max: number) =>
  wideInt(`How many at most. Default: ${fallback}.`, { min: 1, max });

/** The budget of a call in characters. */
export function budgetOf(
  asked: number | undefined,
  settings: { outputChars(): number },
  notes: Notes,
): number {
  const fallback = Math.min(MAX_CHARS, settings.outputChars());
  return clamp('max_chars', asked, { fallback, min: MIN_CHARS, max: MAX_CHARS }, notes);
}

export const renderCount = (count: number): string => count.toLocaleString('en-US');

/** Cuts at the end, never inside a character, and marks the cut. */
export function shorten(text: string, chars: number): string {
  if (text.length <= chars) return text;
  return `${cutAt(text, Math.max(0, chars - 1)).trimEnd()}…`;
}

/** One line, shortened. */
export const oneLine = (text: string, chars: number): string =>
  shorten(text.replaceAll(/\s+/g, ' ').trim(), chars);

/** Not between the halves of a surrogate pair. */
function cutAt(text: string, end: number): string {
  const isHalf = end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return text.slice(0, isHalf ? end - 1 : end);
}

/** A fence that is longer than any fence inside. */
export function fenced(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

export interface ListAnswer {
  /** The heading and the line of facts. */
  readonly head: readonly string[];
  readonly items: readonly string[];
  /** Where the first of `items` stands in the whole list, from 0. */
  readonly offset: number;
  /** How many there are in all, where the service says it. */
  readonly total?: number;
  /** Whether there are more after `items`. */
  readonly hasMore: boolean;
  /** The cursor that goes on after so many of `items`. */
  readonly cursorAfter: (shown: number) => string;
  /** The line that names the next step; said for what is shown. */
  readonly next?: string;
  readonly notes?: Notes;
  /** What the items are called. */
  readonly noun?: string;
}

/** As many items as fit; at least one, shortened if need be. */
export function fitItems(
  items: readonly string[],
  room: number,
): { readonly text: string; readonly shown: number } {
  let used = 0;
  let shown = 0;
  for (const item of items) {
    if (shown > 0 && used + item.length + 1 > room) break;
    used += item.length + 1;
    shown += 1;
  }
  return { text: shorten(items.slice(0, shown).join('\n'), Math.max(200, room)), shown };
}

/** As many items as fit, with everything around them. */
export function renderList(answer: ListAnswer, budget: number): string {
  const {
    head,
    items,
    offset,
    total,
    hasMore,
    cursorAfter,
    next,
    notes = [],
    noun = 'items',
  } = answer;
  const before = [...head, ...notes.map((note) => `Note: ${note}`)].join('\n');
  const after = next === undefined ? '' : `\nNext: ${next}`;
  const room = budget - before.length - after.length - 160;
  const { text, shown } = fitItems(items, room);
  const isCut = shown < items.length || hasMore;
  const known = total ?? (hasMore ? undefined : offset + items.length);
  const whole = known === undefined ? 'more' : renderCount(known);
  const range = shown === 0 ? '0' : `${renderCount(offset + 1)}–${renderCount(offset + shown)}`;
  const position = isCut
    ? `\n[${range} of ${whole} ${noun} · more: cursor=${cursorAfter(shown)}]`
    : offset > 0 || (total !== undefined && total > shown)
      ? `\n[${range} of ${whole} ${noun}, the end]`
      : '';
  return `${before}\n\n${shown === 0 ? '(nothing found)' : text}${after}${position}`.replace(
    /\n\n\n+/g,
    '\n\n',
  );
}

export interface TextWindow {
  readonly text: string;
  /** The last line, without a break before it; empty when everything is shown from the start. */
  readonly position: string;
}

/** Part of a long text, cut at the end of a line where one is near; always with the offset of the rest. */
export function windowOf(whole: string, offset: number, chars: number): TextWindow {
  if (offset > 0 && offset >= whole.length) {
    throw new GloveboxError(
      'input/invalid',
      `offset=${offset} is beyond the end: there are ${renderCount(whole.length)} characters.`,
      {
        hint: 'begin at offset=0.',
      },
    );
  }
  const start = cutAt(whole, offset).length;
  let end = Math.min(whole.length, start + Math.max(200, chars));
  if (end < whole.length) {
    const line = whole.lastIndexOf('\n', end);
    if (line > start + chars / 2) end = line + 1;
    end = Math.max(start + 1, cutAt(whole, end).length);
  }
  const text = whole.slice(start, end).trimEnd();
  if (start === 0 && end === whole.length) return { text, position: '' };
  const range = `[characters ${renderCount(start)}–${renderCount(end)} of ${renderCount(whole.length)}`;
  return {
    text,
    position: end < whole.length ? `${range} · more: offset=${end}]` : `${range}, the end]`,
  };
}

export type CursorValue = string | number;

/** `kind` binds it to what it continues: the operation and whatever else must stay the same. Holds no secret. */
export function encodeCursor(kind: string, values: readonly CursorValue[]): string {
  return Buffer.from(JSON.stringify([fingerprint(kind), ...values])).toString('base64url');
}

/** @throws GloveboxError `input/invalid` for a cursor of something else, or none at all. */
export function decodeCursor(kind: string, cursor: string): readonly CursorValue[] {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(cursor.trim(), 'base64url').toString('utf8'));
    if (Array.isArray(decoded) && decoded[0] === fingerprint(kind)) {
      const values: readonly unknown[] = decoded.slice(1);
      if (values.every(isCursorValue)) return values;
    }
  } catch {
    // Falls through to the same answer.
  }
  throw new GloveboxError(
    'input/invalid',
    `cursor=${shorten(cursor, 60)} does not continue this call.`,
    {
      hint: 'a cursor goes with the very arguments of the answer that it came from; leave it out to begin anew.',
    },
  );
}

/** Whether the cursor continues what `kind` names, for lists that go on in one of several ways. */
export function isCursorOf(kind: string, cursor: string): boolean {
  try {
    decodeCursor(kind, cursor);
    return true;
  } catch {
    return false;
  }
}

/** The offset in a cursor of a list that is counted; 0 without one. */
export function offsetOf(kind: string, cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const [offset] = decodeCursor(kind, cursor);
  return typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 ? offset : 0;
}

const isCursorValue = (value: unknown): value is CursorValue =>
  typeof value === 'string' || typeof value === 'number';

/** Short, and different for different words: FNV-1a. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(36);
}
