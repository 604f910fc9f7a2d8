/** Tells whether a picture is whole, by its structure and check sums: a broken one makes a conversation unusable. */
import { crc32 } from 'node:zlib';
import { firstGifFrame } from './image-frames.ts';
import type { RasterFormat } from './image-type.ts';

const CHECKS: Readonly<Record<RasterFormat, (bytes: Buffer) => boolean>> = {
  png: isWholePng,
  jpeg: isWholeJpeg,
  gif: (bytes) => firstGifFrame(bytes) !== undefined,
  webp: (bytes) => bytes.readUInt32LE(4) + 8 <= bytes.length,
};

/** Nothing is decoded, so a JPEG with wrong colours passes; one that ends early does not. */
export function isWhole(bytes: Buffer, format: RasterFormat): boolean {
  try {
    return CHECKS[format](bytes);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function isWholePng(bytes: Buffer): boolean {
  let data = 0;
  let at = 8;
  while (at < bytes.length) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length)) {
      return false;
    }
    if (type === 'IDAT') data += length;
    if (type === 'IEND') return data > 0;
    at += 12 + length;
  }
  return false;
}

/** Some cameras write padding after the end marker. */
function isWholeJpeg(bytes: Buffer): boolean {
  const end = bytes.lastIndexOf('\xff\xd9', undefined, 'latin1');
  const scan = bytes.indexOf('\xff\xda', 0, 'latin1');
  return scan > 0 && end > scan;
}
