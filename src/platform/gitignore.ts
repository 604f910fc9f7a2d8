/** Decides as git does whether a path is ignored, from the patterns of `.gitignore` files. https://git-scm.com/docs/gitignore */

export interface IgnoreRules {
  /** `name`: relative to the root of the rules, with `/`. What lies below an ignored folder is not asked for. */
  ignores(name: string, isFolder: boolean): boolean;
  /** With the patterns of one more `.gitignore`, which lies in `folder` ('' for the root) and outweighs those before it. */
  with(folder: string, text: string): IgnoreRules;
}

interface Rule {
  readonly pattern: RegExp;
  readonly isNegative: boolean;
  readonly onlyFolders: boolean;
}

export const NO_RULES: IgnoreRules = rulesOf([]);

function rulesOf(rules: readonly Rule[]): IgnoreRules {
  return {
    ignores(name, isFolder) {
      // The last pattern that fits decides.
      const last = rules.findLast(
        ({ pattern, onlyFolders }) => (isFolder || !onlyFolders) && pattern.test(name),
      );
      return last !== undefined && !last.isNegative;
    },
    with: (folder, text) =>
      rulesOf([...rules, ...text.split(/\r?\n/).flatMap((line) => parseRule(folder, line))]),
  };
}

function parseRule(folder: string, line: string): readonly Rule[] {
  // Blanks at the end count only after a backslash.
  const trimmed = line.replace(/(?<!\\)\s+$/, '');
  if (trimmed === '' || trimmed.startsWith('#')) return [];
  const isNegative = trimmed.startsWith('!');
  const body = isNegative ? trimmed.slice(1) : trimmed;
  const onlyFolders = body.endsWith('/');
  const glob = body.replace(/\/$/, '');
  if (glob === '') return [];
  // A slash in the beginning or the middle ties the pattern to its folder; else it fits at any depth.
  const isAnchored = glob.includes('/');
  const prefix = folder === '' ? '' : `${escape(folder)}/`;
  const depth = isAnchored ? '' : '(?:.*/)?';
  const source = `^${prefix}${depth}${globSource(glob.replace(/^\//, ''))}$`;
  try {
    return [{ pattern: new RegExp(source, 's'), isNegative, onlyFolders }];
  } catch {
    // Git takes a malformed pattern for one that fits nothing.
    return [];
  }
}

/** In this order: the longer forms of `**` before `*`. */
const TOKENS = /\*\*\/|\/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|\\.|[^*?[\\/]+|[/[\\]/gs;

function globSource(glob: string): string {
  return glob.replaceAll(TOKENS, (token, at: number) => {
    if (token === '**/') return at === 0 || glob[at - 1] === '/' ? '(?:.*/)?' : '[^/]*/';
    if (token === '/**') return '/.*';
    if (token.startsWith('*')) return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.startsWith('[') && token.length > 2) return classSource(token);
    return escape(token.startsWith('\\') && token.length === 2 ? token.slice(1) : token);
  });
}

function classSource(token: string): string {
  const isNegative = token[1] === '!';
  const body = token.slice(isNegative ? 2 : 1, -1).replaceAll(/[\\\]^[]/g, String.raw`\$&`);
  return `(?!/)[${isNegative ? '^' : ''}${body}]`;
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
