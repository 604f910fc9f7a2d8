/** Replaces one piece of a text: exactly, or by whole lines that differ only in blanks and typography, and only where that is certain. */
import { GloveboxError } from '#core/errors.ts';
import { findRelaxed, lineList } from './relaxed-match.ts';

export interface EditRequest {
  readonly oldText: string;
  readonly newText: string;
  readonly replaceAll: boolean;
  readonly mode: 'replace' | 'append_after' | 'prepend_before';
}

export interface EditedText {
  /** The file as it is to be written, with its own line ends. */
  readonly content: string;
  /** Both with `\n`, for a difference. */
  readonly before: string;
  readonly after: string;
  readonly how: string;
}

/** Characters `start` to `end` of the text with `\n` are replaced. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * @param content as it is in the file
 * @throws `file/no-match` with the line numbers of what matched, `input/invalid` for a request that changes nothing.
 */
export function editText(content: string, request: EditRequest, path: string): EditedText {
  // A mark at the beginning is no part of the text, and stays.
  const mark = content.startsWith('\ufeff') ? '\ufeff' : '';
  const body = content.slice(mark.length);
  const before = body.replaceAll('\r\n', '\n');
  const oldText = request.oldText.replaceAll('\r\n', '\n');
  const newText = request.newText.replaceAll('\r\n', '\n');
  if (oldText === '') {
    throw new GloveboxError('input/invalid', `old_str is empty, and ${path} exists.`, {
      hint: 'An empty old_str only creates a file. Give the text to replace, or to insert beside.',
    });
  }
  if (request.mode === 'replace' ? oldText === newText : newText === '') {
    throw new GloveboxError('input/invalid', 'The edit would change nothing.', {
      hint: 'Give a new_str that is different.',
    });
  }
  const places = placesOf(before, oldText);
  const { changes, how } =
    places.length > 0
      ? exactChanges(before, oldText, newText, places, request)
      : relaxedChange(before, oldText, newText, request);
  return {
    content: mark + apply(body, changes),
    before,
    after: applyPlain(before, changes),
    how,
  };
}

function placesOf(text: string, wanted: string): readonly number[] {
  const places: number[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    places.push(at);
  }
  return places;
}

function exactChanges(
  text: string,
  oldText: string,
  newText: string,
  places: readonly number[],
  { replaceAll, mode }: EditRequest,
): { readonly changes: readonly Change[]; readonly how: string } {
  if (places.length > 1 && !replaceAll) {
    throw new GloveboxError(
      'file/no-match',
      `old_str is there ${places.length} times: ${lineList(places.map((at) => lineAt(text, at)))}.`,
      { hint: 'Give more of the text around the one you mean, or replace_all=true.' },
    );
  }
  const changes = places.map((start) => {
    const end = start + oldText.length;
    return { start, end, text: textFor(text, start, end, newText, mode) };
  });
  return { changes, how: places.length === 1 ? 'exact' : `exact, ${places.length} places` };
}

function relaxedChange(
  text: string,
  oldText: string,
  newText: string,
  { replaceAll, mode }: EditRequest,
): { readonly changes: readonly Change[]; readonly how: string } {
  if (replaceAll) {
    throw new GloveboxError('file/no-match', 'old_str is not in the file exactly as given.', {
      hint: 'replace_all works with exact matches only: copy the text from sandbox_read.',
    });
  }
  const found = findRelaxed(text, oldText, newText);
  const change = {
    start: found.start,
    end: found.end,
    text: textFor(text, found.start, found.end, found.newText, mode),
  };
  return { changes: [change], how: found.how };
}

function textFor(
  text: string,
  start: number,
  end: number,
  newText: string,
  mode: EditRequest['mode'],
): string {
  const old = text.slice(start, end);
  if (mode === 'replace') return newText;
  const isAtStart = start === 0 || text[start - 1] === '\n';
  const isAtEnd = end === text.length || text[end] === '\n';
  if (!isAtStart || (!isAtEnd && !old.endsWith('\n'))) {
    return mode === 'append_after' ? old + newText : newText + old;
  }
  // Beside whole lines go whole lines.
  if (old.endsWith('\n')) {
    const lines = newText.endsWith('\n') ? newText : `${newText}\n`;
    return mode === 'append_after' ? old + lines : lines + old;
  }
  return mode === 'append_after'
    ? `${old}${newText.startsWith('\n') ? '' : '\n'}${newText.replace(/\n$/, '')}`
    : `${newText}${newText.endsWith('\n') ? '' : '\n'}${old}`;
}

const applyPlain = (text: string, changes: readonly Change[]): string =>
  changes
    .toReversed()
    .reduce(
      (result, { start, end, text: piece }) => result.slice(0, start) + piece + result.slice(end),
      text,
    );

/** Puts the changes into the file as it is, whose `\r\n` count for two; new lines end as those around them do. */
function apply(content: string, changes: readonly Change[]): string {
  const isMostlyCrlf = countOf(content, '\r\n') * 2 > countOf(content, '\n');
  let result = '';
  let done = 0;
  let plainDone = 0;
  for (const { start, end, text } of changes) {
    const from = advance(content, done, start - plainDone);
    const to = advance(content, from, end - start);
    const replaced = content.slice(from, to);
    const isCrlf = replaced.includes('\n')
      ? countOf(replaced, '\r\n') * 2 > countOf(replaced, '\n')
      : lineEndAfter(content, to, isMostlyCrlf);
    result += content.slice(done, from) + (isCrlf ? text.replaceAll('\n', '\r\n') : text);
    done = to;
    plainDone = end;
  }
  return result + content.slice(done);
}

/** Where `count` characters after `from` are, with `\r\n` counting as one. */
function advance(content: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0; left -= 1) {
    at += content[at] === '\r' && content[at + 1] === '\n' ? 2 : 1;
  }
  return at;
}

function lineEndAfter(content: string, at: number, otherwise: boolean): boolean {
  const end = content.indexOf('\n', at);
  return end < 0 ? otherwise : content[end - 1] === '\r';
}

const countOf = (text: string, part: string): number => text.split(part).length - 1;

const lineAt = (text: string, at: number): number => countOf(text.slice(0, at), '\n') + 1;
