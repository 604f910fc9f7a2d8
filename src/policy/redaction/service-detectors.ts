/** Tokens of services beyond the table of classes, found by the rules that the secretlint project keeps up to date. */
import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import { isRecord } from '#core/json.ts';
import { endOfMatch, isWordStart, type Detector } from './trigger-scan.ts';

/**
 * Only rules for tokens with a beginning of their own, by these beginnings. A rule is run on a piece of text that begins there,
 * so that its cost is bounded whatever the text is; rules that look for names, addresses or account numbers are done better by
 * other passes and left out.
 */
const BEGINNINGS: Readonly<Record<string, readonly string[]>> = {
  sendgrid: ['SG.'],
  shopify: ['shppa_', 'shpca_', 'shpat_', 'shpss_'],
  linear: ['lin_api_'],
  notion: ['ntn_'],
  grafana: ['glc_', 'glsa_'],
  '1password': ['ops_ey'],
  'hashicorp-vault': ['hvs.', 'hvb.', 'hvr.'],
  vercel: ['vcp_', 'vci_', 'vca_', 'vcr_', 'vck_'],
  databricks: ['dapi'],
  docker: ['dckr_pat_'],
  figma: ['figd_'],
};

/** No token of these services is longer. */
const MAX_TOKEN_CHARS = 1400;
const TOKEN = /[A-Za-z0-9_.+/=-]{1,1400}/y;

interface Rule {
  create(context: unknown, options: unknown): { file(source: unknown): unknown };
}

/** @throws Error when the package has not the rules that are named here; a test sees that first. */
export function createServiceDetectors(): readonly Detector[] {
  return Object.entries(BEGINNINGS).map(([name, words]) => {
    const rule = ruleOf(name);
    return {
      words,
      find(text, at) {
        if (!words.some((word) => text.startsWith(word, at)) || !isWordStart(text, at))
          return undefined;
        const token = text.slice(at, endOfMatch(TOKEN, text, at) ?? at);
        const length = lengthAtStart(rule, token);
        return length === 0 ? undefined : { start: at, end: at + length, kind: 'service-token' };
      },
    };
  });
}

function ruleOf(name: string): Rule {
  const all: readonly unknown[] = rules;
  const found = all.find(
    (rule): rule is Rule =>
      isRecord(rule) &&
      isRecord(rule['meta']) &&
      rule['meta']['id'] === `@secretlint/secretlint-rule-${name}` &&
      typeof rule['create'] === 'function',
  );
  if (found === undefined) throw new Error(`secretlint has no rule ${name}`);
  return found;
}

/** How many characters of a token the rule reports from its very beginning; 0 when it reports nothing. */
function lengthAtStart(rule: Rule, token: string): number {
  let length = 0;
  const context = {
    createTranslator: () => () => ({ message: '', messageId: '' }),
    report: ({ range: [start, end] }: { readonly range: readonly [number, number] }) => {
      if (start === 0) length = Math.max(length, end);
    },
    ignore: () => undefined,
  };
  rule.create(context, {}).file({ content: token, filePath: 'text', contentType: 'text', ext: '' });
  return Math.min(length, MAX_TOKEN_CHARS);
}
