/** The proxy before an open port of a Job: wants the Hub token, and hands everything but that on, websockets too. */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

export interface JobProxy {
  readonly url: string;
  /** Headers of everything that came, refused or not. */
  readonly seen: readonly IncomingMessage['headers'][];
  /** Addresses of everything that came. */
  readonly paths: readonly string[];
  /** Answers everything with a redirect to that address. */
  redirectTo: string | undefined;
  close(): void;
}

export async function startJobProxy(port: number, token: string): Promise<JobProxy> {
  const seen: IncomingMessage['headers'][] = [];
  const paths: string[] = [];
  const sockets = new Set<Duplex>();
  const mayPass = ({ headers, url = '' }: IncomingMessage): boolean => {
    seen.push(headers);
    paths.push(url);
    return headers.authorization === `Bearer ${token}`;
  };
  const onward = ({ headers, method, url }: IncomingMessage) => {
    const { authorization: _, ...others } = headers;
    return { host: '127.0.0.1', port, method, path: url, headers: others };
  };
  const server = createServer((request, response) => {
    if (!mayPass(request)) return void response.writeHead(401).end();
    if (proxy.redirectTo !== undefined)
      return void response.writeHead(302, { location: proxy.redirectTo }).end();
    const target = httpRequest(onward(request), (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    target.on('error', () =>
      response.headersSent ? response.destroy() : response.writeHead(502).end(),
    );
    request.pipe(target);
    return undefined;
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (!mayPass(request)) return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    const { headers, path } = onward(request);
    const target = connect({ port, host: '127.0.0.1', noDelay: true });
    sockets.add(target);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    target.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    target.write(head);
    target.pipe(socket).pipe(target);
    target.on('error', () => socket.destroy());
    socket.on('close', () => target.destroy());
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const address = server.address();
  const at = typeof address === 'object' && address !== null ? address.port : 0;
  const proxy: JobProxy = {
    url: `http://127.0.0.1:${at}`,
    seen,
    paths,
    redirectTo: undefined,
    close() {
      server.closeAllConnections();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}
