/** Recognises a long base64 string around a place in a text: it must not be cut, half of one is of no use to anybody. */

export interface Base64Run {
  readonly start: number;
  readonly end: number;
}

const MIN_CHARS = 256;
/** A row of equal letters or a DNA sequence is not base64: that uses most of its 64 characters. */
const MIN_DIFFERENT = 24;

/** The run that has characters on both sides of `cut`, if there is one. */
export function base64RunAt(text: string, cut: number): Base64Run | undefined {
  let start = cut;
  let end = cut;
  while (start > 0 && isBase64(text.charCodeAt(start - 1))) start -= 1;
  while (end < text.length && isBase64(text.charCodeAt(end))) end += 1;
  if (start === cut || end === cut || end - start < MIN_CHARS) return undefined;
  const sample = text.slice(start, start + 1000);
  const different = new Set(sample).size;
  const mixes = /[a-z]/.test(sample) && /[A-Z]/.test(sample) && /\d/.test(sample);
  return mixes && different >= MIN_DIFFERENT ? { start, end } : undefined;
}

function isBase64(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    [0x2b, 0x2f, 0x3d, 0x2d, 0x5f].includes(code)
  );
}
