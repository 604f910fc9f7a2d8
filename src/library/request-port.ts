/** Sends one request of a program to a port inside a sandbox. */
import { GloveboxError } from '#core/errors.ts';
import { httpRequest } from '#platform/http.ts';
import type { Call } from './call.ts';
import type { PortRequestOptions, PortResponse } from './contract.ts';

const DEFAULT_S = 60;

/** The credentials of the server go to that port, wherever a path would lead. @throws `input/invalid`. */
function addressOf(path: string, baseUrl: string): string {
  const { href } = new URL(`./${path.replace(/^\/+/, '')}`, baseUrl);
  if (href.startsWith(baseUrl)) return href;
  throw new GloveboxError('input/invalid', `The path "${path}" leads out of the port.`, {
    hint: 'Give a path that begins with a slash, without "..".',
  });
}

export async function requestPort(
  sandboxId: string,
  port: number,
  { path = '/', method = 'GET', headers = {}, body, timeoutSeconds }: PortRequestOptions,
  { engine, signal }: Call,
): Promise<PortResponse> {
  const endpoint = await engine.sandboxes.waysIn.portEndpoint(sandboxId, port, signal);
  return httpRequest({
    method,
    url: addressOf(path, endpoint.baseUrl),
    headers: { ...headers, ...endpoint.headers },
    timeoutMs: (timeoutSeconds ?? DEFAULT_S) * 1000,
    signal,
    ...(body !== undefined && { body }),
  });
}
