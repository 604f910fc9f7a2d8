/** Turns the part of a page that people read into Markdown: formulas as TeX, tables as tables, no furniture. */
import type TurndownService from 'turndown';

type TurndownNode = Parameters<TurndownService['addRule']>[1] extends {
  filter: (node: infer Node) => boolean;
}
  ? Node
  : never;

/** Stands between the number of a heading and its title; in no text. */
export const NUMBER_MARK = '\u{E000}';

const FURNITURE = new Set(
  'SCRIPT STYLE NAV FOOTER HEADER BUTTON FORM SVG IFRAME NOSCRIPT TEMPLATE IMG VIDEO'.split(' '),
);
const PAPER_FURNITURE =
  /\bltx_(?:page_footer|page_header|authors|dates|role_footnotemark|ERROR|pagination|TOC|keywords|classification)\b/;

/** Loaded on first use: parsing HTML is rare, and the parser is large. */
export async function htmlToMarkdown(html: string): Promise<string> {
  const { default: Turndown } = await import('turndown');
  const service = new Turndown({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
    emDelimiter: '*',
  });
  // The text is read, not rendered again: signs stay as they are.
  service.escape = (text) => text;
  // Later rules come first.
  service
    .addRule('link', { filter: ({ nodeName }) => nodeName === 'A', replacement: renderLink })
    .addRule('table', { filter: ({ nodeName }) => nodeName === 'TABLE', replacement: renderTable })
    .addRule('row', { filter: isPartOfTable, replacement: (content) => content })
    .addRule('code', { filter: isListing, replacement: renderListing })
    .addRule('small heading', { filter: isSmallHeading, replacement: renderSmallHeading })
    .addRule('abstract', {
      filter: (node) => hasClass(node, 'ltx_abstract'),
      replacement: (content) => `\n\n## Abstract\n\n${content.trim()}\n\n`,
    })
    .addRule('abstract heading', {
      filter: (node) => hasClass(node, 'ltx_title_abstract'),
      replacement: () => '',
    })
    .addRule('number', {
      filter: (node) => hasClass(node, 'ltx_tag') && isHeading(node.parentNode),
      replacement: (content) => `${content.trim()}${NUMBER_MARK}`,
    })
    .addRule('formula', {
      filter: ({ nodeName }) => /^math$/i.test(nodeName),
      replacement: renderFormula,
    })
    .addRule('furniture', { filter: isFurniture, replacement: () => '' });
  const markdown = service.turndown(html);
  return markdown
    .replaceAll(/[ \t]+\n/g, '\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

/** What stands between the first opening and the last closing tag of that name; the whole page without one. */
export function elementOf(html: string, tag: 'article' | 'main' | 'body'): string {
  const start = html.search(new RegExp(`<${tag}[\\s>]`, 'i'));
  const end = html.toLowerCase().lastIndexOf(`</${tag}>`);
  return start < 0 || end < start ? html : html.slice(start, end + tag.length + 3);
}

const classesOf = (node: TurndownNode): string => node.getAttribute('class') ?? '';
const hasClass = (node: TurndownNode, name: string): boolean =>
  classesOf(node).split(/\s+/).includes(name);
const isHeading = (node: TurndownNode | null): boolean => /^H[1-6]$/.test(node?.nodeName ?? '');

function isFurniture(node: TurndownNode): boolean {
  // Pages for browsers put the title into a header.
  if (node.nodeName === 'HEADER') return !/<h1/i.test(innerTags(node));
  return FURNITURE.has(node.nodeName.toUpperCase()) || PAPER_FURNITURE.test(classesOf(node));
}

const innerTags = (node: TurndownNode): string =>
  [...childrenOf(node)]
    .map((child) => `<${child.nodeName.toLowerCase()}${innerTags(child)}`)
    .join('');

function* childrenOf(node: TurndownNode): Generator<TurndownNode> {
  for (let at = 0; at < node.children.length; at += 1) {
    const child = node.children[at];
    if (child !== undefined) yield child;
  }
}

function renderFormula(_: string, node: TurndownNode): string {
  const tex = (node.getAttribute('alttext') ?? node.textContent ?? '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return tex === '' ? '' : `$${tex}$`;
}

/** References inside of a paper and anchors say nothing here; addresses elsewhere do. */
function renderLink(content: string, node: TurndownNode): string {
  const target = node.getAttribute('href') ?? '';
  const isElsewhere = /^(https?:|\/)/.test(target) && content.trim() !== '';
  return isElsewhere && !isHeading(node.parentNode) && !content.includes(target)
    ? `[${content.trim()}](${target})`
    : content;
}

const isSmallHeading = (node: TurndownNode): boolean => /^H[56]$/.test(node.nodeName);

function renderSmallHeading(content: string): string {
  const title = content.replace(NUMBER_MARK, ' ').trim();
  return title === '' ? '' : `\n\n**${title}**\n\n`;
}

const isListing = (node: TurndownNode): boolean =>
  node.nodeName === 'PRE' || hasClass(node, 'ltx_listing');

function renderListing(_: string, node: TurndownNode): string {
  const text = (node.textContent ?? '').replace(/^\n+|\s+$/g, '');
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return text === '' ? '' : `\n\n${fence}\n${text}\n${fence}\n\n`;
}

const isPartOfTable = ({ nodeName }: TurndownNode): boolean =>
  /^(T[RHD]|T(HEAD|BODY|FOOT))$/.test(nodeName);

/** Equations are laid out as tables; a table has at least two rows and two columns of its own. */
function renderTable(content: string, node: TurndownNode): string {
  if (/\bltx_eq/.test(classesOf(node))) return `\n\n${oneLine(content)}\n\n`;
  const rows = [...rowsOf(node)].map((row) => [...cellsOf(row)]);
  const columns = Math.max(0, ...rows.map((row) => row.length));
  if (rows.length < 2 || columns < 2) return `\n\n${content.trim()}\n\n`;
  const lines = rows.map(
    (row) => `| ${Array.from({ length: columns }, (_, at) => row[at] ?? '').join(' | ')} |`,
  );
  const rule = `|${' --- |'.repeat(columns)}`;
  return `\n\n${[lines[0], rule, ...lines.slice(1)].join('\n')}\n\n`;
}

function* rowsOf(node: TurndownNode): Generator<TurndownNode> {
  for (const child of childrenOf(node)) {
    if (child.nodeName === 'TR') yield child;
    else if (/^T(HEAD|BODY|FOOT)$/.test(child.nodeName)) yield* rowsOf(child);
  }
}

/** A cell over several columns is followed by empty ones, so that what is below stays below. */
function* cellsOf(row: TurndownNode): Generator<string> {
  for (const cell of childrenOf(row)) {
    if (!/^T[HD]$/.test(cell.nodeName)) continue;
    yield oneLine(cellText(cell)).replaceAll('|', '\\|');
    const span = Math.min(50, Number(cell.getAttribute('colspan') ?? 1));
    for (let at = 1; at < span; at += 1) yield '';
  }
}

/** The text with formulas as TeX: what the parser calls the text of a formula has it twice. */
function cellText(node: TurndownNode): string {
  if (/^math$/i.test(node.nodeName)) return renderFormula('', node);
  if (node.nodeName === '#text' || !containsFormula(node)) return node.textContent ?? '';
  return Array.from(node.childNodes, cellText).join('');
}

const containsFormula = (node: TurndownNode): boolean =>
  /^math$/i.test(node.nodeName) || [...childrenOf(node)].some(containsFormula);

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
