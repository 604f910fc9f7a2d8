/** Takes out private keys in PEM blocks, whole, whatever their line ends look like and also when their end is missing. */
import type { Tally } from './secret-classes.ts';

const BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y;
/** Between lines: real line ends, or `\n` as in JSON and in variables, however often it was escaped. */
const GAP = /(?:[\s]|\\+[nrt])+/y;
const LINE = /[A-Za-z0-9+/=_-]{1,20000}/y;
const HEADER = /(?:Proc-Type|DEK-Info|Comment|Version|Hash): ?[^\n\\"]{0,200}/y;
/** A shorter line can only be the last one. */
const FULL_LINE_CHARS = 24;

export function redactBlocks(text: string, tally: Tally): string {
  if (!text.includes('PRIVATE KEY')) return text;
  let result = '';
  let done = 0;
  BEGIN.lastIndex = 0;
  for (let begin = BEGIN.exec(text); begin !== null; begin = BEGIN.exec(text)) {
    const stop = endOfBlock(text, begin.index + begin[0].length);
    // Without any content it is somebody who writes about such blocks.
    if (stop === undefined) continue;
    result += text.slice(done, begin.index) + tally.take('private-key');
    done = stop;
    BEGIN.lastIndex = stop;
  }
  return done === 0 ? text : result + text.slice(done);
}

function endOfBlock(text: string, bodyAt: number): number | undefined {
  let at = bodyAt;
  let content = 0;
  for (;;) {
    const next = after(GAP, text, at) ?? at;
    const end = after(END, text, next);
    if (end !== undefined) return content === 0 ? undefined : end;
    const header = after(HEADER, text, next);
    if (header !== undefined) {
      at = header;
      continue;
    }
    const line = text.startsWith('-----', next) ? undefined : after(LINE, text, next);
    const chars = line === undefined ? 0 : line - next;
    const isLast = line !== undefined && content > 0 && /^(?:$|[\s\\"'`,])/.test(text.charAt(line));
    if (line === undefined || (chars < FULL_LINE_CHARS && !isLast))
      return content === 0 ? undefined : at;
    content += chars;
    at = line;
    // Words of a sentence may follow a block that was cut off.
    if (chars < FULL_LINE_CHARS) return after(END, text, after(GAP, text, at) ?? at) ?? at;
  }
}

/** Where the match of a sticky pattern at `at` ends. */
function after(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? undefined : at + found[0].length;
}
