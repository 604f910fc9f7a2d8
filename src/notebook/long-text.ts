/** The list of lines of a long text as JSON, in pieces: made as a whole, it would take several times its size in memory. */
import { lineBreak, renderJson, type JsonStyle } from './json-style.ts';
import { splitLines } from './output-json.ts';

const PIECE_CHARS = 64 * 1024;

/** Shorter texts are made as a whole. */
export const isLong = (text: string): boolean => text.length > 2 * PIECE_CHARS;

/** A guess that fits text with lines of usual length: the letters, and quotes and indentation around each line. */
export const expectedBytes = (text: string): number => Math.ceil(Buffer.byteLength(text) * 1.15);

/** Together the same as `renderJson(splitLines(text), style, depth)`. */
export function* renderLongText(text: string, style: JsonStyle, depth: number): Generator<string> {
  const separator = style.newline === '' && style.spaced ? ', ' : ',';
  const closing = `${lineBreak(style, depth)}]`;
  for (let at = 0; at < text.length;) {
    // Every line feed ends a line, whatever else does.
    const lineEnd = text.indexOf('\n', at + PIECE_CHARS);
    const end = lineEnd === -1 ? text.length : lineEnd + 1;
    const list = renderJson(splitLines(text.slice(at, end)), style, depth);
    yield at === 0 ? '[' : separator;
    yield list.slice(1, -closing.length);
    at = end;
  }
  yield closing;
}
