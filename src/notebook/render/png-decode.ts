/** Decodes a PNG row by row, so that a picture of 100 megapixels needs memory for a few rows only. */
import { Readable } from 'node:stream';
import { createInflate, crc32 } from 'node:zlib';

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
}
interface PngChunks {
  readonly header: PngHeader;
  readonly data: readonly Buffer[];
  readonly palette: Buffer;
  readonly transparency: Buffer | undefined;
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Calls back with each row as RGBA, 8 bits each, not premultiplied. The buffer is used again for the next row.
 *
 * @throws Error when the file is interlaced, damaged or ends early
 */
export async function decodePng(file: Buffer, onRow: (rgba: Uint8Array) => void): Promise<void> {
  const { header, data, palette, transparency } = readChunks(file);
  const channels = CHANNELS[header.colour] ?? 0;
  const bitsPerPixel = channels * header.depth;
  const rowBytes = Math.ceil((header.width * bitsPerPixel) / 8);
  const step = Math.max(1, bitsPerPixel >> 3);
  const toRgba = rowConverter(header, channels, palette, transparency);
  let current = Buffer.alloc(rowBytes + 1);
  let previous = Buffer.alloc(rowBytes + 1);
  let filled = 0;
  let rows = 0;
  const inflated = Readable.from(data).pipe(createInflate({ chunkSize: 1 << 18 }));
  for await (const chunk of inflated) {
    if (!Buffer.isBuffer(chunk)) continue;
    let from = 0;
    while (from < chunk.length && rows < header.height) {
      const taken = chunk.copy(current, filled, from, from + rowBytes + 1 - filled);
      filled += taken;
      from += taken;
      if (filled <= rowBytes) break;
      unfilter(current, previous, step);
      onRow(toRgba(current));
      [current, previous] = [previous, current];
      filled = 0;
      rows += 1;
    }
    if (rows === header.height) break;
  }
  if (rows < header.height) throw new Error('the PNG data ends early');
}

function readChunks(file: Buffer): PngChunks {
  let header: PngHeader | undefined;
  let palette: Buffer = Buffer.alloc(0);
  let transparency: Buffer | undefined;
  const data: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const body = file.subarray(at + 8, at + 8 + length);
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) {
      throw new Error('a PNG check sum is wrong');
    }
    if (type === 'IHDR') header = readHeader(body);
    else if (type === 'PLTE') palette = body;
    else if (type === 'tRNS') transparency = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === undefined) throw new Error('the PNG has no header');
  return { header, data, palette, transparency };
}

function readHeader(body: Buffer): PngHeader {
  const depth = body.readUInt8(8);
  const colour = body.readUInt8(9);
  if (CHANNELS[colour] === undefined || ![1, 2, 4, 8, 16].includes(depth)) {
    throw new Error('the PNG has an unknown kind of pixel');
  }
  if (body.readUInt8(12) !== 0) throw new Error('the PNG is interlaced');
  return { width: body.readUInt32BE(0), height: body.readUInt32BE(4), depth, colour };
}

/** Undoes the prediction of one row in place; byte 0 is the kind of prediction. */
function unfilter(row: Uint8Array, above: Uint8Array, step: number): void {
  const length = row.length;
  switch (row[0] ?? 0) {
    case 0:
      return;
    case 1:
      for (let i = step + 1; i < length; i += 1) row[i] = (row[i] ?? 0) + (row[i - step] ?? 0);
      return;
    case 2:
      for (let i = 1; i < length; i += 1) row[i] = (row[i] ?? 0) + (above[i] ?? 0);
      return;
    case 3:
      for (let i = 1; i < length; i += 1) {
        const left = i > step ? (row[i - step] ?? 0) : 0;
        row[i] = (row[i] ?? 0) + ((left + (above[i] ?? 0)) >> 1);
      }
      return;
    case 4:
      for (let i = 1; i < length; i += 1) {
        const left = i > step ? (row[i - step] ?? 0) : 0;
        const corner = i > step ? (above[i - step] ?? 0) : 0;
        row[i] = (row[i] ?? 0) + paeth(left, above[i] ?? 0, corner);
      }
      return;
    default:
      throw new Error('the PNG has an unknown filter');
  }
}

/** The neighbour nearest to left + above - corner. */
export function paeth(left: number, above: number, corner: number): number {
  const estimate = left + above - corner;
  const toLeft = Math.abs(estimate - left);
  const toAbove = Math.abs(estimate - above);
  const toCorner = Math.abs(estimate - corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function rowConverter(
  header: PngHeader,
  channels: number,
  palette: Buffer,
  transparency: Buffer | undefined,
): (row: Buffer) => Uint8Array {
  const { width, depth, colour } = header;
  const rgba = new Uint8Array(width * 4);
  const most = 2 ** depth - 1;
  // One sample as stored; row[0] is the filter byte.
  const sample = (row: Buffer, index: number): number => {
    if (depth === 8) return row[index + 1] ?? 0;
    if (depth === 16) return ((row[index * 2 + 1] ?? 0) << 8) | (row[index * 2 + 2] ?? 0);
    const bit = index * depth;
    return ((row[(bit >> 3) + 1] ?? 0) >> (8 - depth - (bit & 7))) & most;
  };
  const to8 = (value: number): number =>
    depth === 16 ? value >> 8 : depth === 8 ? value : Math.round((value * 255) / most);
  const clear = (at: number): number => {
    const has = transparency !== undefined && transparency.length >= at * 2 + 2;
    return has ? transparency.readUInt16BE(at * 2) : -1;
  };
  const [clear0, clear1, clear2] = [clear(0), clear(1), clear(2)];
  return (row) => {
    for (let x = 0, to = 0; x < width; x += 1, to += 4) {
      const first = sample(row, x * channels);
      if (colour === 3) {
        rgba[to] = palette[first * 3] ?? 0;
        rgba[to + 1] = palette[first * 3 + 1] ?? 0;
        rgba[to + 2] = palette[first * 3 + 2] ?? 0;
        rgba[to + 3] = transparency?.[first] ?? 255;
      } else if (channels <= 2) {
        rgba[to] = rgba[to + 1] = rgba[to + 2] = to8(first);
        rgba[to + 3] = channels === 2 ? to8(sample(row, x * 2 + 1)) : first === clear0 ? 0 : 255;
      } else {
        const second = sample(row, x * channels + 1);
        const third = sample(row, x * channels + 2);
        const isClear = first === clear0 && second === clear1 && third === clear2;
        rgba[to] = to8(first);
        rgba[to + 1] = to8(second);
        rgba[to + 2] = to8(third);
        rgba[to + 3] = channels === 4 ? to8(sample(row, x * 4 + 3)) : isClear ? 0 : 255;
      }
    }
    return rgba;
  };
}
