/** Makes the one way to remote services: checked addresses, retries, a cache, turns, credentials. */
import { createHash } from 'node:crypto';
import { GloveboxError, isGloveboxError, type ErrorCode } from '#core/errors.ts';
import { sleep, type Clock } from '../clock.ts';
import type { CredentialRule, Credential, WebClient, WebRequest, WebResponse } from './contract.ts';
import type { AnswerCache, StoredAnswer } from './disk-cache.ts';
import { exchange, type RawAnswer } from './exchange.ts';
import { backoffMs, isTransient, waitHintMs } from './retry-hints.ts';
import { createSharedWork } from './shared-work.ts';
import { createSlots } from './turns.ts';
import type { UrlPolicy } from './url-policy.ts';

const PER_ORIGIN = 8;
const ATTEMPTS = 3;
const MAX_WAIT_MS = 10_000;
/** That something is not there may change any moment; asking again and again for it is what this prevents. */
const NOT_FOUND_MS = 60_000;
/** Headers that describe the content; all others belong to the one exchange. */
const KEPT_HEADERS =
  'content-type content-range etag last-modified link x-repo-commit x-linked-size x-linked-etag x-error-code x-error-message'.split(
    ' ',
  );

export interface WebClientOptions {
  readonly clock: Clock;
  readonly policy: UrlPolicy;
  readonly credentialFor: CredentialRule;
  readonly cache: AnswerCache;
  readonly userAgent: string;
  /** For https addresses other than on this machine; none by default. Asked for each request. */
  readonly proxy?: () => string | undefined;
  /** From 0 to 1, for the spread of pauses. */
  readonly random?: () => number;
}

