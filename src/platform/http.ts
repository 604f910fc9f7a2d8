/** One HTTP request with its own time limit: no proxy of the environment, no redirect, no retry that could do something twice. */
import {
  Agent as HttpAgent,
  request as httpRequestOf,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequestOf } from 'node:https';
import type { Duplex } from 'node:stream';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { systemClock } from './clock.ts';
import { errnoOf } from './files.ts';
import { lookupPublic } from './web/private-address.ts';
import { openTunnel } from './web/tunnel.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** From the call to the last byte of the answer; with `onChunk`, from the last piece to the next one. */
  readonly timeoutMs: number;
  /** Given the body of a 2xx answer piece by piece as it comes; nothing of it is kept then. For streams without an end. */
  readonly onChunk?: (chunk: Buffer) => void;
  /** A longer body ends the request with `http/too-large`. Default: no limit. */
  readonly maxBytes?: number;
  /** Refuses a host name that resolves to an address which is not public. Addresses as such are the caller's to check. */
  readonly isPublicOnly?: boolean;
  /** Reaches an https address through this proxy, which then looks up its name. The only proxy there is. */
  readonly proxy?: string;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  /** Any status: 3xx, 4xx and 5xx are answers, not errors. */
  readonly status: number;
  readonly headers: Headers;
  /** The whole body. */
  readonly bytes: Buffer;
  /** The whole body as UTF-8. */
  readonly text: string;
}

// Own agents, because Node's global ones may be told by the environment to use a proxy. Idle sockets keep no process alive.
const reusing = {
  'http:': new HttpAgent({ keepAlive: true }),
  'https:': new HttpsAgent({ keepAlive: true }),
};
const fresh = { 'http:': new HttpAgent(), 'https:': new HttpsAgent() };
// Connections that were made under the stricter rule are kept apart: a kept one is not looked up again.
const reusingPublic = {
  'http:': new HttpAgent({ keepAlive: true, lookup: lookupPublic }),
  'https:': new HttpsAgent({ keepAlive: true, lookup: lookupPublic }),
};
const freshPublic = {
  'http:': new HttpAgent({ lookup: lookupPublic }),
  'https:': new HttpsAgent({ lookup: lookupPublic }),
};

/**
 * Sends one request and reads the answer. Proxy variables are ignored. Redirects are answers with their 3xx status.
 *
 * A kept-alive connection that the server closed in the same moment is tried once more for GET and HEAD. Every other method
 * gets a connection of its own, so a request is never sent twice.
 *
 * @throws GloveboxError `http/failed` (refused, reset, name unknown, cut short; Node's code is in the text), `http/refused`,
 * `http/too-large`, `timeout`, `cancelled`.
 */
export async function httpRequest(request: HttpRequest): Promise<HttpResponse> {
  const url = new URL(request.url);
  const safe = request.method === 'GET' || request.method === 'HEAD';
  // Own controller: AbortSignal.any over AbortSignal.timeout can be garbage collected before it fires in Node 20.
  const stop = new AbortController();
  const limit = { passed: false };
  const onAbort = (): void => stop.abort();
  const startTimer = (): (() => void) =>
    systemClock.after(request.timeoutMs, () => {
      limit.passed = true;
      stop.abort();
    });
  let cancelTimer = startTimer();
  const { onChunk } = request;
  const told =
    onChunk === undefined
      ? request
      : {
          ...request,
          onChunk: (chunk: Buffer) => {
            cancelTimer();
            cancelTimer = startTimer();
            onChunk(chunk);
          },
        };
  request.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(request.signal);
    if (request.proxy !== undefined && url.protocol === 'https:') {
      const socket = await openTunnel(request.proxy, url, stop.signal);
      return await exchange(told, url, { createConnection: () => socket }, stop.signal).answer;
    }
    const once = request.isPublicOnly === true ? freshPublic : fresh;
    const kept = request.isPublicOnly === true ? reusingPublic : reusing;
    // What was told piece by piece must not be told again.
    if (!safe || onChunk !== undefined) return await exchange(told, url, once, stop.signal).answer;
    const first = exchange(request, url, kept, stop.signal);
    return await first.answer.catch((error: unknown) => {
      const raced =
        first.outgoing.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '');
      if (!raced || stop.signal.aborted) throw error;
      return exchange(request, url, once, stop.signal).answer;
    });
  } catch (error) {
    throw translate(error, request, url, limit.passed);
  } finally {
    cancelTimer();
    request.signal?.removeEventListener('abort', onAbort);
  }
}

type Agents = { readonly 'http:': HttpAgent; readonly 'https:': HttpsAgent };
/** A kept connection out of an agent, or one that is there already. */
type Connections = Agents | { readonly createConnection: () => Duplex };
interface Exchange {
  readonly outgoing: ClientRequest;
  readonly answer: Promise<HttpResponse>;
}

function exchange(
  request: HttpRequest,
  url: URL,
  from: Connections,
  signal: AbortSignal,
): Exchange {
  const { method, body } = request;
  const headers = {
    ...request.headers,
    ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const options = { method, headers, signal };
  const outgoing =
    'createConnection' in from
      ? httpsRequestOf(url, { ...options, ...from })
      : url.protocol === 'https:'
        ? httpsRequestOf(url, { ...options, agent: from['https:'] })
        : httpRequestOf(url, { ...options, agent: from['http:'] });
  const answer = new Promise<HttpResponse>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      read(incoming, request).then(resolve, reject);
    });
  });
  outgoing.end(body);
  return { outgoing, answer };
}

async function read(
  incoming: IncomingMessage,
  { maxBytes = Infinity, onChunk }: Pick<HttpRequest, 'maxBytes' | 'onChunk'>,
): Promise<HttpResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  const { statusCode = 0 } = incoming;
  const tell = statusCode >= 200 && statusCode < 300 ? onChunk : undefined;
  for await (const chunk of incoming) {
    if (!(chunk instanceof Buffer)) continue;
    if (tell !== undefined) {
      tell(chunk);
      continue;
    }
    size += chunk.length;
    // Leaving the loop by an error ends the connection.
    if (size > maxBytes)
      throw new GloveboxError(
        'http/too-large',
        `The answer is longer than ${renderBytes(maxBytes)}.`,
      );
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const pairs = incoming.rawHeaders;
  return {
    status: statusCode,
    // Made when asked for: the class costs 20 ms to load, and most callers read only status and text.
    get headers() {
      const headers = new Headers();
      for (let at = 0; at + 1 < pairs.length; at += 2)
        headers.append(pairs[at] ?? '', pairs[at + 1] ?? '');
      return headers;
    },
    bytes,
    get text() {
      return bytes.toString('utf8');
    },
  };
}

function translate(
  error: unknown,
  request: HttpRequest,
  url: URL,
  tooLate: boolean,
): GloveboxError {
  if (request.signal?.aborted === true) return cancelled(request.signal);
  if (isGloveboxError(error)) return error;
  // Without query and credentials: an address may carry a token.
  const what = `${request.method} ${url.origin}${url.pathname}`;
  if (tooLate) {
    return new GloveboxError(
      'timeout',
      `No complete answer to ${what} within ${request.timeoutMs / 1000} s.`,
      { cause: error },
    );
  }
  const code = errnoOf(error);
  const why = code === undefined ? messageOf(error) : `${code}, ${messageOf(error)}`;
  return new GloveboxError('http/failed', `${what} failed (${why}).`, { cause: error });
}
