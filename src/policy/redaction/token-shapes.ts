/** Tokens that are known by how they look: a prefix that nobody else uses, and enough random characters after it. */
import { bitsPerChar } from './secret-values.ts';
import type { SecretClass } from './secret-classes.ts';
import { endOfMatch, isWordStart, type Detector } from './trigger-scan.ts';

interface Shape {
  readonly kind: SecretClass;
  /** All its beginnings. */
  readonly words: readonly string[];
  /** Ends where the token ends; repetitions are of one class each, so matching is linear. */
  readonly pattern: string;
  readonly accepts?: (token: string) => boolean;
}

const WORD = '[A-Za-z0-9_-]';

/** A key of a model provider begins like many a slug: `sk-learn-contrib-...`. */
function looksLikeLlmKey(token: string): boolean {
  const body = token.replace(/^sk-(?:proj-|or-|svcacct-|admin-)?/, '');
  if (!/\d/.test(body) || bitsPerChar(body) < 3.5) return false;
  const isMixed = /[a-z]/.test(body) && /[A-Z]/.test(body);
  return isMixed || body.split(/[-_]/).some((part) => part.length >= 16 && /\d/.test(part));
}

const hasDigitAndBothCases = (token: string): boolean =>
  /\d/.test(token) && /[a-z]/.test(token.slice(3)) && /[A-Z]/.test(token.slice(3));

const SHAPES: readonly Shape[] = [
  {
    kind: 'hf-token',
    words: ['hf_'],
    pattern: 'hf_oauth_[A-Za-z0-9_.-]{16,}',
    accepts: (token) => /[A-Z0-9]/.test(token),
  },
  { kind: 'hf-token', words: ['hf_'], pattern: 'hf_[A-Za-z0-9]{30,}' },
  { kind: 'hf-token', words: ['api_org_'], pattern: 'api_org_[A-Za-z]{30,}' },
  { kind: 'llm-key', words: ['sk-'], pattern: `sk-ant-${WORD}{20,}` },
  { kind: 'llm-key', words: ['sk-'], pattern: `sk-${WORD}{32,}`, accepts: looksLikeLlmKey },
  { kind: 'llm-key', words: ['gsk_'], pattern: 'gsk_[A-Za-z0-9]{40,}' },
  { kind: 'llm-key', words: ['xai-', 'pplx-'], pattern: '(?:xai|pplx)-[A-Za-z0-9]{30,}' },
  { kind: 'llm-key', words: ['r8_'], pattern: 'r8_[A-Za-z0-9]{30,}' },
  {
    kind: 'github-token',
    words: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'],
    pattern: 'gh[pousr]_[A-Za-z0-9]{36,}',
  },
  { kind: 'github-token', words: ['github_pat_'], pattern: 'github_pat_[A-Za-z0-9_]{36,}' },
  {
    kind: 'vcs-registry-token',
    words: ['glpat-', 'gldt-', 'glrt-'],
    pattern: `gl(?:pat|dt|rt)-${WORD}{20,}`,
  },
  { kind: 'vcs-registry-token', words: ['npm_'], pattern: 'npm_[A-Za-z0-9]{36}' },
  { kind: 'vcs-registry-token', words: ['pypi-'], pattern: `pypi-AgEI${WORD}{16,}` },
  { kind: 'vcs-registry-token', words: ['testpypi-'], pattern: `testpypi-AgEI${WORD}{16,}` },
  { kind: 'aws', words: ['akia', 'asia'], pattern: 'A(?:KI|SI)A[A-Z0-9]{16}(?![A-Za-z0-9])' },
  { kind: 'google', words: ['aiza'], pattern: `AIza${WORD}{35}` },
  { kind: 'google', words: ['ya29'], pattern: String.raw`ya29\.${WORD}{20,}` },
  { kind: 'slack', words: ['xox'], pattern: 'xox[abeprs]-[A-Za-z0-9-]{10,}' },
  { kind: 'slack', words: ['xapp-'], pattern: 'xapp-[A-Za-z0-9-]{10,}' },
  { kind: 'payment', words: ['sk_live_', 'rk_live_'], pattern: '[sr]k_live_[A-Za-z0-9]{20,}' },
  {
    kind: 'modal',
    words: ['ak-', 'as-'],
    pattern: 'a[ks]-[A-Za-z0-9]{22}(?![A-Za-z0-9])',
    accepts: hasDigitAndBothCases,
  },
  {
    kind: 'jwt',
    words: ['eyj'],
    pattern: String.raw`eyJ${WORD}{7,}\.eyJ${WORD}{7,}\.${WORD}{10,}`,
  },
];

export const TOKEN_SHAPES: readonly Detector[] = SHAPES.map(({ kind, words, pattern, accepts }) => {
  const sticky = new RegExp(pattern, 'y');
  return {
    words,
    find(text, at) {
      if (!isWordStart(text, at)) return undefined;
      const end = endOfMatch(sticky, text, at);
      if (end === undefined || accepts?.(text.slice(at, end)) === false) return undefined;
      return { start: at, end, kind };
    },
  };
});

const SLACK_HOOK = /hooks\.slack\.com\/services\/(?=[A-Za-z0-9/_-]{8})/y;
const HOOK_PATH = /[A-Za-z0-9/_-]+/y;

export const SLACK_HOOKS: Detector = {
  words: ['hooks.slack.com'],
  find(text, at) {
    const start = endOfMatch(SLACK_HOOK, text, at);
    const end = start === undefined ? undefined : endOfMatch(HOOK_PATH, text, start);
    return start === undefined || end === undefined ? undefined : { start, end, kind: 'slack' };
  },
};
