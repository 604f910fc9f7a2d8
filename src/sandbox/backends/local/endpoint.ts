/** How a local Jupyter server is reached. */
import type { Endpoint } from '#core/endpoint.ts';
import { readTextIfExists } from '#platform/files.ts';
import type { ServerFiles, ServerRecord } from './server-record.ts';

/** `undefined` as long as it has no address, or when its token is lost. */
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
