/** Passes whole lines on, so that a large message costs its size once, and takes out those that are too large. */
import { Transform, type TransformCallback } from 'node:stream';

export interface TooLargeMessage {
  readonly bytes: number;
  /** The request's id where it could be found in the first or the last bytes. */
  readonly id: string | number | undefined;
}

export interface MessageLinesOptions {
  readonly maxBytes: number;
  readonly onTooLarge: (message: TooLargeMessage) => void;
}

const NEWLINE = 0x0a;
/** Enough for the fields around the parameters. */
const EDGE_BYTES = 512;
const ID = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)`;
const ID_FIRST = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${ID}`);
const ID_LAST = new RegExp(String.raw`,\s*${ID}\s*\}\s*$`);
const ID_BEFORE_VERSION = new RegExp(String.raw`,\s*${ID}\s*,\s*"jsonrpc"\s*:\s*"2\.0"\s*\}\s*$`);

/**
 * The SDK joins its buffer anew with every chunk of 64 KB: 12 MB took 2 s, 64 MB half a minute. Here chunks are gathered and
 * joined once. A message above `maxBytes` is dropped while it arrives, so it costs no memory either.
 */
export class MessageLines extends Transform {
  readonly #options: MessageLinesOptions;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Set while the rest of a message that is too large flows by: its first and its latest bytes. */
  #dropped: { readonly head: string; tail: string } | undefined;

  constructor(options: MessageLinesOptions) {
    super();
    this.#options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      this.#gather(rest.subarray(0, end + 1));
      this.#finishLine();
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.#gather(rest);
    done();
  }

  #gather(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#dropped === undefined && this.#bytes <= this.#options.maxBytes) {
      this.#chunks.push(part);
      return;
    }
    const head = this.#dropped?.head ?? textOf((this.#chunks[0] ?? part).subarray(0, EDGE_BYTES));
    const before = this.#dropped?.tail ?? textOf(this.#chunks.at(-1)?.subarray(-EDGE_BYTES));
    this.#chunks = [];
    const tail = (before + textOf(part.subarray(-EDGE_BYTES))).slice(-EDGE_BYTES);
    this.#dropped = { head, tail };
  }

  #finishLine(): void {
    if (this.#dropped === undefined) this.push(Buffer.concat(this.#chunks));
    else this.#options.onTooLarge({ bytes: this.#bytes, id: idIn(this.#dropped) });
    this.#chunks = [];
    this.#bytes = 0;
    this.#dropped = undefined;
  }
}

/** One character for each byte, so that a character cut in two spoils nothing. */
const textOf = (bytes: Buffer | undefined): string => bytes?.toString('latin1') ?? '';

function idIn({
  head,
  tail,
}: {
  readonly head: string;
  readonly tail: string;
}): string | number | undefined {
  const text = (ID_FIRST.exec(head) ?? ID_LAST.exec(tail) ?? ID_BEFORE_VERSION.exec(tail))?.[1];
  if (text === undefined) return undefined;
  const id: unknown = JSON.parse(text);
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
