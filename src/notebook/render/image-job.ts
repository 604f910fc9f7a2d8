/** What the image worker is asked and what it answers. */
import type { RasterInfo } from './image-type.ts';

/** Files the worker reads when it first needs them. Paths or `file:` URLs. */
export interface ImageAssets {
  /** `index_bg.wasm` of @resvg/resvg-wasm. */
  readonly resvgWasm: string | URL;
  /** `webp_dec.wasm` of @jsquash/webp. */
  readonly webpWasm: string | URL;
  /** A TrueType font for text in SVG. */
  readonly font: string | URL;
}

export interface RasterJob {
  readonly kind: 'raster';
  /** Base64, as the notebook has it. */
  readonly data: string;
  readonly info: RasterInfo;
  /** Long edge of the result. */
  readonly maxPx: number;
  /** A PNG over this becomes a JPEG. */
  readonly maxPngBytes: number;
  readonly maxBytes: number;
}

export interface SvgJob {
  readonly kind: 'svg';
  readonly svg: string;
  /** Long edge of the result. */
  readonly longEdgePx: number;
  readonly maxPngBytes: number;
  readonly maxBytes: number;
}

export type ImageJob = RasterJob | SvgJob;

export interface DrawnImage {
  /** Base64. */
  readonly data: string;
  readonly format: 'png' | 'jpeg';
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/** A picture that cannot be drawn is an answer, not an error. */
export type ImageJobResult =
  | { readonly ok: true; readonly image: DrawnImage }
  | { readonly ok: false; readonly reason: string };

export interface WorkerRequest {
  readonly id: number;
  readonly job: ImageJob;
}
export interface WorkerReply {
  readonly id: number;
  readonly result: ImageJobResult;
  /** The job left so much memory behind that the worker should not be kept. */
  readonly heavy: boolean;
}

/** Long edge at most `maxPx`, never larger than before, whole pixels, at least 1: 8000x6000 at 2000 is 2000x1500. */
export function fitWithin(
  size: { readonly width: number; readonly height: number },
  maxPx: number,
): { readonly width: number; readonly height: number } {
  const long = Math.max(size.width, size.height);
  if (long <= maxPx) return { width: size.width, height: size.height };
  // Multiply first: 6000 * (2000 / 8000) is exact by luck, other sizes would lose a pixel.
  const fit = (edge: number): number => Math.max(1, Math.trunc((edge * maxPx) / long));
  return { width: fit(size.width), height: fit(size.height) };
}
