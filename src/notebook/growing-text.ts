/** Long text while it grows, held in memory once: in pieces of whole lines, and as one string only while somebody reads it. */
import type { StreamOutput } from './contract.ts';

const PIECE_CHARS = 64 * 1024;

/** Text as it was at one moment. */
export interface TextSnapshot {
  readonly length: number;
  /** Together the text. Each but the last ends with a line feed. */
  readonly pieces: readonly string[];
  /** Made anew when nobody has it any more. */
  readonly text: string;
}

/** What is added stays as it is. */
export class GrowingText {
  readonly #pieces: string[] = [];
  #pieceChars = 0;
  /** Behind the last piece. */
  #open = '';
  #byteLength = 0;

  /** In UTF-8. */
  get byteLength(): number {
    return this.#byteLength;
  }

  add(text: string): void {
    this.#byteLength += Buffer.byteLength(text);
    this.#open += text;
    if (this.#open.length < PIECE_CHARS || !text.endsWith('\n')) return;
    this.#pieces.push(this.#open);
    this.#pieceChars += this.#open.length;
    this.#open = '';
  }

  /** Everything so far, and `tail` behind it. */
  with(tail: string): TextSnapshot {
    const last = this.#open + tail;
    const pieces = last === '' ? this.#pieces.slice() : [...this.#pieces, last];
    let whole: WeakRef<{ readonly text: string }> | undefined;
    return {
      length: this.#pieceChars + last.length,
      pieces,
      get text() {
        const known = whole?.deref();
        if (known !== undefined) return known.text;
        const made = { text: pieces.length === 1 ? last : pieces.join('') };
        whole = new WeakRef(made);
        return made.text;
      },
    };
  }
}

const snapshots = new WeakMap<StreamOutput, TextSnapshot>();

/** A stream whose text is joined when it is read. Otherwise it is like any other. */
export function toStream(name: StreamOutput['name'], snapshot: TextSnapshot): StreamOutput {
  if (snapshot.pieces.length <= 1)
    return { output_type: 'stream', name, text: snapshot.pieces[0] ?? '' };
  const output: StreamOutput = {
    output_type: 'stream',
    name,
    get text() {
      return snapshot.text;
    },
  };
  snapshots.set(output, snapshot);
  return output;
}

/** The text of a stream in pieces, each but the last with a line feed at its end. */
export const piecesOf = (output: StreamOutput): readonly string[] =>
  snapshots.get(output)?.pieces ?? [output.text];

/** Whether it has no text, found without joining it. */
export const isEmptyStream = (output: StreamOutput): boolean =>
  !snapshots.has(output) && output.text === '';
