/** Reads Python text for the checks: comments and docstrings gone, and once more with the content of every string blanked. */

export interface PythonCode {
  /** Without comments and docstrings. */
  readonly code: string;
  /** The same, with nothing inside quotes: a word in a message is no call. */
  readonly bare: string;
  /** Requirements of the PEP 723 header. */
  readonly declared: readonly string[];
}

/** Up to the next thing that is no plain code. */
const PLAIN = /[^#"']+/y;
/** So much of what stands before a string says what it is. */
const BEFORE_CHARS = 80;

/** One pass, linear, for any text: what is no Python is read as well as it can be. */
export function readPython(source: string): PythonCode {
  const code: string[] = [];
  const bare: string[] = [];
  let before = '';
  let depth = 0;
  const put = (text: string, inBare = text): void => {
    code.push(text);
    bare.push(inBare);
    before = `${before}${text.slice(-BEFORE_CHARS)}`.slice(-BEFORE_CHARS);
  };
  for (let at = 0; at < source.length;) {
    const plain = matchAt(PLAIN, source, at);
    at += plain.length;
    depth = depthAfter(plain, depth);
    const char = source.charAt(at);
    if (char === '' || char === '#') {
      put(plain);
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
      continue;
    }
    const quote = source.startsWith(char.repeat(3), at) ? char.repeat(3) : char;
    const start = `${before}${plain.slice(-BEFORE_CHARS)}`.slice(-BEFORE_CHARS);
    const end = endOfString(source, at + quote.length, quote, isRaw(start));
    const text = source.slice(at, end);
    at = end;
    // A string that is a statement by itself says something to people only.
    const isStatement =
      depth === 0 &&
      isStatementStart(start) &&
      /^[ \t]*(?:[#;\r\n]|$)/.test(source.slice(at, at + 200));
    if (isStatement) {
      put(plain.slice(0, plain.length - prefixLength(plain)));
      put(`pass${'\n'.repeat(text.split('\n').length - 1)}`);
    } else {
      put(plain);
      put(text, `${quote}${quote}`);
    }
  }
  return { code: code.join(''), bare: bare.join(''), declared: headerRequirements(source) };
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** A dictionary spread over lines has strings at the beginning of lines too. */
function depthAfter(plain: string, before: number): number {
  let depth = before;
  for (const char of plain) {
    if (char === '(' || char === '[' || char === '{') depth += 1;
    else if (char === ')' || char === ']' || char === '}') depth = Math.max(0, depth - 1);
  }
  return depth;
}

/** Of the letters that belong to the quote after them. */
const prefixLength = (plain: string): number =>
  /[a-zA-Z]{0,2}$/.exec(plain.slice(-2))?.[0].length ?? 0;

const isRaw = (before: string): boolean =>
  /(?:^|\W)(?:[rR][bBfF]?|[bBfF][rR])$/.test(before.slice(-3));

const isStatementStart = (before: string): boolean =>
  /(?:^|[\n;:])[ \t]*[rRbBuUfF]{0,2}$/.test(before);

function endOfString(source: string, from: number, quote: string, raw: boolean): number {
  let at = from;
  while (at < source.length) {
    const char = source.charAt(at);
    if (char === '\\' && !(raw && source.charAt(at + 1) !== quote.charAt(0))) {
      at += 2;
      continue;
    }
    if (source.startsWith(quote, at)) return at + quote.length;
    // A quote that nobody closed ends with its line.
    if (char === '\n' && quote.length === 1) return at;
    at += 1;
  }
  return source.length;
}

const HEADER_START = /^# \/\/\/ script[ \t]*\r?\n/m;
const COMMENT_LINES = /(?:#[^\n]*(?:\n|$))+/y;
const HEADER_END = /^# \/\/\/[ \t]*\r?$/m;

/** https://peps.python.org/pep-0723/ */
function headerRequirements(source: string): readonly string[] {
  const start = HEADER_START.exec(source);
  if (start === null) return [];
  const comments = matchAt(COMMENT_LINES, source, start.index + start[0].length);
  const end = HEADER_END.exec(comments);
  if (end === null) return [];
  const plain = comments.slice(0, end.index).replaceAll(/^#[ \t]?/gm, '');
  const list = /^dependencies\s*=\s*\[([^\]]*)\]/m.exec(plain)?.[1] ?? '';
  return [...list.matchAll(/["']([^"'\n]+)["']/g)].map(([, name = '']) => name);
}
