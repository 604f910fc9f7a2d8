/** Does one image job: decodes, makes smaller, encodes. Runs in the image worker only. */
import jpeg from 'jpeg-js';
import { createBoxScaler } from './box-scaler.ts';
import { firstGifFrame, firstWebpFrame } from './image-frames.ts';
import {
  type DrawnImage,
  type ImageAssets,
  type ImageJob,
  type RasterJob,
  type SvgJob,
  fitWithin,
} from './image-job.ts';
import { decodePng } from './png-decode.ts';
import { type Pixels, encodePng } from './png-encode.ts';
import { type Drawing, type SvgDrawer, loadSvgDrawer } from './resvg.ts';
import { type WebpDecoder, loadWebpDecoder } from './webp-decode.ts';

const JPEG_QUALITIES = [85, 70, 50];
const SMALLEST_PX = 64;

export type DrawImage = (job: ImageJob) => Promise<DrawnImage>;

/** @returns a function that throws when the picture cannot be drawn */
export function createDrawImage(assets: ImageAssets): DrawImage {
  let svgDrawer: Promise<SvgDrawer> | undefined;
  let webpDecoder: Promise<WebpDecoder> | undefined;
  const svg = (): Promise<SvgDrawer> =>
    (svgDrawer ??= loadSvgDrawer(assets.resvgWasm, assets.font));
  const webp = (): Promise<WebpDecoder> => (webpDecoder ??= loadWebpDecoder(assets.webpWasm));

  async function drawSvg(job: SvgJob): Promise<DrawnImage> {
    const drawing = (await svg()).draw(job.svg, { longEdgePx: job.longEdgePx, fonts: true });
    return encode(scaled(drawing, drawing), job, false);
  }

  async function drawRaster(job: RasterJob): Promise<DrawnImage> {
    const { info } = job;
    const file = Buffer.from(job.data, 'base64');
    const target = fitWithin(info, job.maxPx);
    if (info.format === 'png' && !info.interlaced) {
      const scaler = createBoxScaler(info, target);
      await decodePng(file, (row) => scaler.pushRow(row));
      return encode(scaler.finish(), job, false);
    }
    if (info.format === 'webp') {
      const frame = firstWebpFrame(file)?.bytes ?? file;
      const pixels = await (await webp())(frame);
      return encode(scaledPixels(pixels, fitWithin(pixels, job.maxPx)), job, false);
    }
    const frame = info.format === 'gif' ? firstGifFrame(file)?.bytes : file;
    if (frame === undefined) throw new Error('the first frame is not complete');
    const { drawing, upright } = drawByResvg(await svg(), frame, job);
    return encode(scaled(drawing, upright), job, info.format === 'jpeg');
  }

  return (job) => (job.kind === 'svg' ? drawSvg(job) : drawRaster(job));
}

/**
 * Lets the SVG renderer decode. It samples few pixels when it makes a picture much smaller, so it draws at a whole
 * multiple of the target, between half and full size, and the rest is averaged.
 */
function drawByResvg(
  svg: SvgDrawer,
  file: Buffer,
  { info, maxPx }: RasterJob,
): { drawing: Drawing; upright: { width: number; height: number } } {
  const turned = info.orientation >= 5;
  const size = turned ? { width: info.height, height: info.width } : info;
  const upright = fitWithin(size, maxPx);
  const multiple = Math.max(
    1,
    Math.floor(Math.max(size.width, size.height) / Math.max(upright.width, upright.height)),
  );
  const width = Math.min(size.width, upright.width * multiple);
  const height = Math.min(size.height, upright.height * multiple);
  const [w, h] = turned ? [height, width] : [width, height];
  const document = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">`,
    `<image width="${w}" height="${h}" preserveAspectRatio="none"`,
    ` transform="${orientationTransform(info.orientation, width, height)}"`,
    ` href="data:image/${info.format};base64,${file.toString('base64')}"/></svg>`,
  ].join('');
  const drawing = svg.draw(document, { fonts: false });
  // A file that cannot be decoded leaves the frame empty.
  if (!drawing.premultiplied.some((value) => value !== 0)) {
    throw new Error(`the ${info.format} data cannot be decoded`);
  }
  return { drawing, upright };
}

/** EXIF 2.32, tag 274: how the stored picture is to be turned and mirrored. Sizes are those of the result. */
function orientationTransform(orientation: number, width: number, height: number): string {
  const matrices: Readonly<Record<number, readonly number[]>> = {
    2: [-1, 0, 0, 1, width, 0],
    3: [-1, 0, 0, -1, width, height],
    4: [1, 0, 0, -1, 0, height],
    5: [0, 1, 1, 0, 0, 0],
    6: [0, 1, -1, 0, width, 0],
    7: [0, -1, -1, 0, width, height],
    8: [0, -1, 1, 0, 0, height],
  };
  return `matrix(${(matrices[orientation] ?? [1, 0, 0, 1, 0, 0]).join(' ')})`;
}

function scaled(drawing: Drawing, target: { width: number; height: number }): Pixels {
  return average(drawing, drawing.premultiplied, target, true);
}

function scaledPixels(pixels: Pixels, target: { width: number; height: number }): Pixels {
  const isSame = pixels.width === target.width && pixels.height === target.height;
  return isSame ? pixels : average(pixels, pixels.rgba, target, false);
}

function average(
  source: { readonly width: number; readonly height: number },
  rgba: Uint8Array,
  target: { readonly width: number; readonly height: number },
  premultiplied: boolean,
): Pixels {
  const scaler = createBoxScaler(source, target, { premultiplied });
  const rowBytes = source.width * 4;
  for (let y = 0; y < source.height; y += 1) {
    scaler.pushRow(rgba.subarray(y * rowBytes, (y + 1) * rowBytes));
  }
  return scaler.finish();
}

/** Lossless first, then JPEG of falling quality, then smaller, until it fits. */
function encode(
  pixels: Pixels,
  limits: { readonly maxPngBytes: number; readonly maxBytes: number },
  preferJpeg: boolean,
): DrawnImage {
  if (!preferJpeg) {
    const png = encodePng(pixels);
    if (png.length <= Math.min(limits.maxPngBytes, limits.maxBytes))
      return drawn(png, 'png', pixels);
  }
  for (let current = pixels; ;) {
    const opaque = { ...current, data: onWhite(current.rgba) };
    for (const quality of JPEG_QUALITIES) {
      const { data } = jpeg.encode(opaque, quality);
      if (data.length <= limits.maxBytes) return drawn(data, 'jpeg', current);
    }
    const long = Math.max(current.width, current.height);
    if (long <= SMALLEST_PX) throw new Error('the picture does not fit the limit');
    current = scaledPixels(current, fitWithin(current, Math.trunc(long * 0.7)));
  }
}

function onWhite(rgba: Uint8Array): Uint8Array {
  const opaque = new Uint8Array(rgba.length);
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3] ?? 255;
    for (let c = 0; c < 3; c += 1) {
      opaque[i + c] = ((rgba[i + c] ?? 0) * alpha) / 255 + 255 - alpha;
    }
    opaque[i + 3] = 255;
  }
  return opaque;
}

function drawn(file: Buffer, format: 'png' | 'jpeg', size: Pixels): DrawnImage {
  const { width, height } = size;
  return { data: file.toString('base64'), format, width, height, bytes: file.length };
}
