/** Shortens output of a command: its beginning and, for more of it, its end. */
import { stripVTControlCharacters } from 'node:util';

export interface Shortened {
  readonly text: string;
  /** Absent when nothing was left out. */
  readonly cut?: {
    readonly headChars: number;
    readonly tailChars: number;
    readonly totalChars: number;
  };
}

/** The part of the budget that the beginning gets. */
const HEAD = 0.25;

/** Whole lines where that loses little; never half of a character. */
export function headAndTail(text: string, maxChars: number): Shortened {
  const plain = stripVTControlCharacters(text);
  if (plain.length <= maxChars) return { text: plain };
  const headEnd = lineEndBefore(plain, Math.floor(maxChars * HEAD));
  const tailStart = lineStartAfter(plain, plain.length - Math.ceil(maxChars * (1 - HEAD)));
  const left = tailStart - headEnd;
  const head = plain.slice(0, headEnd);
  const gap = `${head === '' || head.endsWith('\n') ? '' : '\n'}[... ${left.toLocaleString('en-US')} characters left out ...]\n`;
  return {
    text: `${head}${gap}${plain.slice(tailStart)}`,
    cut: { headChars: headEnd, tailChars: plain.length - tailStart, totalChars: plain.length },
  };
}

/** How far a cut moves to reach the end of a line. */
const REACH = 500;

function lineEndBefore(text: string, at: number): number {
  const end = text.lastIndexOf('\n', at - 1) + 1;
  if (end > at - REACH && end > 0) return end;
  return splitsPair(text, at) ? at - 1 : at;
}

function lineStartAfter(text: string, at: number): number {
  const start = text.indexOf('\n', at) + 1;
  if (start > 0 && start < at + REACH && start < text.length) return start;
  return splitsPair(text, at) ? at + 1 : at;
}

function splitsPair(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}
