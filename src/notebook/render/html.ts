/** Shows HTML as text: what a reader of the page would see, with tables in columns. */
import { type TableCell, type TableShape, createTableText } from './html-table.ts';
import { type HtmlToken, tokenizeHtml } from './html-tokens.ts';

/** Of a longer page only its start and, for the last rows of a table, its end are read. */
const MAX_HEAD_CHARS = 300_000;
const MAX_TAIL_CHARS = 100_000;
const MAX_TEXT_CHARS = 2000;

const BLOCKS = new Set(
  (
    'address article aside blockquote br caption dd details div dl dt fieldset figcaption figure footer form ' +
    'h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section summary table text title tr ul'
  ).split(' '),
);
const MEDIA = new Set(['audio', 'canvas', 'embed', 'iframe', 'img', 'video']);
const SHAPE = /\d rows? [×x] \d|shape: \(\d/;

/** Text without markup, scripts and styles. */
export function visibleText(html: string): string {
  const flow = createFlow();
  for (const token of tokenizeHtml(html)) flow.add(token);
  return flow.take();
}

/** True when there is a table with at least one cell. */
export function hasTable(html: string): boolean {
  return /<table[\s>]/i.test(html) && /<t[dh][\s>]/i.test(html);
}

/** Visible text of at most 2,000 characters; tables by their shape, columns, first and last rows. */
export function renderHtml(page: string): string {
  const html = shorten(page);
  const shape = SHAPE.test(html) ? 'none' : html === page ? 'exact' : 'at least';
  const flow = createFlow();
  const shown: string[] = [];
  let left = MAX_TEXT_CHARS;
  const flush = (): void => {
    const text = flow.take();
    if (text === '' || left === 0) return;
    const kept = text.slice(0, left).toWellFormed();
    left -= kept.length;
    shown.push(kept.length < text.length ? `${kept}\n... the rest of the page is left out` : kept);
  };
  const tokens = tokenizeHtml(html);
  for (const token of tokens) {
    if (token.kind === 'open' && token.name === 'table') {
      flush();
      const table = readTable(tokens, shape);
      if (table !== '' && left > 0) shown.push(table);
    } else {
      flow.add(token);
    }
  }
  flush();
  return shown.join('\n');
}

function shorten(page: string): string {
  if (page.length <= MAX_HEAD_CHARS + MAX_TAIL_CHARS) return page;
  const head = page.slice(0, MAX_HEAD_CHARS);
  const row = page.indexOf('<tr', page.length - MAX_TAIL_CHARS);
  if (row === -1) return head.slice(0, head.lastIndexOf('<'));
  return head.slice(0, head.lastIndexOf('<tr')) + page.slice(row);
}

interface Flow {
  add(token: HtmlToken): void;
  /** The text since the last call. */
  take(): string;
}

function createFlow(): Flow {
  let parts: string[] = [];
  let preformatted = 0;
  return {
    add(token) {
      if (token.kind === 'text') {
        // Blanks of preformatted text travel as no-break spaces, past the folding of blanks.
        parts.push(
          preformatted > 0
            ? token.text.replaceAll(' ', '\u00a0')
            : token.text.replaceAll(/\s+/g, ' '),
        );
        return;
      }
      const { name, kind } = token;
      if (name === 'pre') preformatted = Math.max(0, preformatted + (kind === 'open' ? 1 : -1));
      if (name === 'li' && kind === 'open') parts.push('\n- ');
      else if (BLOCKS.has(name)) parts.push('\n');
      else if (name === 'td' || name === 'th') parts.push(' ');
      else if (MEDIA.has(name) && kind === 'open') parts.push(` [${name}${altOf(token)}] `);
    },
    take() {
      const text = parts.join('');
      parts = [];
      if (!/\s/.test(text)) return text;
      return text
        .replaceAll(/[ \t\r\f]+/g, ' ')
        .replaceAll(/ ?\n ?/g, '\n')
        .replaceAll(/\n{3,}/g, '\n\n')
        .replace(/^[ \n]+/, '')
        .replaceAll('\u00a0', ' ')
        .trimEnd();
    },
  };
}

function altOf({ attributes }: { readonly attributes: string }): string {
  const alt = /\b(?:alt|title)\s*=\s*["']([^"']{1,100})["']/.exec(attributes)?.[1];
  return alt === undefined ? '' : `: ${alt}`;
}

/** Reads on to the end of the table; a table within a cell becomes text of that cell. */
function readTable(tokens: Generator<HtmlToken>, shape: TableShape): string {
  const table = createTableText();
  const flow = createFlow();
  let row: TableCell[] | undefined;
  let cell: Omit<TableCell, 'text'> | undefined;
  let inHead = false;
  let depth = 1;
  const endCell = (): void => {
    const text = flow.take();
    if (cell !== undefined) row?.push({ ...cell, text });
    cell = undefined;
  };
  const endRow = (): void => {
    endCell();
    if (row !== undefined) table.addRow(row, inHead);
    row = undefined;
  };
  for (let step = tokens.next(); step.done !== true; step = tokens.next()) {
    const token = step.value;
    if (token.kind !== 'text' && token.name === 'table') depth += token.kind === 'open' ? 1 : -1;
    if (depth === 0) break;
    if (token.kind === 'text' || depth > 1) {
      flow.add(token);
    } else if (token.name === 'thead') {
      endRow();
      inHead = token.kind === 'open';
    } else if (token.name === 'tr') {
      endRow();
      if (token.kind === 'open') row = [];
    } else if (token.name === 'td' || token.name === 'th') {
      endCell();
      if (token.kind === 'open') {
        row ??= [];
        cell = {
          isHeader: token.name === 'th',
          columnSpan: spanOf(token.attributes, 'colspan'),
          rowSpan: spanOf(token.attributes, 'rowspan'),
        };
      }
    } else {
      flow.add(token);
    }
  }
  endRow();
  return table.render(shape);
}

function spanOf(attributes: string, name: string): number {
  if (attributes === '') return 1;
  const value = Number(new RegExp(`\\b${name}\\s*=\\s*["']?(\\d{1,4})`).exec(attributes)?.[1] ?? 1);
  return Math.max(1, value);
}
