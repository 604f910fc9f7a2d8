/** The official client of the Hub, for what it covers: loaded when needed, and sent over our one way to remote services. */
import type * as Hub from '@huggingface/hub';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { reasonOf } from '#platform/web/answer-text.ts';
import type { WebRequest } from '#platform/web/contract.ts';
import type { HubContext } from '../context.ts';
import { hubFailure, isSuccess, type HubTarget } from '../failures.ts';

const TIMEOUT_MS = 110_000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

type Client = typeof Hub;

export interface ClientOptions {
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
}

/**
 * Runs one operation of the official client, which changes something: its requests are sent once.
 *
 * It never sees a token: credentials are added on the way, and only for their own host.
 *
 * @throws GloveboxError as `hubFailure` and `WebClient.send`; where a connection broke, the text says that the outcome is not known.
 */
export async function withOfficialClient<T>(
  hub: HubContext,
  target: HubTarget,
  signal: AbortSignal,
  work: (client: Client, options: ClientOptions) => Promise<T>,
): Promise<T> {
  const client = await import('@huggingface/hub');
  const options = { hubUrl: hub.hosts().hub, fetch: fetchOverWeb(hub, target, signal) };
  try {
    return await work(client, options);
  } catch (error) {
    throw asFailure(error, target);
  }
}

function asFailure(error: unknown, { what }: HubTarget): GloveboxError {
  if (!isGloveboxError(error)) {
    return new GloveboxError(
      'remote/failed',
      `The Hub's answer for ${what} was not understood. Whether it was changed is not known.`,
      { hint: 'look at it before trying again.', cause: error },
    );
  }
  const isUnknown = error.code === 'http/failed' || error.code === 'timeout';
  if (!isUnknown) return error;
  return new GloveboxError(
    error.code,
    `${error.message} Whether ${what} was changed is not known.`,
    { hint: 'look at it before trying again: nothing was sent a second time.', cause: error },
  );
}

function fetchOverWeb(hub: HubContext, target: HubTarget, signal: AbortSignal): typeof fetch {
  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = Object.fromEntries(
      [...new Headers(init.headers)].filter(([name]) => name !== 'authorization'),
    );
    const body = await bodyOf(init.body);
    const response = await hub.web.send(
      {
        url,
        method: methodOf(init.method),
        headers,
        timeoutMs: TIMEOUT_MS,
        ...(body !== undefined && { body }),
      },
      signal,
    );
    if (isSuccess(response)) {
      const isEmpty = response.status === 204 || response.bytes.length === 0;
      return new Response(isEmpty ? null : new Uint8Array(response.bytes), {
        status: response.status,
        headers: response.headers,
      });
    }
    if (new URL(url).origin === new URL(hub.hosts().hub).origin)
      throw hubFailure(hub, response, target);
    throw new GloveboxError(
      'remote/failed',
      `The storage behind the Hub did not take the file.\nIt answered ${response.status}: ${reasonOf(response)}`,
      { hint: 'try again in a minute; nothing was committed.' },
    );
  };
}

function methodOf(method: string | undefined): NonNullable<WebRequest['method']> {
  return METHODS.find((known) => known === (method ?? 'GET').toUpperCase()) ?? 'GET';
}

async function bodyOf(body: RequestInit['body']): Promise<string | Uint8Array | undefined> {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return body;
  return new Uint8Array(await new Response(body).arrayBuffer());
}
