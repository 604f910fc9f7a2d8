/** A picture found in an output: where it is kept, its type and size, and how to name it. */
import { renderBytes } from '#core/units.ts';
import { type RasterInfo, nameOfBytes, readRasterInfo } from './image-type.ts';
import { readSvgSize } from './svg.ts';

/** `data` is base64 as stored, `text` is the SVG document. */
export type ImageSource =
  | { readonly kind: 'raster'; readonly mime: string; readonly data: string }
  | { readonly kind: 'svg'; readonly text: string };

export type DescribedImage =
  | {
      readonly kind: 'raster';
      readonly data: string;
      readonly info: RasterInfo;
      readonly bytes: number;
    }
  | { readonly kind: 'svg'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'unknown'; readonly name: string; readonly bytes: number };

const HEADER_CHARS = 256 * 1024;

/** Looks at the first bytes only; the mime type is not believed. */
export function describeImage(source: ImageSource): DescribedImage {
  if (source.kind === 'svg') {
    return { kind: 'svg', text: source.text, bytes: Buffer.byteLength(source.text) };
  }
  const data = source.data.replace(/^\s*data:[^,]{0,100},/, '');
  const bytes = Buffer.byteLength(data, 'base64');
  const head = Buffer.from(data.slice(0, HEADER_CHARS), 'base64');
  // A JPEG may carry a colour profile or a thumbnail before its size.
  const info =
    readRasterInfo(head) ??
    (head[0] === 0xff ? readRasterInfo(Buffer.from(data, 'base64')) : undefined);
  if (info !== undefined) return { kind: 'raster', data, info, bytes };
  return { kind: 'unknown', name: nameOfBytes(head) ?? source.mime, bytes };
}

/** `png 1200x800`, `svg 460x345`, `tiff 12 KiB`. */
export function nameImage(image: DescribedImage): string {
  if (image.kind === 'unknown') return `${image.name} ${renderBytes(image.bytes)}`;
  const size = image.kind === 'svg' ? readSvgSize(image.text) : image.info;
  const format = image.kind === 'svg' ? 'svg' : image.info.format;
  if (size === undefined) return format;
  return `${format} ${Math.round(size.width)}x${Math.round(size.height)}`;
}
