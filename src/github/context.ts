/** What every operation on GitHub gets: the way there, and where "there" is. */
import type { WebClient } from '#platform/web/contract.ts';

export interface GithubContext {
  /** Sends every request; credentials, retries, the cache and the rules for addresses are its business. */
  readonly web: WebClient;
  /** Addresses without the slash at their end. @throws GloveboxError `config/invalid`. */
  readonly hosts: () => { readonly api: string; readonly raw: string };
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
