/** Frames survive any way of being cut into pieces (S25). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFrameReader, encodeFrame, FRAME_KINDS, type Frame } from './relay-frames.ts';

const frame = fc.record({
  stream: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  kind: fc.constantFrom(...Object.keys(FRAME_KINDS).filter((kind) => kind in FRAME_KINDS)),
  payload: fc.uint8Array({ maxLength: 40 }),
});

function readAll(pieces: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const read = createFrameReader((one) =>
    frames.push({ ...one, payload: Buffer.from(one.payload) }),
  );
  for (const piece of pieces) read(piece);
  return frames;
}

const isKind = (kind: string): kind is keyof typeof FRAME_KINDS => kind in FRAME_KINDS;

const encodeAll = (
  frames: readonly { stream: number; kind: string; payload: Uint8Array }[],
): Buffer =>
  Buffer.concat(
    frames.map(({ stream, kind, payload }) =>
      isKind(kind) ? encodeFrame(stream, kind, Buffer.from(payload)) : Buffer.alloc(0),
    ),
  );

describe('frames', () => {
  test('S25: are the same when they are split at any byte', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), (frames) => {
        const bytes = encodeAll(frames);
        const expected = frames.map((one) => ({ ...one, payload: Buffer.from(one.payload) }));
        for (let at = 0; at <= bytes.length; at += 1) {
          expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
        }
        expect(readAll([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('S25: are the same when they come in pieces of any sizes', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (frames, sizes) => {
          const bytes = encodeAll(frames);
          const pieces: Buffer[] = [];
          for (let at = 0; at < bytes.length;) {
            const size = sizes.next().value ?? 1;
            pieces.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(readAll(pieces)).toEqual(
            frames.map((one) => ({ ...one, payload: Buffer.from(one.payload) })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a length or a kind that cannot be is refused at once', () => {
    const read = createFrameReader(() => undefined);
    expect(() => read(Buffer.from('HTTP/1.1 200 OK'))).toThrow('no frame');
    const kind = createFrameReader(() => undefined);
    expect(() => kind(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 99]))).toThrow('no frame');
  });
});
