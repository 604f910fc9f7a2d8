/** Reads Python text for the checks: comments and docstrings gone, and once more with the content of every string blanked. */

export interface PythonCode {
  /** Without comments and docstrings. */
  readonly code: string;
  /** The same, with nothing inside quotes: a word in a message is no call. */
  readonly bare: string;
  /** Requirements of the PEP 723 header. */
  readonly declared: readonly string[];
}

/** One pass, linear, for any text: what is no Python is read as well as it can be. */
export function readPython(source: string): PythonCode {
  let code = '';
  let bare = '';
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    if (char === '#') {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
      continue;
    }
    if (char !== '"' && char !== "'") {
      code += char;
      bare += char;
      at += 1;
      continue;
    }
    const quote = source.startsWith(char.repeat(3), at) ? char.repeat(3) : char;
    const end = endOfString(source, at + quote.length, quote, isRaw(code));
    const text = source.slice(at, end);
    at = end;
    // A string that is a statement by itself says something to people only.
    if (isStatementStart(code) && /^[ \t]*(?:[#;\r\n]|$)/.test(source.slice(at, at + 200))) {
      code = code.replace(/[a-zA-Z]{0,2}$/, '');
      bare = bare.replace(/[a-zA-Z]{0,2}$/, '');
      const lines = '\n'.repeat(text.split('\n').length - 1);
      code += `pass${lines}`;
      bare += `pass${lines}`;
      continue;
    }
    code += text;
    bare += `${quote}${quote}`;
  }
  return { code, bare, declared: headerRequirements(source) };
}

const isRaw = (before: string): boolean =>
  /(?:^|\W)(?:[rR][bBfF]?|[bBfF][rR])$/.test(before.slice(-3));

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

const isStatementStart = (before: string): boolean =>
  /(?:^|[\n;:])[ \t]*[rRbBuUfF]{0,2}$/.test(before.slice(-80)) && !isInsideBrackets(before);

/** A dictionary spread over lines has strings at the beginning of lines too. */
function isInsideBrackets(before: string): boolean {
  let depth = 0;
  for (const char of before.slice(-4000)) {
    if (/[([{]/.test(char)) depth += 1;
    else if (/[)\]}]/.test(char)) depth = Math.max(0, depth - 1);
  }
  return depth > 0;
}

const HEADER = /^# \/\/\/ script[ \t]*\r?\n((?:#[^\n]*\r?\n)*?)# \/\/\/[ \t]*$/m;

/** https://peps.python.org/pep-0723/ */
function headerRequirements(source: string): readonly string[] {
  const block = HEADER.exec(source)?.[1] ?? '';
  const plain = block.replaceAll(/^#[ \t]?/gm, '');
  const list = /^dependencies\s*=\s*\[([^\]]*)\]/m.exec(plain)?.[1] ?? '';
  return [...list.matchAll(/["']([^"'\n]+)["']/g)].map(([, name = '']) => name);
}
