/** Matches paths against patterns with `*`, `**`, `?`, `[...]` and `{a,b}`, in time that no pattern can make long. */

const MAX_ALTERNATIVES = 64;

/**
 * A pattern without a slash is about the name of the file, in whatever folder; with one, about the whole path.
 * `folder/` means everything below the folder.
 */
export function createMatcher(pattern: string): (path: string) => boolean {
  const clean = pattern.trim().replace(/^\.?\//, '');
  const whole = clean.endsWith('/') ? `${clean}**/*` : clean;
  const alternatives = expandBraces(whole, MAX_ALTERNATIVES).map((each) => each.split('/'));
  return (path) => {
    const parts = path.split('/');
    return alternatives.some((segments) =>
      segments.length === 1 && segments[0] !== '**'
        ? matchesName(segments[0] ?? '', parts.at(-1) ?? '')
        : matchesPath(segments, parts),
    );
  };
}

/** Group by group; beyond the limit braces are taken as they stand. */
function expandBraces(pattern: string, limit: number): readonly string[] {
  let found: readonly string[] = [pattern];
  for (;;) {
    const next = found.flatMap((each) => {
      const match = /^([^{]*)\{([^{}]*)\}(.*)$/s.exec(each);
      if (match === null) return [each];
      const [, before = '', inside = '', after = ''] = match;
      return inside.split(',').map((choice) => `${before}${choice}${after}`);
    });
    if (next.length > limit || next.every((each, at) => each === found[at])) return found;
    found = next;
  }
}

/** Row by row, as one compares two texts: a pattern part and a path part are looked at once. */
function matchesPath(segments: readonly string[], parts: readonly string[]): boolean {
  let reachable = [true, ...parts.map(() => false)];
  for (const segment of segments) {
    const next = reachable.map(() => false);
    if (segment === '**') {
      let isOpen = false;
      for (const [at, isHere] of reachable.entries()) {
        isOpen ||= isHere;
        next[at] = isOpen;
      }
    } else {
      for (const [at, part] of parts.entries()) {
        if (reachable[at] === true && matchesName(segment, part)) next[at + 1] = true;
      }
    }
    reachable = next;
  }
  return reachable.at(-1) === true;
}

interface Token {
  readonly isAny: boolean;
  matches(character: string): boolean;
}

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? '';
    const end = character === '[' ? pattern.indexOf(']', at + 2) : -1;
    if (character === '*') tokens.push({ isAny: true, matches: () => true });
    else if (character === '?') tokens.push({ isAny: false, matches: () => true });
    else if (end > 0) {
      const isNot = /[!^]/.test(pattern[at + 1] ?? '');
      const set = charactersOf(pattern.slice(at + (isNot ? 2 : 1), end));
      tokens.push({ isAny: false, matches: (other) => set(other) !== isNot });
      at = end;
    } else tokens.push({ isAny: false, matches: (other) => other === character });
  }
  return tokens;
}

function charactersOf(inside: string): (character: string) => boolean {
  const ranges = [...inside.matchAll(/(.)-(.)|(.)/gs)].map(([, from, to, single]) =>
    single === undefined ? [from ?? '', to ?? ''] : [single, single],
  );
  return (character) => ranges.some(([from = '', to = '']) => character >= from && character <= to);
}

/** Goes back only to the last star: time is at most the product of both lengths. */
function matchesName(pattern: string, name: string): boolean {
  const tokens = tokensOf(pattern);
  let at = 0;
  let token = 0;
  let star: { readonly token: number; at: number } | undefined;
  while (at < name.length) {
    const current = tokens[token];
    if (current?.isAny === true) {
      token += 1;
      star = { token, at };
    } else if (current?.matches(name[at] ?? '') === true) {
      at += 1;
      token += 1;
    } else if (star !== undefined) {
      star.at += 1;
      at = star.at;
      token = star.token;
    } else return false;
  }
  return tokens.slice(token).every(({ isAny }) => isAny);
}
