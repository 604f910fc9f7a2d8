/** What every operation on the Hub and on the services of papers gets: the way there, and where "there" is. */
import type { Clock } from '#platform/clock.ts';
import type { WebClient } from '#platform/web/contract.ts';

/** Addresses without the slash at their end. All are options, so that a mirror can stand in for each. */
export interface HubHosts {
  readonly hub: string;
  readonly datasetsServer: string;
  readonly semanticScholar: string;
  readonly arxiv: string;
  readonly ar5iv: string;
  readonly gradio: string;
}

export interface HubContext {
  /** Sends every request; credentials, retries, the cache and the rules for addresses are its business. */
  readonly web: WebClient;
  /** @throws GloveboxError `config/invalid` for an address that cannot be used. */
  readonly hosts: () => HubHosts;
  /** One Semantic Scholar request a second, whoever asks: see `semantic-scholar.ts`. */
  readonly scholarTurn: (signal?: AbortSignal) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For waits that somebody asked for. */
  readonly clock: Clock;
}

/** What the tokens are called in texts. */
export const HF_TOKEN_NAMES = 'HF_TOKEN (or GLOVEBOX_HF_TOKEN)';
