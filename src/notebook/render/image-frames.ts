/** Cuts the first frame out of an animated GIF or WebP, byte for byte, without decoding it. */

export interface FirstFrame {
  readonly bytes: Buffer;
  /** False when the picture had only this frame; then `bytes` is the picture as it was. */
  readonly animated: boolean;
}

/** @returns undefined when the first frame is not complete */
export function firstGifFrame(bytes: Buffer): FirstFrame | undefined {
  const hasTable = (bytes.readUInt8(10) & 0x80) !== 0;
  let at = 13 + (hasTable ? 3 * (2 << (bytes.readUInt8(10) & 7)) : 0);
  let frameEnd: number | undefined;
  try {
    for (;;) {
      const block = bytes.readUInt8(at);
      if (block === 0x3b) return frameEnd === undefined ? undefined : { bytes, animated: false };
      if (block === 0x2c) {
        if (frameEnd !== undefined) return endGifAt(bytes, frameEnd);
        const flags = bytes.readUInt8(at + 9);
        at += 10 + ((flags & 0x80) === 0 ? 0 : 3 * (2 << (flags & 7))) + 1;
        at = afterSubBlocks(bytes, at);
        frameEnd = at;
      } else if (block === 0x21) {
        at = afterSubBlocks(bytes, at + 2);
      } else {
        return undefined;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return frameEnd === undefined ? undefined : endGifAt(bytes, frameEnd);
  }
}

function endGifAt(bytes: Buffer, end: number): FirstFrame {
  return { bytes: Buffer.concat([bytes.subarray(0, end), Buffer.of(0x3b)]), animated: true };
}

function afterSubBlocks(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = bytes.readUInt8(at);
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** @returns undefined when there is no first frame; the frame may be smaller than the canvas */
export function firstWebpFrame(bytes: Buffer): FirstFrame | undefined {
  try {
    let at = 12;
    while (at < bytes.length) {
      const type = bytes.toString('latin1', at, at + 4);
      const length = bytes.readUInt32LE(at + 4);
      if (type === 'ANMF') return webpOfFrame(bytes.subarray(at + 8, at + 8 + length));
      at += 8 + length + (length & 1);
    }
    return { bytes, animated: false };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** An ANMF chunk: position, size and timing in 16 bytes, then the chunks of a still picture. */
function webpOfFrame(frame: Buffer): FirstFrame | undefined {
  if (frame.length < 24) return undefined;
  const chunks = frame.subarray(16);
  const parts: Buffer[] = [];
  if (chunks.toString('latin1', 0, 4) === 'ALPH') {
    const extended = Buffer.alloc(18);
    extended.write('VP8X', 'latin1');
    extended.writeUInt32LE(10, 4);
    extended.writeUInt8(0x10, 8);
    frame.copy(extended, 12, 6, 12);
    parts.push(extended);
  }
  parts.push(chunks);
  const head = Buffer.alloc(12);
  head.write('RIFF', 'latin1');
  head.writeUInt32LE(4 + parts.reduce((sum, part) => sum + part.length, 0), 4);
  head.write('WEBP', 8, 'latin1');
  return { bytes: Buffer.concat([head, ...parts]), animated: true };
}
