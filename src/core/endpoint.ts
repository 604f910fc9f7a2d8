/** How a sandbox's Jupyter server is reached from here. */

export interface Endpoint {
  /** `http(s)://host:port/prefix/`, always with a slash at the end and never with credentials or a query. */
  readonly baseUrl: string;
  /** Sent with every request and with the websocket handshake. Holds secrets: never log it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Asked again before each (re)connection, because a tunnel may have moved to another port. */
export type EndpointSource = (signal?: AbortSignal) => Promise<Endpoint>;
