/** Redacts a text that comes in pieces, so that a secret which was cut by a piece is found all the same. */
import type { Redactor } from './redactor.ts';

/** Held back, because the next piece may go on with it. */
const TAIL_CHARS = 512;
/** A run without any boundary that is longer is data, and no line of anybody. */
const MAX_HELD_CHARS = 64 * 1024;

export interface RedactionStream {
  /** What can be shown by now; may be empty. */
  push(chunk: string): string;
  /** The rest. */
  end(): string;
}

export function createRedactionStream(redactor: Pick<Redactor, 'text'>): RedactionStream {
  let held = '';
  return {
    push(chunk) {
      held += chunk;
      const cut = cutIn(held);
      if (cut === 0) return '';
      const ready = held.slice(0, cut);
      held = held.slice(cut);
      return redactor.text(ready).value;
    },
    end() {
      const rest = held;
      held = '';
      return redactor.text(rest).value;
    },
  };
}

/** After a whole line, else between two words; never inside the block of a key. */
function cutIn(text: string): number {
  const latest = text.length - TAIL_CHARS;
  if (latest <= 0) return 0;
  const line = text.lastIndexOf('\n', latest - 1) + 1;
  const space =
    line > 0
      ? line
      : Math.max(...[' ', '\t', '\r'].map((char) => text.lastIndexOf(char, latest - 1))) + 1;
  const isFull = text.length > MAX_HELD_CHARS;
  const cut = space > 0 ? space : isFull ? latest : 0;
  const begin = text.lastIndexOf('-----BEGIN', cut);
  const isOpen = begin >= 0 && begin < cut && !text.slice(begin, cut).includes('-----END');
  return isOpen && !isFull ? begin : cut;
}
