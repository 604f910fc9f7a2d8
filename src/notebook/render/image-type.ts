/** Reads type, size and other traits of a picture from its first bytes, without decoding it. */

export type RasterFormat = 'png' | 'jpeg' | 'webp' | 'gif';
export interface RasterInfo {
  readonly format: RasterFormat;
  /** As stored; a JPEG that is to be turned has them before turning. */
  readonly width: number;
  readonly height: number;
  readonly animated: boolean;
  /** CMYK: shown by nobody the same way. */
  readonly cmyk: boolean;
  /** PNG in seven passes: cannot be read row by row. */
  readonly interlaced: boolean;
  /** EXIF orientation, 1 to 8; 1 is upright. */
  readonly orientation: number;
}

const UPRIGHT = { animated: false, cmyk: false, interlaced: false, orientation: 1 };

/** @returns undefined when these bytes are no such picture, or stop before its size */
export function readRasterInfo(bytes: Buffer): RasterInfo | undefined {
  try {
    return readPng(bytes) ?? readJpeg(bytes) ?? readGif(bytes) ?? readWebp(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Names what cannot be shown, for a placeholder. */
export function nameOfBytes(bytes: Buffer): string | undefined {
  const head = bytes.toString('latin1', 0, 16);
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'tiff';
  if (head.startsWith('BM')) return 'bmp';
  if (head.startsWith('%PDF')) return 'pdf';
  if (head.startsWith('\0\0\x01\0')) return 'ico';
  if (head.slice(4, 8) === 'ftyp') return head.slice(8, 12);
  if (head.startsWith('\x89PNG')) return 'png';
  if (head.startsWith('\xff\xd8')) return 'jpeg';
  if (head.startsWith('GIF8')) return 'gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp';
  return undefined;
}

function readPng(bytes: Buffer): RasterInfo | undefined {
  if (bytes.toString('latin1', 0, 16) !== '\x89PNG\r\n\x1a\n\0\0\0\rIHDR') return undefined;
  const size = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  return sized({ ...UPRIGHT, format: 'png', ...size, interlaced: bytes.readUInt8(28) === 1 });
}

function readGif(bytes: Buffer): RasterInfo | undefined {
  if (!/^GIF8[79]a/.test(bytes.toString('latin1', 0, 6))) return undefined;
  const size = { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  // Whether a second frame follows is known only by walking to it; gif-frame.ts does.
  return sized({ ...UPRIGHT, format: 'gif', ...size });
}

function readWebp(bytes: Buffer): RasterInfo | undefined {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF') return undefined;
  if (bytes.toString('latin1', 8, 12) !== 'WEBP') return undefined;
  const kind = bytes.toString('latin1', 12, 16);
  const isAnimated = kind === 'VP8X' && (bytes.readUInt8(20) & 2) !== 0;
  const make = (width: number, height: number): RasterInfo | undefined =>
    sized({ ...UPRIGHT, format: 'webp', width, height, animated: isAnimated });
  switch (kind) {
    case 'VP8 ':
      return make(bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff);
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return make((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
    }
    case 'VP8X':
      return make(bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1);
    default:
      return undefined;
  }
}

function readJpeg(bytes: Buffer): RasterInfo | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let orientation = 1;
  let at = 2;
  for (;;) {
    while (bytes.readUInt8(at) === 0xff && bytes.readUInt8(at + 1) === 0xff) at += 1;
    if (bytes.readUInt8(at) !== 0xff) return undefined;
    const marker = bytes.readUInt8(at + 1);
    const length = bytes.readUInt16BE(at + 2);
    if (length < 2) return undefined;
    if (marker === 0xe1) orientation = readOrientation(bytes, at + 4, length - 2) ?? orientation;
    const startsFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (startsFrame) {
      const height = bytes.readUInt16BE(at + 5);
      const width = bytes.readUInt16BE(at + 7);
      const cmyk = bytes.readUInt8(at + 9) === 4;
      return sized({ ...UPRIGHT, format: 'jpeg', width, height, cmyk, orientation });
    }
    at += 2 + length;
  }
}

/** Tag 0x0112 in the first directory of the EXIF block. */
function readOrientation(bytes: Buffer, start: number, length: number): number | undefined {
  const block = bytes.subarray(start, start + length);
  if (block.toString('latin1', 0, 6) !== 'Exif\0\0' || block.length < 20) return undefined;
  const tiff = block.subarray(6);
  const little = tiff.toString('latin1', 0, 2) === 'II';
  const u16 = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number): number => (little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
  try {
    const directory = u32(4);
    for (let entry = 0; entry < u16(directory); entry += 1) {
      const at = directory + 2 + entry * 12;
      if (u16(at) !== 0x0112) continue;
      const value = u16(at + 8);
      return value >= 1 && value <= 8 ? value : undefined;
    }
  } catch {
    // A damaged EXIF block does not damage the picture.
  }
  return undefined;
}

function sized(info: RasterInfo): RasterInfo | undefined {
  return info.width > 0 && info.height > 0 ? info : undefined;
}
