/** How the Jupyter server in a sandbox is reached: through a public tunnel, or through Modal's own gate, which wants a token too. */
import type { Endpoint } from '#core/endpoint.ts';
import type { ServerMachine } from '#sandbox/rented/lease.ts';
import type { Connection } from './connection.ts';
import { serverTokenOf } from './token.ts';

/** Modal takes its token as a cookie of that name too, where it is in no address. https://modal.com/docs/guide/sandbox-networking */
export const CONNECT_COOKIE = '_modal_connect_token';
/** The header of our own server that carries its token, beside whatever a gate wants. See `python/serve.py`. */
const TOKEN_HEADER = 'X-Glovebox-Token';
/** How long such a token lasts is not said anywhere. */
const TOKEN_MS = 10 * 60_000;

export const ACCESS_KINDS = ['tunnel', 'connect-token'] as const;

/** Does no I/O; keeps what it was told as long as this process lives. */
export class Access {
  readonly #connection: Connection;
  /** The address of a tunnel never changes as long as its machine lives. */
  readonly #tunnels = new Map<string, string>();
  readonly #tokens = new Map<string, { readonly endpoint: Endpoint; readonly untilMs: number }>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @throws `server/unreachable` while there is no address. */
  async endpoint(machine: ServerMachine, signal: AbortSignal): Promise<Endpoint> {
    const { id, nonce, port = 0, access } = machine;
    const token = await serverTokenOf(nonce, this.#connection);
    if (access === 'connect-token') return this.#throughGate(id, port, token, signal);
    const sdk = await this.#connection.sdk();
    const baseUrl = this.#tunnels.get(id) ?? (await sdk.tunnelUrl(id, port, signal));
    this.#tunnels.set(id, baseUrl);
    return { baseUrl, headers: { Authorization: `token ${token}` } };
  }

  /** Neither token is in `Authorization`, so that none of the two can be taken for the other. */
  async #throughGate(
    id: string,
    port: number,
    token: string,
    signal: AbortSignal,
  ): Promise<Endpoint> {
    const { clock } = this.#connection;
    const known = this.#tokens.get(id);
    if (known !== undefined && clock.monotonic() < known.untilMs) return known.endpoint;
    const sdk = await this.#connection.sdk();
    const gate = await sdk.connectToken(id, port, signal);
    const headers = { Cookie: `${CONNECT_COOKIE}=${gate.token}`, [TOKEN_HEADER]: token };
    const endpoint = { baseUrl: gate.url, headers };
    this.#tokens.set(id, { endpoint, untilMs: clock.monotonic() + TOKEN_MS });
    return endpoint;
  }
}
