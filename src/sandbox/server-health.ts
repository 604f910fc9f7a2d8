/** Asks a Jupyter server whether it is there and ours. */
import type { Endpoint } from '#core/endpoint.ts';
import { isGloveboxError } from '#core/errors.ts';
import { httpRequest } from '#platform/http.ts';

/**
 * - `ours`: it answered and took our token.
 * - `foreign`: something else listens on that address.
 * - `silent`: no answer, which proves nothing.
 */
export type Health = 'ours' | 'foreign' | 'silent';

/** Does not count as use of the server; a redirect is not followed. @throws `cancelled`. */
export async function checkHealth(
  endpoint: Endpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Health> {
  const { baseUrl, headers } = endpoint;
  try {
    const { status } = await httpRequest({
      method: 'GET',
      url: `${baseUrl}api/status?no_track_activity=1`,
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
