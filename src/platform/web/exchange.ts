/** One request through its redirects, with what it may carry to whom. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { httpRequest, type HttpRequest, type HttpResponse } from '../http.ts';
import type { Credential, CredentialRule, WebRequest } from './contract.ts';
import type { Slots } from './turns.ts';
import type { UrlPolicy } from './url-policy.ts';

const MAX_REDIRECTS = 5;
const DEFAULT_TIMEOUT_MS = 15_000;
export const DEFAULT_MAX_BYTES = 20 * 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface ExchangeParts {
  readonly policy: UrlPolicy;
  readonly credentialFor: CredentialRule;
  readonly slots: Slots;
  readonly userAgent: string;
  /** For https addresses other than on this machine. Asked for each request. */
  readonly proxy: () => string | undefined;
}

export interface RawAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly credentialSource: string | undefined;
}

/** @throws GloveboxError `http/refused`, `http/failed`, `http/too-large`, `timeout`, `cancelled`. */
export async function exchange(
  request: WebRequest,
  credential: Credential | undefined,
  parts: ExchangeParts,
  signal: AbortSignal | undefined,
): Promise<RawAnswer> {
  const first = new URL(request.url);
  let url = first;
  let method = request.method ?? 'GET';
  let body = request.body;
  let carried = credential;
  for (let hops = 0; ; hops += 1) {
    parts.policy.check(url);
    await request.turn?.(signal);
    const answer = await sendOne({ ...request, method }, url, body, carried, parts, signal);
    const location = answer.headers.get('location');
    if (!REDIRECTS.has(answer.status) || location === null || request.redirects === 'none') {
      const bytes = await decompress(answer, request.maxBytes ?? DEFAULT_MAX_BYTES);
      const { status, headers } = answer;
      return { status, url: url.href, headers, bytes, credentialSource: carried?.source };
    }
    if (hops === MAX_REDIRECTS)
      throw refused(first, `it is redirected more than ${MAX_REDIRECTS} times`);
    const next = resolve(location, url);
    checkRedirect(request, first, url, next);
    if (answer.status === 303 || (answer.status <= 302 && method === 'POST')) {
      if (request.isRead !== true && method !== 'GET' && method !== 'HEAD')
        throw refused(first, 'a request that changes something was redirected');
      method = method === 'HEAD' ? 'HEAD' : 'GET';
      body = undefined;
    }
    // Whoever comes back from elsewhere has lost it for good.
    if (next.origin !== url.origin) carried = undefined;
    url = next;
  }
}

async function sendOne(
  request: WebRequest & { readonly method: string },
  url: URL,
  body: WebRequest['body'],
  credential: Credential | undefined,
  { policy, slots, userAgent, proxy: proxyNow }: ExchangeParts,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const wantsPart = Object.keys(request.headers ?? {}).some((name) => /^range$/i.test(name));
  const proxy = /^(localhost|127\.|\[::1\])/.test(url.hostname) ? undefined : proxyNow();
  const raw: HttpRequest = {
    method: request.method,
    url: url.href,
    headers: {
      'user-agent': userAgent,
      accept: '*/*',
      ...(!wantsPart && request.onChunk === undefined && { 'accept-encoding': 'gzip' }),
      ...request.headers,
      ...(credential !== undefined && { [credential.header]: credential.value }),
    },
    ...(body !== undefined && { body }),
    timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBytes: request.maxBytes ?? DEFAULT_MAX_BYTES,
    isPublicOnly: !policy.isTrusted(url),
    ...(proxy !== undefined && { proxy }),
    ...(signal !== undefined && { signal }),
    ...(request.onChunk !== undefined && { onChunk: request.onChunk }),
  };
  // It may last for hours.
  if (request.onChunk !== undefined) return httpRequest(raw);
  return slots.run(url.origin, () => httpRequest(raw), signal);
}

function checkRedirect(request: WebRequest, first: URL, from: URL, to: URL): void {
  const rule = request.redirects ?? 'same-origin';
  if (from.protocol === 'https:' && to.protocol !== 'https:')
    throw refused(first, `it is redirected from https to ${to.protocol.slice(0, -1)}`);
  const isAllowed =
    typeof rule === 'function' ? rule(to) : rule === 'anywhere' || to.origin === first.origin;
  if (!isAllowed) throw refused(first, `it is redirected to ${originOf(to)}`);
}

/** Of `file:` and the like there is none. */
const originOf = ({ origin, protocol }: URL): string => (origin === 'null' ? protocol : origin);

function resolve(location: string, base: URL): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  if (url === undefined) throw refused(base, 'it is redirected to something that is no address');
  return url;
}

function refused(url: URL, why: string): GloveboxError {
  return new GloveboxError('http/refused', `${url.origin}${url.pathname} is refused: ${why}.`, {
    hint: 'ask for something else: it was not followed, and nothing was sent there. An address of yours in front of a service belongs into its option (HF_ENDPOINT and the like).',
  });
}

const unzip = promisify(gunzip);

async function decompress({ headers, bytes }: HttpResponse, maxBytes: number): Promise<Buffer> {
  if (headers.get('content-encoding') !== 'gzip' || bytes.length === 0) return bytes;
  try {
    return await unzip(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError)
      throw new GloveboxError(
        'http/too-large',
        `The answer is longer than ${renderBytes(maxBytes)}.`,
      );
    throw new GloveboxError('http/failed', `The answer cannot be unpacked (${messageOf(error)}).`, {
      cause: error,
    });
  }
}
