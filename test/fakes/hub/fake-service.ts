/** One remote service on loopback: routes with recorded shapes, faults on demand, and a record of every request. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

export interface FakeRequest {
  /** The service that got it. */
  readonly service: string;
  readonly method: string;
  /** Decoded nowhere: as it came over the wire, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Groups of the route's pattern, decoded. */
  readonly match: readonly string[];
  /** The origin of this service, for absolute links. */
  readonly origin: string;
}

export interface FakeAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Uint8Array;
  readonly gzip?: boolean;
  /** Never answers. */
  readonly hangs?: boolean;
  /** Writes the body by itself, as long as it likes; the head is sent before. */
  readonly stream?: (outgoing: ServerResponse) => void;
  /** Sends this many bytes of the body and cuts the connection. */
  readonly cutAfterBytes?: number;
}

export type FakeHandler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

export interface FakeService {
  readonly name: string;
  readonly url: string;
  /** Everything that came, in order. */
  readonly requests: readonly FakeRequest[];
  /** Calls that no route was made for. A test ends with none. */
  readonly unexpected: readonly string[];
  /** Patterns match the whole path. A later route for the same path comes first. */
  on(method: string, path: RegExp, handler: FakeHandler): void;
  /** The next `times` calls (default 1) that match get this instead. */
  fail(path: RegExp, answer: FakeAnswer, times?: number): void;
  /** Connections that are open now, idle ones not counted. */
  openConnections(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Loopback has many addresses, and other programs ask 127.0.0.1 at ports that were theirs a moment ago; one of those may be ours
 * by now. macOS has only the one.
 */
const ADDRESS =
  process.platform === 'linux'
    ? `127.${[1, 2, 3].map(() => randomInt(1, 255)).join('.')}`
    : '127.0.0.1';

export async function startFakeService(name: string): Promise<FakeService> {
  const requests: FakeRequest[] = [];
  const unexpected: string[] = [];
  const routes: { method: string; path: RegExp; handler: FakeHandler }[] = [];
  const faults: { path: RegExp; answer: FakeAnswer; left: number }[] = [];

  const server = createServer((incoming, outgoing) => {
    const work = async (): Promise<void> => {
      const body = await buffer(incoming);
      const { method = '', headers } = incoming;
      const url = new URL(incoming.url ?? '/', `http://${headers.host ?? ''}`);
      const { pathname: path, searchParams: query, origin } = url;
      const base = { service: name, method, path, query, headers, body, origin };
      const route = routes.findLast((each) => each.method === method && matches(each.path, path));
      const groups = route === undefined ? [] : [...(route.path.exec(path) ?? [])].slice(1);
      const match = groups.map((group) => decodeURIComponent(group ?? ''));
      const request: FakeRequest = { ...base, match };
      requests.push(request);
      const fault = faults.find((each) => each.left > 0 && matches(each.path, path));
      if (fault !== undefined) {
        fault.left -= 1;
        return answer(outgoing, fault.answer);
      }
      if (route === undefined) {
        unexpected.push(`${name}: ${method} ${path}${url.search} (${headers['user-agent']})`);
        return answer(outgoing, { status: 500, text: `fake ${name}: unexpected call` });
      }
      return answer(outgoing, await route.handler(request));
    };
    work().catch((error: unknown) => {
      unexpected.push(`${name}: ${incoming.method} ${incoming.url}: ${String(error)}`);
      outgoing.destroy();
    });
  });
  server.listen(0, ADDRESS);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    name,
    url: `http://${ADDRESS}:${port}`,
    requests,
    unexpected,
    on: (method, path, handler) => void routes.push({ method, path, handler }),
    fail: (path, given, times = 1) => void faults.push({ path, answer: given, left: times }),
    async openConnections() {
      server.closeIdleConnections();
      return new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const matches = (pattern: RegExp, path: string): boolean => pattern.exec(path)?.[0] === path;

function answer(outgoing: ServerResponse, given: FakeAnswer): void {
  if (given.hangs === true) return;
  if (given.stream !== undefined) {
    outgoing.writeHead(given.status ?? 200, given.headers);
    given.stream(outgoing);
    return;
  }
  const plain =
    given.bytes !== undefined
      ? Buffer.from(given.bytes)
      : Buffer.from(given.json === undefined ? (given.text ?? '') : JSON.stringify(given.json));
  const body = given.gzip === true ? gzipSync(plain) : plain;
  outgoing.writeHead(given.status ?? 200, {
    ...(given.json !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    ...(given.gzip === true && { 'content-encoding': 'gzip' }),
    'content-length': String(body.length),
    ...given.headers,
  });
  if (given.cutAfterBytes === undefined) {
    outgoing.end(outgoing.req.method === 'HEAD' ? undefined : body);
    return;
  }
  outgoing.write(body.subarray(0, given.cutAfterBytes), () => outgoing.destroy());
}
