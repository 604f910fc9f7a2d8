/** What the rest of Glovebox sees of remote services: one way to ask, with everything that must never be forgotten built in. */

/** What goes along to one origin, and where it came from, for texts. */
export interface Credential {
  /** `authorization`, `x-api-key`. */
  readonly header: string;
  /** A secret; it is in no text and no log. */
  readonly value: string;
  /** The variable, option or file that holds it. */
  readonly source: string;
}

/**
 * Decides, for every request, whether something secret goes along. The one place of that decision: nobody else sets such a
 * header. Asked at the time of the call, so that a token that was just written down counts.
 */
export type CredentialRule = (url: URL) => Promise<Credential | undefined>;

export interface WebRequest {
  readonly url: string;
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Never an Authorization, Cookie or key header: see `CredentialRule`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For each attempt. Default 15 s. */
  readonly timeoutMs?: number;
  /** Longer answers fail with `http/too-large`. Default 20 MiB, after decompression. */
  readonly maxBytes?: number;
  /** Changes nothing at the service, so it may be sent again. Default: true for GET and HEAD, else false. */
  readonly isRead?: boolean;
  /** How long an answer counts as fresh. Without it nothing is stored. Only for reads. */
  readonly cacheMs?: number;
  /** A stored answer, however old, is better than a failure; `cache.state` says `stale` then. */
  readonly mayBeStale?: boolean;
  /**
   * Where redirects may lead: to the same origin (default), to any allowed address, nowhere (the 3xx is the answer), or where
   * the function says.
   */
  readonly redirects?: 'same-origin' | 'anywhere' | 'none' | ((url: URL) => boolean);
  /** `none` sends no credential even to its own host. Default `own`. */
  readonly credentials?: 'own' | 'none';
  /**
   * Given the body of a 2xx answer piece by piece as it comes, for streams without an end; `timeoutMs` is then how long the stream
   * may be silent. Such a request is sent once, takes no turn from others, and is neither shared nor stored.
   */
  readonly onChunk?: (chunk: Buffer) => void;
  /** Waited for before each attempt: for services that count requests per second. */
  readonly turn?: (signal?: AbortSignal) => Promise<void>;
}

export interface WebResponse {
  /** Any status but 304: 4xx and 5xx are answers, not errors. */
  readonly status: number;
  /** Of the last request, after redirects. */
  readonly url: string;
  /** An answer from the cache has only those that describe its content. */
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  readonly cache: {
    /** `none`: came over the network as it is. `stale`: the service failed, and this is what it said before. */
    readonly state: 'none' | 'fresh' | 'revalidated' | 'stale';
    readonly ageMs: number;
  };
  /** Where the credential came from that went along; undefined when none did. */
  readonly credentialSource: string | undefined;
}

export interface WebClient {
  /**
   * Sends one request, as one would hope that everybody did:
   * - the address, and that of every redirect, is checked first; a redirect (at most 5) to another origin never carries a
   *   credential, nor does one that comes back; https never becomes http;
   * - at most 8 requests are in flight per origin;
   * - a read is tried up to 3 times after 429, 5xx and broken connections (not after 501, nor a failure with an `X-Error-Code`), at
   *   the time the service names, as long as the waiting stays below 10 s in all; then the answer is given back as it is.
   *   Everything else is sent once;
   * - equal reads at the same time are one request; it ends when nobody waits for it any more;
   * - stored answers are bound to the credential they were given for, revalidated by ETag, and bounded on disk.
   *
   * @throws GloveboxError `http/refused`, `http/failed`, `http/too-large`, `timeout`, `cancelled`.
   */
  send(request: WebRequest, signal?: AbortSignal): Promise<WebResponse>;
}
