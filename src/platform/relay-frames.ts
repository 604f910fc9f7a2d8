/**
 * The frames between `relay.ts` and `python/relay.py`: u32 length of the payload, u32 stream, u8 kind, payload; big endian.
 *
 * Either side may send so many bytes of a stream as it has credit for, and gets credit back when they were passed on; the
 * last chunk may go beyond it. `reset` ends a stream at once and is not answered. Numbers of streams are never used twice.
 */

export const FRAME_KINDS = {
  /** Relay, stream 0, first of all: JSON `{version, hostname, pid}`. */
  hello: 1,
  /** To the relay: JSON `{socket}` or `{port}`, where to connect. Data may follow without waiting. */
  open: 2,
  data: 3,
  /** No more data from this side. */
  end: 4,
  /** The connection failed or was given up; the reason as text. */
  reset: 5,
  /** u32: so many bytes were passed on. */
  credit: 6,
  /** To the relay, a number of its own: JSON `{path, maxBytes, tail}`. */
  read: 7,
  /** Its answer: `+` and the content, `0` when there is no such file, `-` and the reason. */
  file: 8,
  /** Stream 0; `pong` is the answer. */
  ping: 9,
  pong: 10,
} as const;

export type FrameKind = keyof typeof FRAME_KINDS;

export interface Frame {
  readonly stream: number;
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

/** How many bytes of a stream may be under way without credit; both sides know it. */
export const WINDOW_BYTES = 1024 * 1024;
/** The largest file that is read, and more than any other payload. */
const MAX_PAYLOAD_BYTES = 1024 * 1024 + 1;
const HEADER_BYTES = 9;

const kindOf = new Map<number, FrameKind>();
for (const kind of Object.keys(FRAME_KINDS)) {
  if (isKind(kind)) kindOf.set(FRAME_KINDS[kind], kind);
}

function isKind(word: string): word is FrameKind {
  return word in FRAME_KINDS;
}

export function encodeFrame(
  stream: number,
  kind: FrameKind,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(stream, 4);
  frame.writeUInt8(FRAME_KINDS[kind], 8);
  payload.copy(frame, HEADER_BYTES);
  return frame;
}

/** Takes a byte stream in pieces of any size. The returned function throws on what is no frame. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = HEADER_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      wanted = HEADER_BYTES;
      if (bytes.length < wanted) break;
      const length = bytes.readUInt32BE(0);
      const kind = kindOf.get(bytes.readUInt8(8));
      if (kind === undefined || length > MAX_PAYLOAD_BYTES) throw new Error('This is no frame.');
      wanted += length;
      if (bytes.length < wanted) break;
      const payload = bytes.subarray(HEADER_BYTES, wanted);
      const stream = bytes.readUInt32BE(4);
      bytes = bytes.subarray(wanted);
      onFrame({ stream, kind, payload });
    }
    chunks = bytes.length === 0 ? [] : [bytes];
    size = bytes.length;
  };
}
