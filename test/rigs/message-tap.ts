/** Cuts the bytes of a kernel's websocket at the ends of its messages, and says which message each piece is. */

export type Direction = 'up' | 'down';

export interface TappedMessage {
  readonly direction: Direction;
  /** `msg_type` of the kernel message, e.g. `execute_request`. */
  readonly type: string;
  readonly id: string;
}

/** Bytes that travel together; with a message when they are one whole frame of one. */
export interface Piece {
  readonly bytes: Buffer;
  readonly message?: TappedMessage;
}

/** Of the request, and of the answer, that turn a connection into a websocket. */
const FIRST_WORDS = { up: 'GET ', down: 'HTTP/1.1 101' } as const;
const HEAD_END = '\r\n\r\n';
const TEXT = 1;
const BINARY = 2;

/** One direction of one connection. Whatever is no websocket passes as it comes. */
export class MessageTap {
  readonly #direction: Direction;
  #mode: 'head' | 'frames' | 'plain' = 'head';
  #pending = Buffer.alloc(0);

  constructor(direction: Direction) {
    this.#direction = direction;
  }

  take(chunk: Buffer): readonly Piece[] {
    if (this.#mode === 'plain') return [{ bytes: chunk }];
    this.#pending = Buffer.concat([this.#pending, chunk]);
    return this.#mode === 'head' ? this.#takeHead() : this.#takeFrames();
  }

  #takeHead(): readonly Piece[] {
    const end = this.#pending.indexOf(HEAD_END);
    const head = this.#pending.toString('latin1', 0, end < 0 ? this.#pending.length : end);
    const mayBecome = head.startsWith(FIRST_WORDS[this.#direction]);
    if (end < 0 && mayBecome) return [];
    if (!mayBecome || !/^upgrade: *websocket/im.test(head)) {
      this.#mode = 'plain';
      return [{ bytes: this.#cut(this.#pending.length) }];
    }
    this.#mode = 'frames';
    return [{ bytes: this.#cut(end + HEAD_END.length) }, ...this.#takeFrames()];
  }

  #takeFrames(): readonly Piece[] {
    const pieces: Piece[] = [];
    for (let frame = frameAt(this.#pending); frame !== undefined; frame = frameAt(this.#pending)) {
      const message = this.#messageOf(frame);
      const bytes = this.#cut(frame.end);
      pieces.push(message === undefined ? { bytes } : { bytes, message });
    }
    return pieces;
  }

  #cut(length: number): Buffer {
    const bytes = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  #messageOf(frame: Frame): TappedMessage | undefined {
    if (frame.opcode !== TEXT && frame.opcode !== BINARY) return undefined;
    const start = this.#pending.subarray(frame.start, Math.min(frame.end, frame.start + 1200));
    const text = unmasked(start, frame.mask).toString('latin1');
    // The header comes before the parent's in both framings, and so its fields are found first.
    const [, type = 'unknown'] = /"msg_type": ?"(\w+)"/.exec(text) ?? [];
    const [, id = ''] = /"msg_id": ?"([^"]+)"/.exec(text) ?? [];
    return { direction: this.#direction, type, id };
  }
}

interface Frame {
  readonly opcode: number;
  readonly mask: Buffer | undefined;
  /** Of the payload. */
  readonly start: number;
  readonly end: number;
}

/** The first frame (RFC 6455, 5.2), when all of it is there. */
function frameAt(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const second = bytes.readUInt8(1);
  const short = second & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const maskBytes = second & 0x80 ? 4 : 0;
  const start = 2 + lengthBytes + maskBytes;
  if (bytes.length < start) return undefined;
  const length =
    lengthBytes === 8
      ? Number(bytes.readBigUInt64BE(2))
      : lengthBytes === 2
        ? bytes.readUInt16BE(2)
        : short;
  const end = start + length;
  if (bytes.length < end) return undefined;
  const mask = maskBytes === 0 ? undefined : bytes.subarray(start - 4, start);
  return { opcode: bytes.readUInt8(0) & 0x0f, mask, start, end };
}

function unmasked(bytes: Buffer, mask: Buffer | undefined): Buffer {
  if (mask === undefined) return bytes;
  return Buffer.from(bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}
