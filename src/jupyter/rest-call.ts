/** Calls of a Jupyter server over REST: one request each, with its failures translated once. */
import type { EndpointSource } from '#core/endpoint.ts';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { httpRequest, type HttpResponse } from '#platform/http.ts';
import { errorTextOf, isFromJupyter } from './rest-answers.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base URL, without a leading slash. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Beside those of the endpoint. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export interface Caller {
  /** Any answer but 401 and 403. @throws `server/unreachable`, `server/refused`, `cancelled`. */
  send(this: void, call: Call): Promise<HttpResponse>;
  /** Sends, and reads the JSON of an answer with a good status. @throws also `server/error`. */
  ask(this: void, call: Call): Promise<unknown>;
  /** Sends a DELETE. What is not there any more counts as done. @throws also `server/error`. */
  remove(this: void, call: Call): Promise<void>;
}

export function createCaller(endpoint: EndpointSource): Caller {
  const send = async (call: Call): Promise<HttpResponse> => {
    const { baseUrl, headers } = await endpoint(call.signal);
    try {
      const response = await httpRequest({
        method: call.method,
        url: `${baseUrl}${call.path}`,
        headers: {
          ...headers,
          ...call.headers,
          ...(call.body && { 'Content-Type': 'application/json' }),
        },
        timeoutMs: call.timeoutMs,
        ...(call.body && { body: JSON.stringify(call.body) }),
        ...(call.signal && { signal: call.signal }),
      });
      if (response.status === 401 || response.status === 403) throw refused(call, response);
      return response;
    } catch (error) {
      if (isGloveboxError(error, 'http/failed') || isGloveboxError(error, 'timeout')) {
        throw new GloveboxError(
          'server/unreachable',
          `The Jupyter server does not answer. ${error.message}`,
          {
            hint: 'It may still be alive, and code in its kernels may still run: ask again later, for example with ping.',
            cause: error,
          },
        );
      }
      throw error;
    }
  };

  /** Sends, and reads the JSON of an answer with a good status. */
  const ask = async (call: Call): Promise<unknown> => readJson(call, await send(call));

  /** Sends a DELETE. What is not there any more counts as done. */
  const remove = async (call: Call): Promise<void> => {
    const response = await send(call);
    // 410: the kernel of a session had been deleted before.
    const absent = response.status === 404 || response.status === 410;
    if (isGood(response) || (absent && isFromJupyter(response.text))) return;
    throw unexpected(call, response);
  };

  return { send, ask, remove };
}

export function readJson(call: Call, response: HttpResponse): unknown {
  if (!isGood(response)) throw unexpected(call, response);
  try {
    const parsed: unknown = JSON.parse(response.text);
    return parsed;
  } catch (error) {
    throw new GloveboxError('server/error', `${what(call)} was not answered with JSON.`, {
      hint: 'Check that the address is that of a Jupyter server.',
      cause: error,
    });
  }
}

export function isGood({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300;
}

function what({ method, path }: Call): string {
  return `${method} /${path}`;
}

function refused(call: Call, { status, text }: HttpResponse): GloveboxError {
  return new GloveboxError(
    'server/refused',
    `${what(call)} was refused with status ${status}${errorTextOf(text)}.`,
    {
      hint: 'The address may belong to another Jupyter server by now. sandbox_list shows what runs.',
    },
  );
}

export function unexpected(call: Call, { status, text }: HttpResponse): GloveboxError {
  return new GloveboxError(
    'server/error',
    `${what(call)} was answered with status ${status}${errorTextOf(text)}.`,
    {
      hint: "Look at the last lines of the server's log: sandbox_list with the sandbox's id shows them.",
    },
  );
}
