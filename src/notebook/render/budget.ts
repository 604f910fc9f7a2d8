/** Chooses which parts of a text are shown when it is longer than its budget: the head, the tail, and what must stay. */
import { base64RunAt } from './base64-run.ts';
import { type Span, wholeCharacter } from './transcript.ts';

const HEAD_SHARE = 0.6;
/** A gap shorter than the words that name it is not worth it. */
const MIN_GAP_CHARS = 120;

/**
 * @param keep spans that are shown whatever stands before them; they use up the budget first
 * @returns spans to show, in order, apart from each other; cut at line ends, never inside a surrogate pair or base64
 */
export function chooseSpans(
  text: string,
  maxChars: number,
  keep: readonly Span[],
): readonly Span[] {
  if (text.length <= maxChars) return [{ start: 0, end: text.length }];
  const kept = merge(keep);
  const reserved = kept.reduce((sum, span) => sum + span.end - span.start, 0);
  const free = Math.max(0, maxChars - reserved);
  const headQuota = Math.floor(free * HEAD_SHARE);
  const head = cutHead(text, headEnd(kept, headQuota));
  const tail = cutTail(text, tailStart(text.length, kept, free - headQuota));
  const spans = merge([...kept, { start: 0, end: head }, { start: tail, end: text.length }]);
  return spans.filter(({ start, end }) => end > start);
}

/** Where the head ends when text of `keep` is free. */
function headEnd(keep: readonly Span[], quota: number): number {
  let at = 0;
  let left = quota;
  for (const span of keep) {
    if (left <= span.start - at) break;
    left -= Math.max(0, span.start - at);
    at = span.end;
  }
  return at + left;
}

function tailStart(length: number, keep: readonly Span[], quota: number): number {
  let at = length;
  let left = quota;
  for (const span of keep.toReversed()) {
    if (left <= at - span.end) break;
    left -= Math.max(0, at - span.end);
    at = span.start;
  }
  return at - left;
}

/** Back to the last line end, unless that would lose more than half. */
function cutHead(text: string, end: number): number {
  if (end >= text.length) return text.length;
  const lineEnd = end === 0 ? 0 : text.lastIndexOf('\n', end - 1) + 1;
  if (lineEnd * 2 >= end) return lineEnd;
  const run = base64RunAt(text, end);
  if (run !== undefined) return run.start;
  const cut = wholeCharacter(text, end);
  return cut > end ? cut - 2 : cut;
}

/** Forward to the next line start, unless that would lose more than half. */
function cutTail(text: string, start: number): number {
  if (start <= 0) return 0;
  const lineStart = text.indexOf('\n', start - 1) + 1;
  const size = text.length - start;
  if (lineStart > 0 && lineStart - start <= size / 2) return lineStart;
  const run = base64RunAt(text, start);
  return run === undefined ? wholeCharacter(text, start) : run.end;
}

/** The last part of an error: its last frames and its message, from a line start where there is one. */
export function lastPart(text: string, span: Span, maxChars: number): Span {
  if (span.end - span.start <= maxChars) return span;
  const part = text.slice(0, span.end);
  return { start: Math.min(span.end, cutTail(part, span.end - maxChars)), end: span.end };
}

function merge(spans: readonly Span[]): readonly Span[] {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end + (last.end > 0 ? MIN_GAP_CHARS : 0))
      last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}
