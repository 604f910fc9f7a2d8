/** Makes a picture smaller by averaging areas, one row at a time. */
import type { Pixels } from './png-encode.ts';

interface Share {
  readonly first: number;
  readonly last: number;
  readonly firstWeight: number;
  readonly lastWeight: number;
}

/** Which source cells a target cell covers, and how much of the first and the last one. */
function share(index: number, ratio: number, count: number): Share {
  const start = index * ratio;
  const end = Math.min(count, start + ratio);
  const first = Math.min(count - 1, Math.floor(start));
  const last = Math.max(first, Math.ceil(end - 1e-9) - 1);
  return {
    first,
    last,
    firstWeight: first === last ? end - start : first + 1 - start,
    lastWeight: end - last,
  };
}

export interface BoxScaler {
  /** Rows of the source in order, RGBA with 8 bits each. */
  pushRow(rgba: Uint8Array): void;
  /** After the last row. */
  finish(): Pixels;
}

/**
 * Colours are weighted with their opacity, so that a transparent border does not bleed.
 * The target must not be larger than the source in either direction.
 */
export function createBoxScaler(
  source: { readonly width: number; readonly height: number },
  target: { readonly width: number; readonly height: number },
  options: { readonly premultiplied?: boolean } = {},
): BoxScaler {
  const { width, height } = target;
  const columns = Array.from({ length: width }, (_, x) =>
    share(x, source.width / width, source.width),
  );
  const rgba = new Uint8Array(width * height * 4);
  const area = (source.width / width) * (source.height / height);
  const line = new Float32Array(width * 4);
  const sum = new Float32Array(width * 4);
  const premultiplied = options.premultiplied === true;
  let y = 0;
  let current = 0;
  let rows = share(0, source.height / height, source.height);

  function emit(): void {
    for (let x = 0, at = current * width * 4; x < width; x += 1, at += 4) {
      const alpha = sum[x * 4 + 3] ?? 0;
      for (let c = 0; c < 3; c += 1) {
        rgba[at + c] = alpha === 0 ? 0 : Math.min(255, ((sum[x * 4 + c] ?? 0) * 255) / alpha + 0.5);
      }
      rgba[at + 3] = Math.min(255, alpha / area + 0.5);
    }
    sum.fill(0);
    current += 1;
    if (current < height) rows = share(current, source.height / height, source.height);
  }

  return {
    pushRow(row) {
      shrinkRow(row, columns, line, premultiplied);
      // A row on the edge of two targets counts for both.
      while (current < height && y >= rows.first) {
        const weight = y === rows.first ? rows.firstWeight : y === rows.last ? rows.lastWeight : 1;
        for (let i = 0; i < line.length; i += 1) sum[i] = (sum[i] ?? 0) + (line[i] ?? 0) * weight;
        if (y < rows.last) break;
        emit();
      }
      y += 1;
    },
    finish: () => ({ width, height, rgba }),
  };
}

/** Sums one row into premultiplied target columns, with colours in 0..255 and alpha in 0..255. */
function shrinkRow(
  row: Uint8Array,
  columns: readonly Share[],
  line: Float32Array,
  premultiplied: boolean,
): void {
  let to = 0;
  for (const column of columns) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let alpha = 0;
    for (let x = column.first; x <= column.last; x += 1) {
      const weight =
        x === column.first ? column.firstWeight : x === column.last ? column.lastWeight : 1;
      const opacity = (row[x * 4 + 3] ?? 0) * weight;
      const factor = premultiplied ? weight : opacity / 255;
      red += (row[x * 4] ?? 0) * factor;
      green += (row[x * 4 + 1] ?? 0) * factor;
      blue += (row[x * 4 + 2] ?? 0) * factor;
      alpha += opacity;
    }
    line[to] = red;
    line[to + 1] = green;
    line[to + 2] = blue;
    line[to + 3] = alpha;
    to += 4;
  }
}
