/** Picks what to show of a mime bundle: the form an agent gets most from, in order of preference. */
import { isRecord } from '#core/json.ts';
import { renderBytes } from '#core/units.ts';
import { FOLLOWED_WIDGET, type MimeBundle, WIDGET_MIME } from '#notebook/contract.ts';
import { hasTable, renderHtml } from './html.ts';
import type { ImageSource } from './image-source.ts';
import { renderJson } from './json-text.ts';
import { toPlainText } from './plain-text.ts';
import { summarizePlot } from './plots.ts';

/** What is shown of one bundle; `about` goes into the label, e.g. `text/html`. */
export interface Representation {
  readonly about?: string;
  readonly text?: string;
  readonly image?: ImageSource;
}

const RASTERS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];
/** Short enough to stand beside a picture. */
const CAPTION_CHARS = 300;

/** @param metadata of the output, where it says something of how the bundle came to be */
export function representBundle(
  data: MimeBundle,
  metadata: Readonly<Record<string, unknown>> = {},
): Representation {
  const plain = textOf(data, 'text/plain');
  const useful =
    plain !== undefined && plain.trim() !== '' && !isObjectRepr(plain) ? plain : undefined;
  const image = findImage(data);
  const plot = summarizePlot(data);
  if (plot !== undefined) return { about: plot.mime, text: plot.text, ...(image && { image }) };
  if (image !== undefined) {
    const caption = useful !== undefined && useful.length <= CAPTION_CHARS ? { text: useful } : {};
    return { image, ...caption };
  }
  if (WIDGET_MIME in data) {
    // The widget lives in the browser; where it was not followed, the kernel sent what it looked like at first.
    const about = isFollowed(metadata) ? 'widget' : 'widget view, as first shown';
    return { about, text: useful ?? `[${WIDGET_MIME}]` };
  }
  const markdown = textOf(data, 'text/markdown');
  if (markdown !== undefined) return { about: 'text/markdown', text: markdown };
  return (
    representHtml(data, useful) ??
    representLatex(data, useful) ??
    representJson(data) ??
    representRest(data, plain, useful)
  );
}

function isFollowed({ glovebox }: Readonly<Record<string, unknown>>): boolean {
  return isRecord(glovebox) && glovebox['widget'] === FOLLOWED_WIDGET.glovebox.widget;
}

function textOf(data: MimeBundle, mime: string): string | undefined {
  const value = data[mime];
  return typeof value === 'string' ? toPlainText(value) : undefined;
}

/** `<Figure size 640x480 with 1 Axes>`, `<VegaLite 6 object>` and a hint after it, `alt.Chart(...)`. */
function isObjectRepr(plain: string): boolean {
  const text = plain.trim();
  return (
    /^<[^\n]*>$/.test(text) ||
    /^<VegaL?i?t?e? \d+ object>/.test(text) ||
    /^alt\.\w+\(\.\.\.\)$/.test(text)
  );
}

function findImage(data: MimeBundle): ImageSource | undefined {
  for (const mime of RASTERS) {
    const value = data[mime];
    if (typeof value === 'string' && value !== '') return { kind: 'raster', mime, data: value };
  }
  const svg = data['image/svg+xml'];
  if (typeof svg === 'string' && svg.includes('<')) return { kind: 'svg', text: svg };
  const other = Object.keys(data).find((mime) => mime.startsWith('image/'));
  const value = other === undefined ? undefined : data[other];
  if (other === undefined || typeof value !== 'string') return undefined;
  return { kind: 'raster', mime: other, data: value };
}

/** Plain text is the better table when nothing is left out of it and its columns are not folded. */
function representHtml(data: MimeBundle, useful: string | undefined): Representation | undefined {
  const html = data['text/html'];
  if (typeof html !== 'string') return undefined;
  const isElided = useful !== undefined && /^\s*\.\.+(\s+\.\.\.)*\s*$|\s\.\.\.\s.*\n/m.test(useful);
  const isFolded = useful !== undefined && / \\\n/.test(useful);
  if (useful !== undefined && !(hasTable(html) && (isElided || isFolded))) return { text: useful };
  const text = toPlainText(renderHtml(html));
  if (text !== '') return { about: 'text/html', text };
  return {
    text: useful ?? `[text/html, ${renderBytes(Buffer.byteLength(html))}, no visible text]`,
  };
}

/** A formula of one line is easier to read in plain text; one drawn over several lines is not. */
function representLatex(data: MimeBundle, useful: string | undefined): Representation | undefined {
  const latex = textOf(data, 'text/latex');
  if (latex === undefined) return undefined;
  if (useful !== undefined && !useful.trim().includes('\n')) return { text: useful };
  return { about: 'text/latex', text: latex };
}

function representJson(data: MimeBundle): Representation | undefined {
  const mime = Object.keys(data).find(
    (name) => name === 'application/json' || /^application\/[\w.-]+\+json$/.test(name),
  );
  const value = mime === undefined ? undefined : data[mime];
  // Some libraries put a script under a JSON type.
  if (mime === undefined || value === undefined || typeof value === 'string') return undefined;
  return { about: mime, text: toPlainText(renderJson(value)) };
}

/** Plain text, and what else there was by type and size. Nothing is ever executed. */
function representRest(
  data: MimeBundle,
  plain: string | undefined,
  useful: string | undefined,
): Representation {
  const others = Object.entries(data)
    .filter(([mime]) => mime !== 'text/plain')
    .map(([mime, value]) => `[${mime}, ${sizeOf(value)}]`);
  const text = others.length === 0 ? plain : useful;
  return { text: [...(text === undefined ? [] : [text]), ...others].join('\n') };
}

function sizeOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const isBase64 = text.length > 100 && /^[\w+/=\s-]+$/.test(text.slice(0, 1000));
  return renderBytes(Buffer.byteLength(text, isBase64 ? 'base64' : 'utf8'));
}
