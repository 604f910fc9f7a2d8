/** Makes one picture fit to be shown: as it is when it is small and whole, else drawn smaller, else described. */
import { renderBytes } from '#core/units.ts';
import type { Block } from '#notebook/contract.ts';
import { type FirstFrame, firstGifFrame, firstWebpFrame } from './image-frames.ts';
import { isWhole } from './image-integrity.ts';
import type { DrawnImage } from './image-job.ts';
import { type DescribedImage, nameImage } from './image-source.ts';
import type { RasterInfo } from './image-type.ts';
import type { ImageRenderer } from './images.ts';
import { describeSvg, readSvgSize } from './svg.ts';

/** One image over 8,000 px or 5 MB, or many over 2,000 px, make a conversation unusable for good. */
export const HARD_MAX_PX = 2000;
const SVG_EDGE_PX = 1000;
const MAX_PIXELS = 100_000_000;
const MAX_PNG_BYTES = 1_000_000;
const MAX_IMAGE_BYTES = 1_500_000;
/** Encoded pictures above this are not even sent to the worker. */
const MAX_SOURCE_BYTES = 96 * 1024 * 1024;
const MAX_SVG_CHARS = 16 * 1024 * 1024;

/** A picture to show, or why there is none. `name` is what stands in its label. */
export type PreparedImage =
  | {
      readonly shown: true;
      readonly name: string;
      readonly block: Block;
      readonly bytes: number;
      readonly width: number;
      readonly height: number;
    }
  | { readonly shown: false; readonly name: string; readonly reason: string };

/** What a model pays for a picture, about: a token is 750 pixels. */
export function imageTokens(size: { readonly width: number; readonly height: number }): number {
  return Math.ceil((size.width * size.height) / 750);
}

/** @throws GloveboxError `cancelled` */
export async function prepareImage(
  image: DescribedImage,
  maxPx: number,
  renderer: ImageRenderer | undefined,
  signal: AbortSignal | undefined,
): Promise<PreparedImage> {
  const name = nameImage(image);
  const limits = { maxPngBytes: MAX_PNG_BYTES, maxBytes: MAX_IMAGE_BYTES };
  const refuse = (reason: string): PreparedImage => ({ shown: false, name, reason });
  if (image.kind === 'unknown') return refuse('damaged, or of a type that cannot be shown');
  if (image.kind === 'svg') {
    const fallback = (reason: string): PreparedImage =>
      refuse(`${reason}; ${renderBytes(image.bytes)}, ${describeSvg(image.text)}`);
    if (image.text.length > MAX_SVG_CHARS) return fallback('too large to be drawn');
    if (renderer === undefined) return fallback('not drawn');
    const longEdgePx = Math.min(SVG_EDGE_PX, maxPx);
    const job = { kind: 'svg', svg: image.text, longEdgePx, ...limits } as const;
    const result = await renderer.draw(job, signal);
    if (!result.ok) return fallback(`not drawn: ${result.reason}`);
    return show(name, result.image, readSvgSize(image.text), 'svg');
  }
  const { info, data, bytes } = image;
  if (info.cmyk) return refuse('CMYK colours cannot be shown');
  if (info.width * info.height > MAX_PIXELS) return refuse('over 100 megapixels');
  if (bytes > MAX_SOURCE_BYTES) return refuse(`${renderBytes(bytes)} is too large`);
  const asIs = showAsIs(image, maxPx);
  if (asIs === 'damaged') return refuse('damaged');
  if (asIs !== undefined) return asIs;
  if (renderer === undefined) return refuse('too large');
  const result = await renderer.draw({ kind: 'raster', data, info, maxPx, ...limits }, signal);
  if (!result.ok) return refuse(`cannot be drawn: ${result.reason}`);
  return show(name, result.image, info, info.format);
}

/** @returns undefined when the picture must be drawn anew */
function showAsIs(
  { info, data, bytes }: Extract<DescribedImage, { kind: 'raster' }>,
  maxPx: number,
): PreparedImage | 'damaged' | undefined {
  const mayMove = info.format === 'gif' || info.animated;
  const limit = info.format === 'png' ? MAX_PNG_BYTES : MAX_IMAGE_BYTES;
  if (Math.max(info.width, info.height) > maxPx) return undefined;
  if (bytes > limit && !mayMove) return undefined;
  const file = Buffer.from(data, 'base64');
  if (!isWhole(file, info.format)) return 'damaged';
  const frame: FirstFrame | undefined = mayMove
    ? firstFrame(file, info)
    : { bytes: file, animated: false };
  if (frame === undefined) return 'damaged';
  if (frame.bytes.length > limit) return undefined;
  const { width, height, format } = info;
  return {
    shown: true,
    name: `${format} ${width}x${height}${frame.animated ? ', first frame' : ''}`,
    block: { type: 'image', data: frame.bytes.toString('base64'), mimeType: `image/${format}` },
    bytes: frame.bytes.length,
    width,
    height,
  };
}

function firstFrame(file: Buffer, info: RasterInfo): FirstFrame | undefined {
  return info.format === 'gif' ? firstGifFrame(file) : firstWebpFrame(file);
}

function show(
  name: string,
  { data, format, width, height, bytes }: DrawnImage,
  original: { readonly width: number; readonly height: number } | undefined,
  originalFormat: string,
): PreparedImage {
  const resized = original?.width !== width || original.height !== height;
  const changes = [
    ...(resized ? [`${width}x${height}`] : []),
    ...(format === originalFormat ? [] : [format]),
  ];
  return {
    shown: true,
    name: changes.length === 0 ? name : `${name}, shown ${changes.join(' ')}`,
    block: { type: 'image', data, mimeType: `image/${format}` },
    bytes,
    width,
    height,
  };
}
