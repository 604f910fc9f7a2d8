/** Somebody who answers in place of the Jupyter server, as proxies, login pages and half-dead machines do. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';

/** None of them is a Jupyter server that says no: a 403 or a 404 of Jupyter's own is the truth about a kernel, and final. */
export const LIES = ['502', '404 of a proxy', 'a page', 'not JSON', 'silence'] as const;
export type Lie = (typeof LIES)[number];

const answer = (response: ServerResponse, status: number, type: string, body: string): void =>
  void response.writeHead(status, { 'content-type': type }).end(body);

export class Impostor {
  readonly port: number;
  lie: Lie = '502';
  /** Called for every request. */
  onAsked: () => void = () => undefined;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('request', (_request, response) => {
      this.onAsked();
      switch (this.lie) {
        case '502':
          return answer(response, 502, 'text/html', '<h1>Bad gateway</h1>');
        case '404 of a proxy':
          return answer(response, 404, 'text/html', '<h1>Not found</h1>');
        case 'a page':
          return answer(response, 200, 'text/html', '<form>Please log in</form>');
        case 'not JSON':
          return answer(response, 200, 'application/json', '{"id": ');
        case 'silence':
      }
    });
  }

  static async start(): Promise<Impostor> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null)
      throw new Error('the impostor has no port');
    return new Impostor(server, address.port);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
