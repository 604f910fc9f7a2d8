/** Sends one request of a program to a port inside a sandbox. */
import { httpRequest } from '#platform/http.ts';
import type { Call } from './call.ts';
import type { PortRequestOptions, PortResponse } from './contract.ts';

const DEFAULT_S = 60;

export async function requestPort(
  sandboxId: string,
  port: number,
  { path = '/', method = 'GET', headers = {}, body, timeoutSeconds }: PortRequestOptions,
  { engine, signal }: Call,
): Promise<PortResponse> {
  const endpoint = await engine.sandboxes.waysIn.portEndpoint(sandboxId, port, signal);
  return httpRequest({
    method,
    url: new URL(path.replace(/^\/+/, ''), endpoint.baseUrl).href,
    headers: { ...headers, ...endpoint.headers },
    timeoutMs: (timeoutSeconds ?? DEFAULT_S) * 1000,
    signal,
    ...(body !== undefined && { body }),
  });
}
