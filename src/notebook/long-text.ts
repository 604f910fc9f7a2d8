/** The list of lines of a long text as JSON, in pieces: made as a whole, it would take several times its size in memory. */
import { lineBreak, renderJson, type JsonStyle } from './json-style.ts';
import { splitLines } from './output-json.ts';

const PIECE_CHARS = 64 * 1024;

/** Shorter texts are made as a whole. */
export function isLong(pieces: readonly string[]): boolean {
  let chars = 0;
  for (const { length } of pieces) chars += length;
  return chars > 2 * PIECE_CHARS;
}

/** A guess that fits text with lines of usual length: the letters, and quotes and indentation around each line. */
export function expectedBytes(pieces: readonly string[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += Buffer.byteLength(piece);
  return Math.ceil(bytes * 1.15);
}

/**
 * Together the same as `renderJson(splitLines(text), style, depth)` of the whole text.
 *
 * @param pieces of the text, each but the last with a line feed at its end
 */
export function* renderLongText(
  pieces: readonly string[],
  style: JsonStyle,
  depth: number,
): Generator<string> {
  const separator = style.newline === '' && style.spaced ? ', ' : ',';
  const closing = `${lineBreak(style, depth)}]`;
  let isFirst = true;
  for (const text of pieces) {
    for (let at = 0; at < text.length;) {
      // Every line feed ends a line, whatever else does.
      const lineEnd = text.indexOf('\n', at + PIECE_CHARS);
      const end = lineEnd === -1 ? text.length : lineEnd + 1;
      const list = renderJson(splitLines(text.slice(at, end)), style, depth);
      yield isFirst ? '[' : separator;
      yield list.slice(1, -closing.length);
      isFirst = false;
      at = end;
    }
  }
  yield closing;
}
