/** The whole text of outputs, on which offsets count, and pages of it. */
import type { CellOutput } from '#notebook/contract.ts';
import { base64RunAt } from './base64-run.ts';
import { type DescribedImage, nameImage } from './image-source.ts';
import { toPieces } from './pieces.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
}
export interface ImageSpan extends Span {
  readonly number: number;
  readonly image: DescribedImage;
}
export interface Transcript {
  readonly text: string;
  /** Labels of pictures, one line each, without its line end. */
  readonly images: readonly ImageSpan[];
  /** Per error its label and its text. */
  readonly errors: readonly { readonly label: Span; readonly text: Span }[];
}

export interface TranscriptPage {
  readonly text: string;
  /** Where the next page starts; undefined when this page reaches the end. */
  readonly nextOffset: number | undefined;
  /**
   * From where to go on when more output comes: after the last complete line. A complete line is final; the open
   * last line is delivered, but may still change.
   */
  readonly resumeOffset: number;
  readonly totalChars: number;
}

/**
 * The full text rendering, without a budget. Only its last line changes when a running cell prints more (what
 * `update_display_data` replaces excepted), so an offset stays valid.
 */
export function renderTranscript(outputs: readonly CellOutput[]): string {
  return buildTranscript(outputs).text;
}

export function buildTranscript(outputs: readonly CellOutput[]): Transcript {
  const parts: string[] = [];
  const images: ImageSpan[] = [];
  const errors: { readonly label: Span; readonly text: Span }[] = [];
  let length = 0;
  let isLineOpen = false;
  const add = (text: string): Span => {
    const start = length;
    parts.push(text);
    length += text.length;
    if (text !== '') isLineOpen = !text.endsWith('\n');
    return { start, end: length };
  };
  for (const piece of toPieces(outputs)) {
    if (isLineOpen) add('\n');
    if (piece.kind === 'image') {
      const { number, image } = piece;
      images.push({ ...add(`[image ${number} ${nameImage(image)}]`), number, image });
      add('\n');
    } else {
      const label = piece.label === undefined ? undefined : add(piece.label);
      if (label !== undefined) add('\n');
      const text = add(piece.text);
      if (piece.kind === 'error' && label !== undefined) errors.push({ label, text });
    }
  }
  return { text: parts.join(''), images, errors };
}

/** A page ends at a line end where it can. A base64 string that fits no page is replaced by a placeholder. */
export function pageTranscript(text: string, offset: number, maxChars: number): TranscriptPage {
  const totalChars = text.length;
  const start = Math.min(Math.max(0, Math.trunc(offset)), totalChars);
  const limit = start + Math.max(1, Math.trunc(maxChars));
  if (limit >= totalChars) {
    const resumeOffset = Math.max(start, text.lastIndexOf('\n') + 1);
    return { text: text.slice(start), nextOffset: undefined, resumeOffset, totalChars };
  }
  const lineEnd = text.lastIndexOf('\n', limit - 1) + 1;
  if (lineEnd > start) {
    return {
      text: text.slice(start, lineEnd),
      nextOffset: lineEnd,
      resumeOffset: lineEnd,
      totalChars,
    };
  }
  const run = base64RunAt(text, limit);
  if (run !== undefined && run.start > start) return page(text, start, run.start);
  if (run !== undefined) {
    const size = run.end - start;
    const next = run.end === totalChars ? undefined : run.end;
    const placeholder = `[${size} characters of base64]`;
    return { text: placeholder, nextOffset: next, resumeOffset: run.end, totalChars };
  }
  return page(text, start, wholeCharacter(text, limit));
}

function page(text: string, start: number, end: number): TranscriptPage {
  const totalChars = text.length;
  return { text: text.slice(start, end), nextOffset: end, resumeOffset: end, totalChars };
}

/** Moves a cut that would split a surrogate pair to after it. */
export function wholeCharacter(text: string, cut: number): number {
  const before = text.charCodeAt(cut - 1);
  const after = text.charCodeAt(cut);
  const splits = before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
  return splits ? cut + 1 : cut;
}
