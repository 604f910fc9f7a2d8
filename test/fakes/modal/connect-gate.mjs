/** The gate before a port of a fake sandbox, for connect tokens: HTTP and WebSockets pass with a token, and nothing else does. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { createServer } from 'node:https';

export const COOKIE = '_modal_connect_token';

export class ConnectGate {
  /** Everything that was asked of it, with what opened it taken out. */
  seen = [];
  #tokens = new Set();
  #port;
  #server;
  #sockets = new Set();

  constructor(port, certificate) {
    this.#port = port;
    this.#server = createServer(certificate);
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', () => {});
    this.#server.on('request', (incoming, outgoing) => {
      if (!this.#admits(incoming)) return outgoing.writeHead(401).end('no connect token');
      const onward = this.#onward(incoming);
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(outgoing);
      });
      // Nothing listens on the port yet.
      onward.on('error', () => outgoing.destroy());
      return incoming.pipe(onward);
    });
    this.#server.on('upgrade', (incoming, socket, head) => {
      socket.on('error', () => socket.destroy());
      if (!this.#admits(incoming))
        return socket.end('HTTP/1.1 401 No\r\nconnection: close\r\n\r\n');
      const onward = this.#onward(incoming);
      onward.on('upgrade', (answer, far, begin) => {
        far.setNoDelay(true);
        const { rawHeaders } = answer;
        const lines = rawHeaders.flatMap((name, at) =>
          at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}\r\n`] : [],
        );
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
        socket.write(begin);
        far.write(head);
        far.on('error', () => socket.destroy()).on('close', () => socket.destroy());
        socket.on('close', () => far.destroy());
        far.pipe(socket).pipe(far);
      });
      onward.on('response', ({ statusCode }) =>
        socket.end(`HTTP/1.1 ${statusCode} No\r\nconnection: close\r\n\r\n`),
      );
      onward.on('error', () => socket.destroy());
      return onward.end();
    });
  }

  async open() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#server.unref();
  }

  /** A new token; earlier ones stay good. */
  admit() {
    const token = randomBytes(24).toString('base64url');
    this.#tokens.add(token);
    return { url: `https://localhost:${this.#server.address().port}`, token };
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #admits({ url, headers }) {
    const fromQuery = new URL(url, 'http://here').searchParams.get(COOKIE);
    const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
    const cookies = (headers.cookie ?? '').split(/;\s*/).map((pair) => pair.split('='));
    const fromCookie = cookies.find(([name]) => name === COOKIE)?.[1];
    return [fromQuery, bearer, fromCookie].some((token) => this.#tokens.has(token));
  }

  /** As it came, without the token. */
  #onward({ method, url, headers }) {
    const cookies = (headers.cookie ?? '').split(/;\s*/).filter((one) => one !== '');
    const cookie = cookies.filter((pair) => !pair.startsWith(`${COOKIE}=`)).join('; ');
    const { cookie: _all, ...rest } = headers;
    this.seen.push({ url, cookie });
    const sent = cookie === '' ? rest : { ...rest, cookie };
    return request({ host: '127.0.0.1', port: this.#port, method, path: url, headers: sent });
  }
}
