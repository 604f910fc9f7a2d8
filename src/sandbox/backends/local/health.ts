/** Asks a local Jupyter server whether it is there and ours. */
import { isGloveboxError } from '#core/errors.ts';
import type { Endpoint } from '#core/endpoint.ts';
import { readTextIfExists } from '#platform/files.ts';
import { httpRequest } from '#platform/http.ts';
import type { ServerFiles, ServerRecord } from './server-record.ts';

/**
 * - `ours`: it answered and took our token.
 * - `foreign`: something else listens on that address.
 * - `silent`: no answer, which proves nothing.
 */
export type Health = 'ours' | 'foreign' | 'silent';

/** @throws `cancelled`. */
export async function checkHealth(
  endpoint: Endpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Health> {
  const { baseUrl, headers } = endpoint;
  try {
    const { status } = await httpRequest({
      method: 'GET',
      url: `${baseUrl}api/status`,
      headers,
      timeoutMs,
      signal,
    });
    if (status === 200) return 'ours';
    return status >= 500 ? 'silent' : 'foreign';
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return 'silent';
  }
}

/** How the server is reached; `undefined` as long as it has no address, or when its token is lost. */
export async function endpointOf(
  files: ServerFiles,
  record: ServerRecord,
): Promise<Endpoint | undefined> {
  const { port, bindIp = '127.0.0.1' } = record;
  const token = await readTextIfExists(files.token);
  if (port === undefined || token === undefined) return undefined;
  const host = bindIp.includes(':') ? `[${bindIp}]` : bindIp;
  return { baseUrl: `http://${host}:${port}/`, headers: { Authorization: `token ${token}` } };
}
