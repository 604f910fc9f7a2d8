/** Writes pixels as a PNG: grey, RGB or RGBA, whichever is the least that holds them. */
import { crc32, deflateSync } from 'node:zlib';
import { paeth } from './png-decode.ts';

/** Pixels as RGBA, 8 bits each, not premultiplied. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

export function encodePng({ width, height, rgba }: Pixels): Buffer {
  const channels = channelsNeeded(rgba);
  const rowBytes = width * channels;
  const filtered = Buffer.alloc((rowBytes + 1) * height);
  let row = new Uint8Array(rowBytes);
  let above = new Uint8Array(rowBytes);
  const candidate = new Uint8Array(rowBytes);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < channels; c += 1) {
        row[x * channels + c] = rgba[(y * width + x) * 4 + c] ?? 0;
      }
    }
    let least = Infinity;
    for (const filter of [1, 2, 4]) {
      const cost = predict(filter, row, above, channels, candidate);
      if (cost >= least) continue;
      least = cost;
      filtered[y * (rowBytes + 1)] = filter;
      filtered.set(candidate, y * (rowBytes + 1) + 1);
    }
    [row, above] = [above, row];
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(8, 8);
  header.writeUInt8(channels === 4 ? 6 : channels === 3 ? 2 : 0, 9);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(filtered, { level: 7 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** @returns 1 for grey, 3 for colour, 4 when anything is transparent */
function channelsNeeded(rgba: Uint8Array): 1 | 3 | 4 {
  let grey = true;
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgba[i + 3] !== 255) return 4;
    if (rgba[i] !== rgba[i + 1] || rgba[i] !== rgba[i + 2]) grey = false;
  }
  return grey ? 1 : 3;
}

/** Fills `out` and returns the usual guess of how badly it compresses: the sum of signed distances from zero. */
function predict(
  filter: number,
  row: Uint8Array,
  above: Uint8Array,
  step: number,
  out: Uint8Array,
): number {
  let cost = 0;
  for (let i = 0; i < row.length; i += 1) {
    const left = i >= step ? (row[i - step] ?? 0) : 0;
    const up = above[i] ?? 0;
    const guess =
      filter === 1
        ? left
        : filter === 2
          ? up
          : paeth(left, up, i >= step ? (above[i - step] ?? 0) : 0);
    const difference = ((row[i] ?? 0) - guess) & 255;
    out[i] = difference;
    cost += difference < 128 ? difference : 256 - difference;
  }
  return cost;
}

function chunk(type: string, body: Buffer): Buffer {
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, body.length + 8)), body.length + 8);
  return out;
}
