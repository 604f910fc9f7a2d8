/** Reads what can be told of an SVG document without drawing it. */
import { visibleText } from './html.ts';

const LOOK_CHARS = 200_000;
const TEXT_CHARS = 1000;

/** In its own units; from `width` and `height`, else from `viewBox`. */
export function readSvgSize(
  svg: string,
): { readonly width: number; readonly height: number } | undefined {
  const tag = /<(?:\w+:)?svg\b[^>]*>/i.exec(svg.slice(0, LOOK_CHARS))?.[0];
  if (tag === undefined) return undefined;
  const length = (name: string): number =>
    Number(new RegExp(`\\s${name}\\s*=\\s*["']\\s*([\\d.]+)(?:px|pt)?\\s*["']`).exec(tag)?.[1]);
  const [width, height] = [length('width'), length('height')];
  if (width > 0 && height > 0) return { width, height };
  const box = /\sviewBox\s*=\s*["']([^"']*)["']/
    .exec(tag)?.[1]
    ?.trim()
    .split(/[\s,]+/);
  const [boxWidth, boxHeight] = [Number(box?.[2]), Number(box?.[3])];
  return boxWidth > 0 && boxHeight > 0 ? { width: boxWidth, height: boxHeight } : undefined;
}

/** For a reader who cannot be shown the drawing. */
export function describeSvg(svg: string): string {
  const elements = svg.slice(0, LOOK_CHARS).match(/<[a-z]/gi)?.length ?? 0;
  const count = `${svg.length > LOOK_CHARS ? 'more than ' : ''}${elements} elements`;
  const text = visibleText(svg.slice(0, LOOK_CHARS).replaceAll(/<\/(?:text|title)>/gi, '$& '))
    .replaceAll(/\s+/g, ' ')
    .trim();
  const cut = text.length > TEXT_CHARS ? `${text.slice(0, TEXT_CHARS)}...` : text;
  return `${count}, ${text === '' ? 'no text' : `text: ${cut}`}`;
}
