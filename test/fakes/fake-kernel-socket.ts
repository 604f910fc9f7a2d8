/** A Jupyter server with one kernel on loopback: a real HTTP and websocket server that speaks the protocol and can misbehave. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Endpoint } from '#core/endpoint.ts';
import { createDecoder, encodeMessage, V1_SUBPROTOCOL } from '#jupyter/codec.ts';
import type { ChannelName, KernelMessage, MessageHeader } from '#jupyter/contract.ts';

type Content = Readonly<Record<string, unknown>>;
type Parent = { readonly header: MessageHeader } | undefined;

const TOKEN = 'token-of-the-fake';

export class FakeKernel {
  readonly kernelId = randomUUID();
  /** Stamp of the kernel process; another value is another process. */
  process: string = randomUUID();
  executionState = 'idle';
  /** Other clients that REST tells of. */
  otherClients = 0;

  /** Whether the handshake is answered with the subprotocol. */
  subprotocol = true;
  /** What is sent: v1, JSON text, or JSON in the legacy binary framing. */
  framing: 'v1' | 'json' | 'binary' = 'v1';
  /** Status of the handshake: 101 accepts, 0 never answers. */
  handshakeStatus = 101;
  /** It says that none of its messages waits for an acknowledgement. */
  sendsAtOnce = false;
  /** Status of `GET /api/kernels/{id}`. */
  restStatus = 200;
  /** Whether an error page is Jupyter's JSON or a proxy's HTML. */
  jsonErrors = true;
  /** Whether control requests are answered. */
  answersControl = true;
  /** How many of the next control requests get no status on iopub. */
  deafProbes = 0;
  /** How many of the messages sent before a loss are sent again by the replay. */
  repeats = 0;

  /** Called for each execute_request. Without one, such a request is unexpected. */
  onExecute: ((request: KernelMessage, kernel: FakeKernel) => void) | undefined;

  /** Everything that was received, in order. */
  readonly received: KernelMessage[] = [];
  readonly handshakes: IncomingMessage[] = [];
  pongs = 0;
  pings = 0;

  readonly #server = createServer((request, response) => this.#answerHttp(request, response));
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) =>
      this.subprotocol && offered.has(V1_SUBPROTOCOL) ? V1_SUBPROTOCOL : false,
  });
  readonly #unexpected: string[] = [];
  readonly #shellRequests: KernelMessage[] = [];
  readonly #hanging = new Set<Duplex>();
  #client: WebSocket | undefined;
  #lastSession = '';
  /** What was published while nobody listened, for the session that left last. */
  #kept: KernelMessage[] = [];
  #sent: KernelMessage[] = [];

  async start(): Promise<this> {
    this.#sockets.on('headers', (headers) => {
      if (this.sendsAtOnce) headers.push('X-Glovebox-Delay: none');
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    return address.port;
  }

  get endpoint(): Endpoint {
    return {
      baseUrl: `http://127.0.0.1:${this.port}/prefix/`,
      headers: { Authorization: `token ${TOKEN}` },
    };
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  get executeRequests(): readonly KernelMessage[] {
    return this.received.filter(({ header }) => header.msg_type === 'execute_request');
  }

  /** Ends everything. @throws Error when something arrived that the test did not expect. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const socket of this.#hanging) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    if (this.#unexpected.length > 0) {
      throw new Error(`The fake kernel got what nobody expected: ${this.#unexpected.join('; ')}`);
    }
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.#client?.terminate();
  }

  /** Reads nothing any more, not even a close frame; the connection stays open. */
  freeze(): void {
    this.#client?.pause();
  }

  publish(msgType: string, content: Content, parent?: Parent): void {
    this.send('iopub', msgType, content, parent);
  }

  send(
    channel: ChannelName,
    msgType: string,
    content: Content,
    parent?: Parent,
    extra: { readonly session?: string; readonly buffers?: readonly Uint8Array[] } = {},
  ): void {
    const message: KernelMessage = {
      channel,
      header: {
        msg_id: randomUUID(),
        msg_type: msgType,
        session: extra.session ?? this.process,
        username: 'kernel',
        date: new Date(0).toISOString(),
        version: '5.4',
      },
      parentHeader: parent?.header ?? {},
      metadata: {},
      content,
      buffers: extra.buffers ?? [],
    };
    if (this.#client === undefined) this.#kept.push(message);
    else this.#write(message);
  }

  /** A broadcast that the server makes itself, stamped with the session of the client, as the real one does. */
  broadcast(state: string): void {
    this.send('iopub', 'status', { execution_state: state }, undefined, {
      session: this.#lastSession,
    });
  }

  /** Bytes as they are. */
  sendRaw(data: string | Buffer): void {
    this.#client?.send(data);
  }

  /** Status busy, the outputs, reply and idle, as a kernel does. */
  run(request: KernelMessage, outputs: readonly (readonly [string, Content])[] = []): void {
    this.begin(request);
    for (const [msgType, content] of outputs) this.publish(msgType, content, request);
    this.reply(request);
    this.idle(request);
  }

  begin(request: KernelMessage): void {
    this.publish('status', { execution_state: 'busy' }, request);
    this.publish('execute_input', { code: request.content['code'], execution_count: 1 }, request);
  }

  reply(request: KernelMessage, content: Content = { status: 'ok', execution_count: 1 }): void {
    this.send('shell', 'execute_reply', content, request);
  }

  idle(request: KernelMessage): void {
    this.publish('status', { execution_state: 'idle' }, request);
  }

  /** Answers what was asked on shell meanwhile, as a kernel does when nothing is in front of it. */
  answerShell(): number {
    const requests = this.#shellRequests.splice(0);
    for (const request of requests)
      this.send('shell', 'kernel_info_reply', { status: 'ok' }, request);
    return requests.length;
  }

  #write(message: KernelMessage): void {
    this.#sent.push(message);
    const client = this.#client;
    if (client === undefined) return;
    if (this.framing === 'v1') client.send(encodeMessage(message, 'v1'));
    else if (this.framing === 'json') client.send(encodeMessage(message, 'legacy'));
    else client.send(legacyBinary(message));
  }

  #answerHttp(request: IncomingMessage, response: ServerResponse): void {
    const wanted = `GET /prefix/api/kernels/${this.kernelId}`;
    const what = `${request.method ?? ''} ${request.url ?? ''}`;
    if (what !== wanted || request.headers.authorization !== `token ${TOKEN}`) {
      this.#unexpected.push(what);
      response.writeHead(501).end('unexpected');
      return;
    }
    if (this.restStatus !== 200) {
      const body = this.jsonErrors
        ? JSON.stringify({ message: `Kernel does not exist: ${this.kernelId}`, reason: null })
        : '<html>proxy</html>';
      response.writeHead(this.restStatus).end(body);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        id: this.kernelId,
        name: 'fake',
        execution_state: this.executionState,
        connections: this.otherClients,
        last_activity: new Date(0).toISOString(),
      }),
    );
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.handshakes.push(request);
    const url = new URL(request.url ?? '', 'http://fake');
    if (url.pathname !== `/prefix/api/kernels/${this.kernelId}/channels`) {
      this.#unexpected.push(`websocket ${url.pathname}`);
      socket.destroy();
      return;
    }
    if (this.handshakeStatus === 0) {
      this.#hanging.add(socket);
      return;
    }
    if (this.handshakeStatus !== 101) {
      socket.end(`HTTP/1.1 ${this.handshakeStatus} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      this.#attach(client, url.searchParams.get('session_id') ?? '');
    });
  }

  #attach(client: WebSocket, session: string): void {
    const decode = createDecoder(this.subprotocol ? 'v1' : 'legacy');
    const replay =
      session === this.#lastSession
        ? [...this.#sent.slice(this.#sent.length - this.repeats), ...this.#kept]
        : [];
    this.#kept = [];
    this.#sent = [];
    this.#client = client;
    this.#lastSession = session;
    for (const message of replay) this.#write(message);
    client.on('message', (data, isBinary) => {
      if (!Buffer.isBuffer(data)) throw new Error('unexpected kind of data');
      this.#receive(decode(data, isBinary));
    });
    client.on('ping', () => (this.pings += 1));
    client.on('pong', () => (this.pongs += 1));
    client.on('close', () => {
      if (this.#client === client) this.#client = undefined;
    });
  }

  #receive(message: KernelMessage): void {
    this.received.push(message);
    const { channel, header } = message;
    if (channel === 'control') {
      this.#answerControl(message);
    } else if (channel === 'shell' && header.msg_type === 'execute_request') {
      if (this.onExecute === undefined) this.#unexpected.push(`execute_request ${header.msg_id}`);
      else this.onExecute(message, this);
    } else if (
      channel === 'shell' &&
      header.msg_type === 'kernel_info_request' &&
      this.executionState === 'busy'
    ) {
      this.#shellRequests.push(message);
    } else if (channel !== 'stdin' || header.msg_type !== 'input_reply') {
      this.#unexpected.push(`${header.msg_type} on ${channel}`);
    }
  }

  #answerControl(request: KernelMessage): void {
    if (!this.answersControl) return;
    const deaf = this.deafProbes > 0;
    if (deaf) this.deafProbes -= 1;
    if (!deaf) this.publish('status', { execution_state: 'busy' }, request);
    switch (request.header.msg_type) {
      case 'kernel_info_request':
        this.send(
          'control',
          'kernel_info_reply',
          { status: 'ok', implementation: 'fake', banner: 'Fake', language_info: { name: 'none' } },
          request,
        );
        break;
      case 'usage_request':
        this.send('control', 'usage_reply', { pid: 42, kernel_memory: 1024 }, request);
        break;
      case 'interrupt_request':
        this.send('control', 'interrupt_reply', { status: 'ok' }, request);
        break;
      default:
        this.#unexpected.push(`${request.header.msg_type} on control`);
    }
    if (!deaf) this.publish('status', { execution_state: 'idle' }, request);
  }
}

/** The legacy binary framing of any message, with or without buffers. */
export function legacyBinary(message: KernelMessage): Buffer {
  const { channel, header, parentHeader, metadata, content, buffers } = message;
  const json = JSON.stringify({ channel, header, parent_header: parentHeader, metadata, content });
  const parts = [Buffer.from(json), ...buffers];
  const table = Buffer.alloc(4 * (parts.length + 1));
  table.writeUInt32BE(parts.length, 0);
  let at = table.length;
  parts.forEach((part, index) => {
    table.writeUInt32BE(at, 4 * (index + 1));
    at += part.byteLength;
  });
  return Buffer.concat([table, ...parts]);
}
