/** Lets one browser of this machine reach a Jupyter server whose gates want headers that a browser cannot send. */
import {
  Agent as HttpAgent,
  createServer,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint, EndpointSource } from '#core/endpoint.ts';
import { GloveboxError } from '#core/errors.ts';
import type { Clock } from './clock.ts';
import { createViewGate } from './view-gate.ts';

export interface BrowserView {
  /** Lets the first browser that opens it in, and nobody after that. */
  readonly url: string;
  /** Ends it for the browser too. Idempotent. */
  close(): void;
}

export interface BrowserViewOptions {
  readonly endpoint: EndpointSource;
  /** Below the base address of the server: `lab/tree/a.ipynb`. */
  readonly path: string;
  readonly clock: Clock;
}

/** A tunnel may have moved, and a token may have been replaced. */
const ENDPOINT_MS = 60_000;
/** Of one connection, and not for the next one. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Listens on 127.0.0.1 and hands on what the admitted browser asks, with the headers of the endpoint, websockets too. It tells the
 * browser none of them, and what the browser brings under their names never reaches the server.
 *
 * @throws GloveboxError what the endpoint fails with; `server/unreachable` when no port can be had.
 */
export async function startBrowserView(
  { endpoint, path, clock }: BrowserViewOptions,
  signal: AbortSignal,
): Promise<BrowserView> {
  let known = { endpoint: await endpoint(signal), atMs: clock.monotonic() };
  const target = async (): Promise<Endpoint> => {
    if (clock.monotonic() - known.atMs > ENDPOINT_MS)
      known = { endpoint: await endpoint(), atMs: clock.monotonic() };
    return known.endpoint;
  };
  // Own ones: those of Node may be told by the environment to use a proxy.
  const agents = {
    http: new HttpAgent({ keepAlive: true }),
    https: new HttpsAgent({ keepAlive: true }),
  };
  const sockets = new Set<Duplex>();
  const server = createServer();
  const port = await listen(server);
  const gate = createViewGate(port);
  const here = `http://127.0.0.1:${port}`;

  const onward = (incoming: IncomingMessage, { baseUrl, headers }: Endpoint): ClientRequest => {
    const there = new URL(baseUrl);
    // By its path only: an address of another host in the first line leads nowhere else.
    const place = (incoming.url ?? '/').replace(/^[a-z]+:\/\/[^/]*/i, '');
    const asked = new URL(`${here}${place.startsWith('/') ? place : '/'}`);
    // JupyterLab knows the token of its server; it is sent in a header, which nobody logs.
    if (asked.searchParams.has('token')) asked.searchParams.delete('token');
    // Not relative to it: a path that begins with two slashes would name another host, and our headers go along.
    const url = new URL(`${there.origin}${asked.pathname}${asked.search}`);
    const sent = headersFor(incoming.headers, gate.foreignCookies(incoming), there.origin);
    const ours = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    const cookies = besides(sent['cookie'], headers['Cookie']);
    for (const name of Object.keys(sent)) if (ours.has(name)) delete sent[name];
    const options = { method: incoming.method, headers: { ...sent, ...headers, ...cookies } };
    return there.protocol === 'https:'
      ? httpsRequest(url, { ...options, agent: agents.https })
      : httpRequest(url, { ...options, agent: agents.http });
  };

  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const admission = gate.admit(incoming);
    if (admission.kind === 'refuse') return refuse(outgoing, admission.why);
    const work = async (): Promise<void> => {
      const there = await target();
      if (admission.kind === 'enter') {
        const { pathname } = new URL(path, there.baseUrl);
        outgoing.writeHead(302, { location: pathname, 'set-cookie': admission.cookie }).end();
        return;
      }
      const request = onward(incoming, there);
      request.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, headersBack(answer.headers, there, here));
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
      });
      request.on('error', () => silent(outgoing));
      outgoing.on('close', () => {
        if (!outgoing.writableFinished) request.destroy();
      });
      incoming.pipe(request);
    };
    work().catch(() => silent(outgoing));
  });

  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    if (gate.admit(incoming).kind !== 'pass') return void socket.end(statusLine(403, 'Forbidden'));
    const work = async (): Promise<void> => {
      const request = onward(incoming, await target());
      request.setHeader('connection', 'Upgrade');
      request.setHeader('upgrade', incoming.headers.upgrade ?? 'websocket');
      request.on('upgrade', (answer, far, begin) => {
        for (const end of [socket, far]) if (end instanceof Socket) end.setNoDelay(true);
        const names = answer.rawHeaders.filter((_, at) => at % 2 === 0);
        const lines = names.map((name, at) => `${name}: ${answer.rawHeaders[at * 2 + 1]}\r\n`);
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
        socket.write(begin);
        far.write(head);
        far.on('error', () => socket.destroy()).on('close', () => socket.destroy());
        socket.on('close', () => far.destroy());
        far.pipe(socket).pipe(far);
      });
      request.on('response', ({ statusCode = 502 }) => socket.end(statusLine(statusCode, 'No')));
      request.on('error', () => socket.end(statusLine(502, 'Bad Gateway')));
      socket.on('close', () => request.destroy());
      request.end();
    };
    work().catch(() => socket.end(statusLine(502, 'Bad Gateway')));
    return undefined;
  });

  return {
    url: `${here}${gate.entrance}`,
    close() {
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new GloveboxError('server/unreachable', 'No port of 127.0.0.1 is free.', { cause })),
    );
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const nameOfCookie = (pair: string): string => pair.split('=', 1)[0]?.trim() ?? '';

