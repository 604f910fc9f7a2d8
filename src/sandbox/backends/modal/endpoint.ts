/** How the Jupyter server of a Modal sandbox is reached, and whether it answers. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { Endpoint } from '#core/endpoint.ts';
import { httpRequest } from '#platform/http.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import type { Connection } from './connection.ts';
import type { ModalRecord } from './record.ts';
import { secretOf } from './token.ts';

/** What is needed to reach one that runs. */
export interface Address {
  readonly modalId: string;
  readonly nonce: string;
  readonly port: number;
}

/** From our own record, else from what the caller remembers. */
export function addressOf(
  record: ModalRecord | undefined,
  data: SandboxHandle['data'],
): Address | undefined {
  const modalId = record === undefined ? data['modalId'] : record.modalId;
  const nonce = record === undefined ? data['nonce'] : record.nonce;
  const port = record === undefined ? data['port'] : record.port;
  if (typeof modalId !== 'string' || typeof nonce !== 'string' || typeof port !== 'number')
    return undefined;
  return { modalId, nonce, port };
}

export async function tokenOf(nonce: string, connection: Connection): Promise<string> {
  const { tokenSecret } = await connection.sdk();
  return deriveToken(await secretOf(tokenSecret, connection.settings().dir), nonce);
}

/** The address of a tunnel never changes as long as its sandbox lives. */
const tunnels = new WeakMap<Connection, Map<string, string>>();

/** @throws `server/unreachable` as long as Modal tells no address. */
export async function endpointAt(
  { modalId, nonce, port }: Address,
  connection: Connection,
  signal: AbortSignal,
): Promise<Endpoint> {
  const known = tunnels.get(connection) ?? new Map<string, string>();
  tunnels.set(connection, known);
  const sdk = await connection.sdk();
  const baseUrl = known.get(modalId) ?? (await sdk.tunnelUrl(modalId, port, signal));
  known.set(modalId, baseUrl);
  const token = await tokenOf(nonce, connection);
  return { baseUrl, headers: { Authorization: `token ${token}` } };
}

export type Health = 'ours' | 'foreign' | 'silent';

/** Does not count as use of the server. @throws `cancelled`. */
export async function checkHealth(
  { baseUrl, headers }: Endpoint,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Health> {
  try {
    const url = `${baseUrl}api/status?no_track_activity=1`;
    const { status } = await httpRequest({ method: 'GET', url, headers, timeoutMs, signal });
    if (status === 200) return 'ours';
    return status >= 500 ? 'silent' : 'foreign';
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return 'silent';
  }
}

export const ended = (id: string): GloveboxError =>
  new GloveboxError(
    'sandbox/ended',
    `Sandbox ${id} has ended; variables in its kernels are lost.`,
    {
      hint: 'sandbox_create starts another one; notebooks are kept in the project.',
    },
  );
