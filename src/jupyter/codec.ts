/** Turns websocket frames into kernel messages and back, in all three framings (C6). */
import { decodeLegacyBinary, decodeLegacyText, encodeLegacy } from './codec-legacy.ts';
import { createV1Decoder, encodeV1 } from './codec-v1.ts';
import type { KernelMessage } from './contract.ts';

export const V1_SUBPROTOCOL = 'v1.kernel.websocket.jupyter.org';

/** What was negotiated in the handshake. It decides how we send; the other side may send any framing at any time. */
export type Framing = 'v1' | 'legacy';

/** @throws GloveboxError `kernel/protocol`, and nothing else, whatever the bytes are. */
export type Decoder = (frame: Buffer, isBinary: boolean) => KernelMessage;

/** One decoder per socket: it remembers the last parent, which is the same for all messages of a run. */
export function createDecoder(negotiated: Framing): Decoder {
  const decodeV1 = createV1Decoder();
  return (frame, isBinary) => {
    if (!isBinary) return decodeLegacyText(frame);
    return binaryFraming(frame, negotiated) === 'v1' ? decodeV1(frame) : decodeLegacyBinary(frame);
  };
}

export function encodeMessage(message: KernelMessage, framing: Framing): string | Buffer {
  return framing === 'v1' ? encodeV1(message) : encodeLegacy(message);
}

/**
 * Both binary framings begin with a count and then the offset of the first part, which is the size of that table. The two
 * readings cannot both be true: a count that is small in one byte order is at least 2^24 in the other.
 */
function binaryFraming(frame: Buffer, negotiated: Framing): Framing {
  if (frame.length >= 8) {
    const parts = frame.readUInt32BE(0);
    if (frame.readUInt32BE(4) === 4 * (parts + 1)) return 'legacy';
  }
  if (frame.length >= 16) {
    const offsets = frame.readUInt32LE(0);
    if (frame.readUInt32LE(4) === 0 && frame.readUInt32LE(8) === 8 * (offsets + 1)) return 'v1';
  }
  return negotiated;
}