/** A gate may want a cookie: it goes along with those of the browser, and before one of the same name. */
function besides(
  theirs: OutgoingHttpHeaders[string],
  ours: string | undefined,
): { readonly Cookie?: string } {
  if (ours === undefined) return {};
  const kept = String(theirs ?? '')
    .split(/;\s*/)
    .filter((pair) => pair !== '' && nameOfCookie(pair) !== nameOfCookie(ours));
  return { Cookie: [...kept, ours].join('; ') };
}

/** As if the browser had asked the server itself. */
function headersFor(
  given: IncomingHttpHeaders,
  cookie: string | undefined,
  origin: string,
): OutgoingHttpHeaders {
  const sent: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(given))
    if (!HOP_BY_HOP.has(name) && !['host', 'cookie', 'authorization', 'referer'].includes(name))
      sent[name] = value;
  if (sent['origin'] !== undefined) sent['origin'] = origin;
  if (cookie !== undefined) sent['cookie'] = cookie;
  return sent;
}

/** As if the server were here. What leads elsewhere is not followed on behalf of this machine. */
function headersBack(
  given: IncomingHttpHeaders,
  { baseUrl, headers }: Endpoint,
  here: string,
): OutgoingHttpHeaders {
  const back: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(given))
    if (!HOP_BY_HOP.has(name) && name !== 'strict-transport-security') back[name] = value;
  const { location, 'set-cookie': cookies } = given;
  if (location !== undefined) {
    const { origin } = new URL(baseUrl);
    const to = URL.canParse(location, baseUrl) ? new URL(location, baseUrl) : undefined;
    back['location'] = to?.origin === origin ? `${here}${to.pathname}${to.search}` : here;
  }
  const own = headers['Cookie'];
  if (cookies !== undefined)
    back['set-cookie'] = cookies
      .filter((cookie) => own === undefined || nameOfCookie(cookie) !== nameOfCookie(own))
      .map((cookie) => cookie.replaceAll(/;\s*(?:secure|domain=[^;]*)(?=;|$)/gi, ''));
  return back;
}

function refuse(outgoing: ServerResponse, why: string): void {
  const text = `Not for this browser: ${why}. Run glovebox open again.\n`;
  outgoing.writeHead(403, { 'content-type': 'text/plain' }).end(text);
}

function silent(outgoing: ServerResponse): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  const text = 'The sandbox does not answer. glovebox status tells how it is.\n';
  outgoing.writeHead(502, { 'content-type': 'text/plain' }).end(text);
  return undefined;
}

const statusLine = (status: number, words: string): string =>
  `HTTP/1.1 ${status} ${words}\r\nconnection: close\r\n\r\n`;
