/** File names out of what people call their experiments (D10). */

const EXTENSION = '.ipynb';
const MAX_BYTES = 200;
const EMPTY = 'unnamed';

/** Control characters, lone surrogates, line separators, and what some file system forbids. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}/\\:*?"<>|]/gu;
const EDGES = /^[.\s]+|[.\s]+$/g;
/** Windows opens a device under these names, whatever follows a dot. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/** The name of a notebook file, with `.ipynb`, for any text. Cleaning a clean name changes nothing. */
export function notebookFileName(text: string): string {
  const stem = text.trim().endsWith(EXTENSION) ? text.trim().slice(0, -EXTENSION.length) : text;
  return cleanName(stem) + EXTENSION;
}

/** A name that every file system takes, without extension. */
export function cleanName(text: string): string {
  const clean = text.replaceAll(FORBIDDEN, '_').normalize('NFC').replaceAll(/_+/g, '_');
  const safe = withoutDevice(clean.replaceAll(EDGES, ''));
  const short = cutAt(safe, MAX_BYTES).replaceAll(EDGES, '');
  return short === '' ? EMPTY : short;
}

const withoutDevice = (name: string): string => (DEVICE.test(name) ? `_${name}` : name);

let segmenter: Intl.Segmenter | undefined;

/** As many whole letters, with their accents, as fit. */
function cutAt(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  // Made when it is needed: that takes a while.
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  let end = 0;
  let bytes = 0;
  for (const { segment, index } of segmenter.segment(text)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > maxBytes) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}
