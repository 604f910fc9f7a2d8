import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { locateImageWorker } from '#main/image-assets.ts';
import { systemClock } from '#platform/clock.ts';
import { sampleImage } from '../../../test/rigs/sample-images.ts';
import { type ImageSource, describeImage, nameImage } from './image-source.ts';
import { createImageRenderer } from './images.ts';
import { type PreparedImage, imageTokens, prepareImage } from './prepare-image.ts';
import { describeSvg, readSvgSize } from './svg.ts';

// The first call makes the pictures.
beforeAll(() => void sampleImage('rgb.png'), 240_000);
vi.setConfig({ testTimeout: 60_000 });
const renderer = createImageRenderer({ ...locateImageWorker(), clock: systemClock });
afterAll(() => renderer.close());

const raster = (file: Buffer, mime = 'image/png'): ImageSource => ({
  kind: 'raster',
  mime,
  data: file.toString('base64'),
});
const prepare = (source: ImageSource, maxPx = 1568): Promise<PreparedImage> =>
  prepareImage(describeImage(source), maxPx, renderer, undefined);

describe('O10, X52: a small picture is shown byte for byte, under its own type', () => {
  it.each([
    ['rgb.png', 'image/png'],
    ['rgb-16.png', 'image/png'],
    ['rgb.jpg', 'image/jpeg'],
    ['exif-6.jpg', 'image/jpeg'],
    ['lossy.webp', 'image/webp'],
    ['still.gif', 'image/gif'],
    ['one.png', 'image/png'],
  ])('%s', async (name, mimeType) => {
    const file = sampleImage(name);
    const wrongType = raster(file, 'image/png');
    expect(await prepare(wrongType)).toMatchObject({
      shown: true,
      block: { mimeType, data: file.toString('base64') },
    });
  });
  it('also when the base64 has line ends or a data URL around it', async () => {
    const file = sampleImage('rgb.png');
    const lines = file.toString('base64').replaceAll(/.{76}/g, '$&\n');
    for (const data of [`${lines}\n`, `data:image/png;base64,${lines}`]) {
      // oxlint-disable-next-line no-await-in-loop
      const shown = await prepare({ kind: 'raster', mime: 'image/png', data });
      expect(shown).toMatchObject({ shown: true, block: { data: file.toString('base64') } });
    }
  });
});

describe('O10, X53: a large one is made smaller', () => {
  it.each([
    ['big.png', 'png 8000x6000, shown 1568x1176', 'image/png'],
    ['wide.jpg', 'jpeg 2400x1600, shown 1568x1045', 'image/jpeg'],
    ['noise.png', 'png 600x600, shown jpeg', 'image/jpeg'],
    ['line.png', 'png 5000x1, shown 1568x1', 'image/png'],
  ])('%s', async (name, label, mimeType) => {
    const shown = await prepare(raster(sampleImage(name)));
    expect(shown).toMatchObject({ shown: true, name: label, block: { mimeType } });
    expect(shown.shown && shown.bytes <= 1_500_000).toBe(true);
  });
  it.each([
    ['animated.gif', 'gif 300x200, first frame', 'image/gif'],
    ['animated.webp', 'webp 300x200, first frame', 'image/webp'],
  ])('of %s the first frame stays, in its own type', async (name, label, mimeType) => {
    expect(await prepare(raster(sampleImage(name)))).toMatchObject({
      shown: true,
      name: label,
      block: { mimeType },
    });
  });
});

describe('O10: what cannot be shown is named', () => {
  it.each([
    ['bomb.png', 'png 60000x60000', 'over 100 megapixels'],
    ['cmyk.jpg', 'jpeg 600x400', 'CMYK colours cannot be shown'],
    ['corrupt.png', 'png 600x400', 'damaged'],
    ['truncated.png', 'png 600x400', 'damaged'],
    ['truncated.jpg', 'jpeg 600x400', 'damaged'],
    ['picture.tiff', 'tiff 703 KiB', 'damaged, or of a type that cannot be shown'],
    ['picture.bmp', 'bmp 703 KiB', 'damaged, or of a type that cannot be shown'],
  ])('%s', async (name, label, reason) => {
    expect(await prepare(raster(sampleImage(name)))).toEqual({ shown: false, name: label, reason });
  });
  it('something that is no picture at all', async () => {
    const source = { kind: 'raster', mime: 'image/png', data: 'bm90IGEgcGljdHVyZQ==' } as const;
    expect(await prepare(source)).toEqual({
      shown: false,
      name: 'image/png 13 B',
      reason: 'damaged, or of a type that cannot be shown',
    });
  });
  it('a large damaged one, which only decoding shows', async () => {
    const file = Buffer.from(sampleImage('wide.png'));
    file.fill(0, 1000, 1100);
    expect(await prepare(raster(file))).toMatchObject({
      shown: false,
      reason: 'cannot be drawn: a PNG check sum is wrong',
    });
  });
  it('without a renderer only what is small is shown', async () => {
    const big = describeImage(raster(sampleImage('wide.png')));
    expect(await prepareImage(big, 1568, undefined, undefined)).toMatchObject({ shown: false });
    const small = describeImage(raster(sampleImage('rgb.png')));
    expect(await prepareImage(small, 1568, undefined, undefined)).toMatchObject({ shown: true });
  });
  it('cancelling is not taken for a damaged picture', async () => {
    const big = describeImage(raster(sampleImage('wide.png')));
    await expect(prepareImage(big, 100, renderer, AbortSignal.abort())).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});

describe('SVG', () => {
  const svg =
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="100%" viewBox="0 0 300 150"><title>Chart</title><g><text>x axis</text><text>y axis</text></g></svg>';
  it('O7: is shown as a PNG of 1,000 px', async () => {
    const shown = await prepare({ kind: 'svg', text: svg });
    expect(shown).toMatchObject({
      shown: true,
      name: 'svg 300x150, shown 1000x500 png',
      width: 1000,
      block: { mimeType: 'image/png' },
    });
  });
  it('O7: that cannot be drawn is told by its size, elements and text', async () => {
    const shown = await prepare({ kind: 'svg', text: svg.replace('</g>', '') });
    expect(shown.shown ? '' : shown.reason).toMatch(
      /^not drawn: .*; 16\d B, 5 elements, text: Chart x axis y axis$/,
    );
  });
  it.each([
    ['<svg width="10" height="20.5px">', { width: 10, height: 20.5 }],
    ["<svg:svg height='8pt' width='6pt'>", { width: 6, height: 8 }],
    ['<svg viewBox="0,0,30,40" width="100%">', { width: 30, height: 40 }],
    ['<svg>', undefined],
    ['none', undefined],
  ])('size of %s', (text, size) => {
    expect(readSvgSize(text)).toEqual(size);
  });
  it('without text says so', () => {
    expect(describeSvg('<svg><path d="M0 0"/></svg>')).toBe('2 elements, no text');
  });
  it('without a size is named by its type', () => {
    expect(nameImage(describeImage({ kind: 'svg', text: '<svg/>' }))).toBe('svg');
  });
});

it('O10: a token is about 750 pixels', () => {
  expect(imageTokens({ width: 1500, height: 1000 })).toBe(2000);
});
