import { beforeAll, describe, expect, it } from 'vitest';
import { sampleImage } from '../../../test/rigs/sample-images.ts';
import { firstGifFrame, firstWebpFrame } from './image-frames.ts';
import { isWhole } from './image-integrity.ts';
import { nameOfBytes, readRasterInfo } from './image-type.ts';

// The first call makes the pictures.
beforeAll(() => void sampleImage('rgb.png'), 240_000);
const upright = { animated: false, cmyk: false, interlaced: false, orientation: 1 };

describe('type and size come from the bytes', () => {
  it.each([
    ['rgb.png', { format: 'png', width: 600, height: 400 }],
    ['grey-16.png', { format: 'png', width: 600, height: 400 }],
    ['interlaced.png', { format: 'png', width: 600, height: 400, interlaced: true }],
    ['one.png', { format: 'png', width: 1, height: 1 }],
    ['bomb.png', { format: 'png', width: 60_000, height: 60_000 }],
    ['rgb.jpg', { format: 'jpeg', width: 600, height: 400 }],
    ['progressive.jpg', { format: 'jpeg', width: 600, height: 400 }],
    ['cmyk.jpg', { format: 'jpeg', width: 600, height: 400, cmyk: true }],
    ['exif-6.jpg', { format: 'jpeg', width: 600, height: 400, orientation: 6 }],
    ['still.gif', { format: 'gif', width: 600, height: 400 }],
    ['lossy.webp', { format: 'webp', width: 600, height: 400 }],
    ['lossless.webp', { format: 'webp', width: 600, height: 400 }],
    ['alpha.webp', { format: 'webp', width: 600, height: 400 }],
    ['animated.webp', { format: 'webp', width: 300, height: 200, animated: true }],
  ])('%s', (name, info) => {
    const file = sampleImage(name);
    expect(readRasterInfo(file)).toEqual({ ...upright, ...info });
    expect(readRasterInfo(file.subarray(0, 700))).toEqual({ ...upright, ...info });
  });
  it.each([
    ['picture.tiff', 'tiff'],
    ['picture.bmp', 'bmp'],
  ])('%s is named', (name, type) => {
    expect(readRasterInfo(sampleImage(name))).toBeUndefined();
    expect(nameOfBytes(sampleImage(name))).toBe(type);
  });
  it('any start of a file, however short, is read without a failure', () => {
    for (const name of ['rgb.png', 'exif-6.jpg', 'still.gif', 'alpha.webp']) {
      for (let length = 0; length < 200; length += 1)
        readRasterInfo(sampleImage(name).subarray(0, length));
    }
    expect(readRasterInfo(Buffer.alloc(0))).toBeUndefined();
  });
});

describe('a broken file is known', () => {
  it.each([
    ['rgb.png', true],
    ['interlaced.png', true],
    ['truncated.png', false],
    ['corrupt.png', false],
    ['rgb.jpg', true],
    ['exif-3.jpg', true],
    ['truncated.jpg', false],
    ['still.gif', true],
    ['animated.gif', true],
    ['lossy.webp', true],
    ['animated.webp', true],
  ])('%s', (name, whole) => {
    const file = sampleImage(name);
    const info = readRasterInfo(file);
    expect(info !== undefined && isWhole(file, info.format)).toBe(whole);
  });
  it('a GIF that ends within its only frame', () => {
    expect(isWhole(sampleImage('still.gif').subarray(0, 5000), 'gif')).toBe(false);
  });
  it('a WebP that ends early', () => {
    expect(isWhole(sampleImage('lossy.webp').subarray(0, 2000), 'webp')).toBe(false);
  });
});

describe('the first frame of an animation', () => {
  it('of a GIF is a GIF with one frame', () => {
    const frame = firstGifFrame(sampleImage('animated.gif'));
    expect(frame?.animated).toBe(true);
    const again = firstGifFrame(frame?.bytes ?? Buffer.alloc(0));
    expect(again).toEqual({ bytes: frame?.bytes, animated: false });
  });
  it('of a GIF whose later frames are missing is still there', () => {
    const file = sampleImage('animated.gif');
    const size = firstGifFrame(file)?.bytes.length ?? 0;
    expect(firstGifFrame(file.subarray(0, size + 5))?.bytes.length).toBe(size);
  });
  it('of a WebP is a still WebP', () => {
    const frame = firstWebpFrame(sampleImage('animated.webp'));
    expect(frame?.animated).toBe(true);
    expect(readRasterInfo(frame?.bytes ?? Buffer.alloc(0))).toMatchObject({
      width: 300,
      animated: false,
    });
  });
  it('of a still picture is the file itself', () => {
    const file = sampleImage('lossy.webp');
    expect(firstWebpFrame(file)).toEqual({ bytes: file, animated: false });
  });
});
