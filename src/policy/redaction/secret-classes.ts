/** What kinds of secrets there are, how each looks once it is taken out, and how many of each were found. */

export const SECRET_CLASSES = [
  'hf-token',
  'llm-key',
  'github-token',
  'vcs-registry-token',
  'aws',
  'google',
  'slack',
  'payment',
  'modal',
  'jwt',
  'private-key',
  'auth-header',
  'url-secret',
  'named-secret',
  'known-secret',
  'service-token',
] as const;
export type SecretClass = (typeof SECRET_CLASSES)[number];

const WORDS: Readonly<Record<SecretClass, string>> = {
  'hf-token': 'Hugging Face token',
  'llm-key': 'key of a model provider',
  'github-token': 'GitHub token',
  'vcs-registry-token': 'token of GitLab or a package registry',
  aws: 'AWS key',
  google: 'Google key',
  slack: 'Slack token',
  payment: 'payment key',
  modal: 'Modal token',
  jwt: 'JSON web token',
  'private-key': 'private key',
  'auth-header': 'credential in a header',
  'url-secret': 'credential in an address',
  'named-secret': 'value under the name of a secret',
  'known-secret': 'secret of this machine',
  'service-token': 'token of another service',
};

/** For a sentence: `Hugging Face token`. */
export const wordsOf = (kind: SecretClass): string => WORDS[kind];

export const placeholder = (kind: SecretClass): string => `[REDACTED:${kind}]`;

/** Whether a text holds something that was taken out before: what was done once is not done again. */
export const holdsPlaceholder = (text: string): boolean => text.includes('[REDACTED:');

export interface SecretCount {
  readonly class: SecretClass;
  readonly count: number;
}

/** Counts what was taken out, never what it was. */
export class Tally {
  readonly #counts = new Map<SecretClass, number>();

  /** Counts one and returns what stands in its place. */
  take(kind: SecretClass): string {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    return placeholder(kind);
  }

  /** Counts everything that was counted elsewhere. */
  addCounts(counts: readonly SecretCount[]): void {
    for (const { class: kind, count } of counts)
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** In the order of the table. */
  counts(): readonly SecretCount[] {
    return SECRET_CLASSES.flatMap((kind) => {
      const count = this.#counts.get(kind);
      return count === undefined ? [] : [{ class: kind, count }];
    });
  }
}

/** `2 × hf-token, 1 × jwt`; `nothing` when there was none. */
export const renderCounts = (counts: readonly SecretCount[]): string =>
  counts.map(({ class: kind, count }) => `${count} × ${kind}`).join(', ') || 'nothing';
