import { beforeAll, describe, expect, it, vi } from 'vitest';
import { locateImageWorker } from '#main/image-assets.ts';
import { sampleImage } from '../../../test/rigs/sample-images.ts';
import { createDrawImage } from './draw-image.ts';
import { type DrawnImage, fitWithin } from './image-job.ts';
import { readRasterInfo } from './image-type.ts';
import { decodePng } from './png-decode.ts';
import { type Pixels, encodePng } from './png-encode.ts';
import { createBoxScaler } from './box-scaler.ts';

// The first call makes the pictures.
beforeAll(() => void sampleImage('rgb.png'), 240_000);
// 48 megapixels take a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });
const draw = createDrawImage(locateImageWorker().assets);
const limits = { maxPngBytes: 1_000_000, maxBytes: 1_500_000 };

async function drawSample(
  name: string,
  maxPx: number,
  changed: Partial<typeof limits> = {},
): Promise<DrawnImage> {
  const file = sampleImage(name);
  const info = readRasterInfo(file);
  if (info === undefined) throw new Error(`${name} is no picture`);
  return draw({
    kind: 'raster',
    data: file.toString('base64'),
    info,
    maxPx,
    ...limits,
    ...changed,
  });
}

/** Decodes through the one decoder that takes every format. */
async function pixelsOf({ data, format, width, height }: DrawnImage): Promise<Pixels> {
  let png = Buffer.from(data, 'base64');
  if (format === 'jpeg') {
    const info = readRasterInfo(png);
    if (info === undefined) throw new Error('no JPEG');
    const { data: again } = await draw({
      kind: 'svg',
      svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><image width="${width}" height="${height}" href="data:image/jpeg;base64,${data}"/></svg>`,
      longEdgePx: Math.max(width, height),
      ...limits,
    });
    png = Buffer.from(again, 'base64');
  }
  return decode(png, width, height);
}

async function decode(png: Buffer, width: number, height: number): Promise<Pixels> {
  const rows: Uint8Array[] = [];
  await decodePng(png, (row) => rows.push(Uint8Array.from(row)));
  return { width, height, rgba: Uint8Array.from(Buffer.concat(rows)) };
}

/** Red, green, blue, alpha at a place given in parts of the size. */
function at({ width, height, rgba }: Pixels, x: number, y: number): number[] {
  const index = (Math.floor(y * height) * width + Math.floor(x * width)) * 4;
  return [...rgba.subarray(index, index + 4)];
}

function near(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  const distance = Math.max(
    ...expected.map((value, i) => Math.abs(value - (actual[i] ?? Infinity))),
  );
  expect(distance, `${actual.join()} should be ${expected.join()}`).toBeLessThanOrEqual(tolerance);
}

describe('O10: every kind of picture is scaled with its colours', () => {
  // Red grows to the right, green to the bottom, the top left quarter is blue.
  it.each([
    ['rgb.png', 'png', 3],
    ['rgb-16.png', 'png', 3],
    ['interlaced.png', 'png', 3],
    ['indexed.png', 'png', 40],
    ['rgb.jpg', 'jpeg', 12],
    ['progressive.jpg', 'jpeg', 12],
    ['exif-1.jpg', 'jpeg', 12],
    ['lossy.webp', 'png', 12],
    ['lossless.webp', 'png', 3],
    ['still.gif', 'png', 40],
  ] as const)('%s', async (name, format, tolerance) => {
    const image = await drawSample(name, 150);
    expect(image).toMatchObject({ format, width: 150, height: 100 });
    const pixels = await pixelsOf(image);
    near(at(pixels, 0.1, 0.1), [26, 26, 255, 255], tolerance);
    near(at(pixels, 0.9, 0.1), [230, 26, 0, 255], tolerance);
    near(at(pixels, 0.1, 0.9), [26, 230, 0, 255], tolerance);
    near(at(pixels, 0.9, 0.9), [230, 230, 0, 255], tolerance);
  });
  it.each([
    ['grey.png', 2],
    ['grey-16.png', 2],
    ['grey-alpha.png', 2],
    ['grey.jpg', 12],
  ] as const)('%s stays grey', async (name, tolerance) => {
    const pixels = await pixelsOf(await drawSample(name, 150));
    const [red = 0, ...rest] = at(pixels, 0.9, 0.9);
    near(rest, [red, red, 255], tolerance);
    expect(red).toBeGreaterThan(180);
  });
  it('bits.png becomes grey, not black and white', async () => {
    const pixels = await pixelsOf(await drawSample('bits.png', 60));
    expect(new Set(pixels.rgba).size).toBeGreaterThan(8);
  });
  it.each(['rgba.png', 'alpha.webp'])(
    '%s keeps its transparency, and its colours where it is faint',
    async (name) => {
      const pixels = await pixelsOf(await drawSample(name, 150));
      near(at(pixels, 0.5, 0.9), [128, 230, 0, 128], 3);
      near(at(pixels, 0.05, 0.9), [13, 230, 0, 13], 12);
    },
  );
  it('indexed-clear.png keeps the clear colour clear', async () => {
    const { rgba } = await pixelsOf(await drawSample('indexed-clear.png', 150));
    expect(rgba.filter((value, i) => i % 4 === 3 && value === 0).length).toBeGreaterThan(100);
  });
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('exif-%i.jpg is turned upright', async (orientation) => {
    const image = await drawSample(`exif-${orientation}.jpg`, 150);
    const turned = orientation >= 5;
    expect([image.width, image.height]).toEqual(turned ? [100, 150] : [150, 100]);
    // The corner where the stored picture has its blue quarter, and the one next to it with full red.
    const corners: Readonly<Record<number, readonly [number, number, number, number]>> = {
      1: [0.1, 0.1, 0.9, 0.1],
      2: [0.9, 0.1, 0.1, 0.1],
      3: [0.9, 0.9, 0.1, 0.9],
      4: [0.1, 0.9, 0.9, 0.9],
      5: [0.1, 0.1, 0.1, 0.9],
      6: [0.9, 0.1, 0.9, 0.9],
      7: [0.9, 0.9, 0.9, 0.1],
      8: [0.1, 0.9, 0.1, 0.1],
    };
    const [blueX, blueY, redX, redY] = corners[orientation] ?? [0, 0, 0, 0];
    const pixels = await pixelsOf(image);
    near(at(pixels, blueX, blueY), [26, 26, 255, 255], 16);
    near(at(pixels, redX, redY), [230, 26, 0, 255], 16);
  });
  it('animated pictures give their first frame', async () => {
    for (const name of ['animated.gif', 'animated.webp']) {
      const pixels = await pixelsOf(await drawSample(name, 150));
      expect([pixels.width, pixels.height]).toEqual([150, 100]);
      near(at(pixels, 0.9, 0.1), [230, 26, 0, 255], 40);
    }
  });
});

describe('O10: limits', () => {
  it('8000x6000 at 2,000 is 2000x1500, with its lines and areas in place', async () => {
    const image = await drawSample('big.png', 2000);
    expect(image).toMatchObject({ format: 'png', width: 2000, height: 1500 });
    const pixels = await pixelsOf(image);
    near(at(pixels, 0.25, 0.1), [200, 0, 0, 255], 0);
    near(at(pixels, 0.75, 0.9), [255, 255, 255, 255], 0);
    near(at(pixels, 0.75, 0.25), [0, 0, 255, 255], 0);
  });
  it('a line of one pixel stays one pixel high', async () => {
    expect(await drawSample('line.png', 1000)).toMatchObject({ width: 1000, height: 1 });
  });
  it('a PNG over the limit becomes a JPEG, then one of less quality, then a smaller one', async () => {
    expect(await drawSample('noise.png', 600)).toMatchObject({
      format: 'jpeg',
      width: 600,
      height: 600,
    });
    const small = await drawSample('noise.png', 600, { maxBytes: 30_000 });
    expect(small.bytes).toBeLessThanOrEqual(30_000);
    expect(small.width).toBeLessThan(600);
  });
  it.each([
    ['truncated.png', /end|range/],
    ['corrupt.png', /check sum/],
    ['truncated.jpg', /cannot be decoded/],
    ['cmyk.jpg', /cannot be decoded/],
    ['bomb.png', /ends early/],
  ])('%s is refused', async (name, reason) => {
    await expect(drawSample(name, 100)).rejects.toThrow(reason);
  });
  it.each([
    [8000, 6000, 2000, 2000, 1500],
    [1201, 800, 1568, 1201, 800],
    [3000, 2000, 1568, 1568, 1045],
    [10_000, 2, 1568, 1568, 1],
    [1, 10_000, 1568, 1, 1568],
  ])('%i x %i fits %i as %i x %i', (width, height, maxPx, toWidth, toHeight) => {
    expect(fitWithin({ width, height }, maxPx)).toEqual({ width: toWidth, height: toHeight });
  });
});

describe('SVG', () => {
  const svg = (body: string): string =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">${body}</svg>`;
  it('is drawn on white with a long edge as asked', async () => {
    const image = await draw({
      kind: 'svg',
      svg: svg('<rect width="100" height="100" fill="#00f"/>'),
      longEdgePx: 1000,
      ...limits,
    });
    expect(image).toMatchObject({ format: 'png', width: 1000, height: 500 });
    const pixels = await pixelsOf(image);
    near(at(pixels, 0.25, 0.5), [0, 0, 255, 255], 0);
    near(at(pixels, 0.75, 0.5), [255, 255, 255, 255], 0);
  });
  it('has text, in whatever font it asks for', async () => {
    for (const font of ['Arial', 'monospace', 'Times, serif']) {
      // oxlint-disable-next-line no-await-in-loop
      const image = await draw({
        kind: 'svg',
        svg: svg(`<text x="10" y="70" font-size="60" font-family="${font}">Text</text>`),
        longEdgePx: 400,
        ...limits,
      });
      // oxlint-disable-next-line no-await-in-loop
      const { rgba } = await pixelsOf(image);
      expect(rgba.filter((value) => value < 50).length).toBeGreaterThan(1000);
    }
  });
  it.each([['<svg><rect'], ['no svg'], [svg('').replace('height="100"', 'height="0"')]])(
    '%s is refused',
    async (text) => {
      await expect(draw({ kind: 'svg', svg: text, longEdgePx: 400, ...limits })).rejects.toThrow(
        Error,
      );
    },
  );
});

describe('PNG', () => {
  it('what is encoded is decoded to the same pixels, in the least number of channels', async () => {
    const sizes: number[] = [];
    for (const channels of [1, 3, 4]) {
      const rgba = Uint8Array.from({ length: 37 * 23 * 4 }, (_, i) => {
        const value = (i * i * 31) >> 5;
        if (i % 4 === 3) return channels === 4 ? value : 255;
        return channels === 1 ? (i >> 2) * 7 : value;
      });
      const png = encodePng({ width: 37, height: 23, rgba });
      sizes.push(png.readUInt8(25));
      // oxlint-disable-next-line no-await-in-loop
      expect((await decode(png, 37, 23)).rgba).toEqual(rgba);
    }
    expect(sizes).toEqual([0, 2, 6]);
  });
});

describe('averaging', () => {
  it('weighs parts of pixels, and colours with their opacity', () => {
    const scaler = createBoxScaler({ width: 3, height: 1 }, { width: 2, height: 1 });
    scaler.pushRow(Uint8Array.of(90, 0, 0, 255, 30, 0, 0, 255, 0, 255, 0, 0));
    const { rgba } = scaler.finish();
    // Left: the first and half of the second; right: half of the second and the third, which is clear.
    expect([...rgba]).toEqual([70, 0, 0, 255, 30, 0, 0, 85]);
  });
  it('changes nothing at full size', () => {
    const scaler = createBoxScaler({ width: 2, height: 2 }, { width: 2, height: 2 });
    scaler.pushRow(Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 128));
    scaler.pushRow(Uint8Array.of(7, 8, 9, 255, 250, 251, 252, 255));
    expect([...scaler.finish().rgba]).toEqual([
      1, 2, 3, 255, 4, 5, 6, 128, 7, 8, 9, 255, 250, 251, 252, 255,
    ]);
  });
});
