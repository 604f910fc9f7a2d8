/** Splits HTML or XML into tags and text, leniently and in one pass. */

export type HtmlToken =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'open' | 'close';
      readonly name: string;
      /** The text between the name and `>`. */
      readonly attributes: string;
    };

/** Elements whose content is no markup and is not shown. */
const HIDDEN = new Set([
  'script',
  'style',
  'template',
  'noscript',
  'head',
  'metadata',
  'defs',
  'object',
]);
const TAG_NAME = /<\/?([a-zA-Z][\w:-]*)/y;

/** Text comes with its entities decoded; comments, declarations and hidden elements do not come at all. */
export function* tokenizeHtml(html: string): Generator<HtmlToken> {
  let at = 0;
  while (at < html.length) {
    const tag = html.indexOf('<', at);
    const textEnd = tag === -1 ? html.length : tag;
    if (textEnd > at) yield { kind: 'text', text: decodeEntities(html.slice(at, textEnd)) };
    if (tag === -1) return;
    const end = skipDeclaration(html, tag);
    if (end !== undefined) {
      at = end;
      continue;
    }
    TAG_NAME.lastIndex = tag;
    const name = TAG_NAME.exec(html)?.[1]?.toLowerCase();
    if (name === undefined) {
      yield { kind: 'text', text: '<' };
      at = tag + 1;
      continue;
    }
    const tagEnd = endOfTag(html, TAG_NAME.lastIndex);
    if (tagEnd === undefined) {
      yield { kind: 'text', text: decodeEntities(html.slice(tag)) };
      return;
    }
    const attributes = html.slice(TAG_NAME.lastIndex, tagEnd);
    const isClose = html[tag + 1] === '/';
    at = tagEnd + 1;
    if (!isClose && HIDDEN.has(name) && !attributes.endsWith('/')) {
      at = endOfElement(html, name, at);
      continue;
    }
    yield { kind: isClose ? 'close' : 'open', name, attributes };
  }
}

/** The first `>` outside quotes. Looks at each character once, however broken the page is. */
function endOfTag(html: string, from: number): number | undefined {
  const mark = /["'>]/g;
  mark.lastIndex = from;
  for (let match = mark.exec(html); match !== null; match = mark.exec(html)) {
    if (match[0] === '>') return match.index;
    const close = html.indexOf(match[0], match.index + 1);
    if (close !== -1) mark.lastIndex = close + 1;
  }
  return undefined;
}

function skipDeclaration(html: string, at: number): number | undefined {
  const [start, end] = html.startsWith('<!--', at)
    ? ['<!--', '-->']
    : html.startsWith('<![CDATA[', at)
      ? ['<![CDATA[', ']]>']
      : html.startsWith('<!', at) || html.startsWith('<?', at)
        ? ['<!', '>']
        : [];
  if (start === undefined || end === undefined) return undefined;
  const found = html.indexOf(end, at + start.length);
  return found === -1 ? html.length : found + end.length;
}

function endOfElement(html: string, name: string, from: number): number {
  const close = new RegExp(`</${name}\\s*>`, 'gi');
  close.lastIndex = from;
  return close.exec(html) === null ? html.length : close.lastIndex;
}

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  times: '×',
  middot: '·',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  copy: '©',
  reg: '®',
  deg: '°',
  plusmn: '±',
  micro: 'µ',
  laquo: '«',
  raquo: '»',
  bull: '•',
  larr: '←',
  rarr: '→',
  uarr: '↑',
  darr: '↓',
  harr: '↔',
  le: '≤',
  ge: '≥',
  ne: '≠',
  minus: '−',
  infin: '∞',
  alpha: 'α',
  beta: 'β',
  gamma: 'γ',
  delta: 'δ',
  sigma: 'σ',
  mu: 'μ',
  pi: 'π',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  euro: '€',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  szlig: 'ß',
  eacute: 'é',
  check: '✓',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
  shy: '',
};

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&(#x?[\da-f]{1,6}|[a-z]{2,8});/gi, (whole, body: string) => {
    if (!body.startsWith('#')) return NAMED[body.toLowerCase()] ?? whole;
    const code = /^#x/i.test(body) ? Number.parseInt(body.slice(2), 16) : Number(body.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