export function createWebClient(options: WebClientOptions): WebClient {
  const { clock, policy, credentialFor, cache, random = Math.random } = options;
  const parts = { proxy: () => undefined, ...options, slots: createSlots(PER_ORIGIN) };
  const shared = createSharedWork<WebResponse>();

  const attempt = async (
    request: WebRequest,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RawAnswer> => {
    let waitedMs = 0;
    for (let count = 1; ; count += 1) {
      const last = count === ATTEMPTS || !isReadOnly(request) || request.onChunk !== undefined;
      let pauseMs = backoffMs(count, random());
      try {
        const answer = await exchange(request, credential, parts, signal);
        if (last || !isTransient(answer)) return answer;
        // No answer to "when" is followed by a guess; an answer is followed, or not waited for at all.
        pauseMs = waitHintMs(answer.headers, clock.now()) ?? pauseMs;
        if (waitedMs + pauseMs > MAX_WAIT_MS) return answer;
      } catch (error) {
        if (last || !isGloveboxError(error, 'http/failed') || waitedMs + pauseMs > MAX_WAIT_MS)
          throw isReadOnly(request) ? withNextStep(error) : error;
      }
      await sleep(clock, pauseMs, signal);
      waitedMs += pauseMs;
    }
  };

  const overTheNetwork = async (
    request: WebRequest,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<WebResponse> => toResponse(await attempt(request, credential, signal));

  const throughTheCache = async (
    request: WebRequest & { readonly cacheMs: number },
    credential: Credential | undefined,
    key: string,
    signal: AbortSignal,
  ): Promise<WebResponse> => {
    const known = await cache.load(key);
    const ageMs = known === undefined ? 0 : Math.max(0, clock.now() - known.storedMs);
    const freshMs = known?.status === 404 ? NOT_FOUND_MS : request.cacheMs;
    const source = credential?.source;
    if (known !== undefined && ageMs < freshMs) return fromCache(known, 'fresh', ageMs, source);
    const etag = known?.headers['etag'];
    const asked =
      etag === undefined || known?.status !== 200
        ? request
        : { ...request, headers: { ...request.headers, 'if-none-match': etag } };
    const isUsable = known?.status === 200 && request.mayBeStale === true;
    try {
      const answer = await attempt(asked, credential, signal);
      if (answer.status === 304 && known !== undefined) {
        await cache.save(key, { ...known, storedMs: clock.now() });
        return fromCache(known, 'revalidated', 0, source);
      }
      if (isUsable && isTransient(answer)) return fromCache(known, 'stale', ageMs, source);
      if (answer.status === 200 || answer.status === 206 || answer.status === 404)
        await cache.save(key, toStored(answer, clock.now()));
      return toResponse(answer);
    } catch (error) {
      if (isUsable && isGloveboxError(error) && error.retryable)
        return fromCache(known, 'stale', ageMs, source);
      throw error;
    }
  };

  return {
    async send(request, signal) {
      const url = parseUrl(request.url);
      policy.check(url);
      const credential = request.credentials === 'none' ? undefined : await credentialFor(url);
      if (!isReadOnly(request) || request.onChunk !== undefined)
        return overTheNetwork(request, credential, signal);
      const key = keyOf(request, credential);
      const { cacheMs } = request;
      return shared.join(
        key,
        (stop) =>
          cacheMs === undefined
            ? overTheNetwork(request, credential, stop)
            : throughTheCache({ ...request, cacheMs }, credential, key, stop),
        signal,
      );
    },
  };
}

const NEXT_STEPS: Partial<Record<ErrorCode, string>> = {
  'http/failed':
    'try again in a minute; a network that wants a proxy needs GLOVEBOX_PROXY, and `glovebox doctor` tells which hosts are asked.',
  timeout: 'try again in a minute, or ask for less at once.',
  'http/too-large': 'ask for less at once, or for a part of it.',
};

/** A read that failed without a word on what to do about it. Nothing else may be told to be repeated. */
function withNextStep(error: unknown): unknown {
  if (!isGloveboxError(error) || error.hint !== undefined) return error;
  const hint = NEXT_STEPS[error.code];
  return hint === undefined
    ? error
    : new GloveboxError(error.code, error.message, { hint, cause: error });
}

const isReadOnly = ({ method = 'GET', isRead }: WebRequest): boolean =>
  isRead ?? (method === 'GET' || method === 'HEAD');

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw unreadable('An address cannot be read as one.');
  // The parser would resolve them in silence, and a name out of a call lead to another address than was meant.
  if (/[/\\](?:\.|%2e){1,2}(?:[/\\]|$)/i.test(text.replace(/[?#].*$/s, '')))
    throw unreadable('A name in an address is "." or "..", which is none.');
  return new URL(text);
}

const unreadable = (message: string): GloveboxError =>
  new GloveboxError('http/refused', message, { hint: 'correct the name; nothing was sent.' });

/** What makes two reads the same one. Of a credential only a hash is in it. */
function keyOf(request: WebRequest, credential: Credential | undefined): string {
  const { method = 'GET', url, headers = {}, body = '', redirects, maxBytes } = request;
  const secret = createHash('sha256')
    .update(credential?.value ?? '')
    .digest('hex');
  const content = createHash('sha256').update(body).digest('hex');
  const rule = typeof redirects === 'function' ? 'rule' : redirects;
  return JSON.stringify([
    method,
    url,
    headers,
    credential === undefined ? '' : secret,
    content,
    rule,
    maxBytes,
  ]);
}

function toResponse(answer: RawAnswer): WebResponse {
  return {
    ...answer,
    get text() {
      return answer.bytes.toString('utf8');
    },
    cache: { state: 'none', ageMs: 0 },
  };
}

function toStored({ status, url, headers, bytes }: RawAnswer, storedMs: number): StoredAnswer {
  const kept = KEPT_HEADERS.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { status, url, headers: Object.fromEntries(kept), storedMs, bytes };
}

function fromCache(
  known: StoredAnswer,
  state: 'fresh' | 'revalidated' | 'stale',
  ageMs: number,
  credentialSource: string | undefined,
): WebResponse {
  return {
    status: known.status,
    url: known.url,
    headers: new Headers(known.headers),
    bytes: known.bytes,
    get text() {
      return known.bytes.toString('utf8');
    },
    cache: { state, ageMs },
    credentialSource,
  };
}
