/** One websocket to one kernel: handshake, heartbeat, the pong that carries the acknowledgement, and a close that ends. */
import type { WebSocket as WsSocket } from 'ws';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import type { Endpoint } from '#core/endpoint.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import { createTrafficMeter } from '#platform/small-heap.ts';
import { createAcknowledger } from './acknowledger.ts';
import { createDecoder, type Framing, V1_SUBPROTOCOL } from './codec.ts';
import type { KernelMessage } from './contract.ts';
import { startHeartbeat } from './heartbeat.ts';
import { kernelGone } from './rest.ts';

/** The server itself waits 60 s for the first answer of a kernel before it accepts the socket. */
const FIRST_HANDSHAKE_MS = 70_000;
/**
 * For a kernel that has answered before. A server that is asked while it restarts one may wait for an answer that went to the
 * dead process; asked anew, it hears the new one at once.
 */
const HANDSHAKE_MS = 15_000;
const CLOSE_MS = 5000;
/** A server of ours (`python/handlers.py`) says `none` when it never waits for an acknowledgement. */
const DELAY_HEADER = 'x-glovebox-delay';
const MAX_PAYLOAD_BYTES = 2 ** 30;

export interface SocketOptions {
  readonly endpoint: Endpoint;
  readonly kernelId: string;
  readonly connectionId: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Some process of this kernel has answered before. */
  readonly hasAnswered: boolean;
  onMessage(message: KernelMessage): void;
  /** Called before the first message, which may arrive together with the answer to the handshake. */
  onOpen(socket: KernelSocket): void;
  /** A frame that was dropped, or a message whose receiver failed. */
  onMalformed(reason: string): void;
  /** The socket is down, for whatever reason but `close()`. Called once, and only after the socket was open. */
  onDown(reason: string): void;
}

export interface KernelSocket {
  readonly framing: Framing;
  readonly open: boolean;
  send(frame: string | Buffer): void;
  /** Proper close; abandoned after 5 s. */
  close(): Promise<void>;
}

/** What the handshake told of the server. */
interface Agreed {
  readonly framing: Framing;
  /** It keeps small messages back until the former one is acknowledged. */
  readonly isDelayed: boolean;
}

/**
 * Resolves when the socket is open.
 *
 * @throws GloveboxError `kernel/gone`, `server/refused`, `server/unreachable`, `cancelled`.
 */
export async function openKernelSocket(options: SocketOptions): Promise<void> {
  const { WebSocket } = await import('ws');
  throwIfAborted(options.signal);
  const settings = {
    headers: { ...options.endpoint.headers },
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    // A message of the largest size arrives in more pieces than the library allows by itself.
    maxBufferedChunks: 0,
    maxFragments: 0,
    // One broken character must not cost the connection: the frame is judged when it is decoded.
    skipUTF8Validation: true,
  };
  const socket = new WebSocket(addressOf(options), [V1_SUBPROTOCOL], settings);
  await handshake(socket, options);
}

function addressOf({ endpoint, kernelId, connectionId }: SocketOptions): string {
  const base = endpoint.baseUrl.replace(/^http/, 'ws');
  const session = encodeURIComponent(connectionId);
  return `${base}api/kernels/${encodeURIComponent(kernelId)}/channels?session_id=${session}`;
}

function handshake(socket: WsSocket, options: SocketOptions): Promise<void> {
  const { clock, signal } = options;
  return new Promise((resolve, reject) => {
    let framing: Framing = 'v1';
    let isDelayed = true;
    let settled = false;
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const fail = (error: GloveboxError): void =>
      settle(() => {
        reject(error);
        socket.terminate();
      });
    const onAbort = (): void => fail(cancelled(signal));
    const limitMs = options.hasAnswered ? HANDSHAKE_MS : FIRST_HANDSHAKE_MS;
    const cancelTimer = clock.after(limitMs, () =>
      fail(unreachable(`did not open within ${limitMs / 1000} s`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });

    // Gateways and older servers accept the socket without the subprotocol, which the library takes for an error.
    socket.once('upgrade', ({ headers, socket: stream }) => {
      // A connection is kept for what may come; who waits for something keeps the process (`holdProcess`).
      stream.unref();
      isDelayed = headers[DELAY_HEADER] !== 'none';
      if (headers['sec-websocket-protocol'] !== undefined) return;
      framing = 'legacy';
      headers['sec-websocket-protocol'] = V1_SUBPROTOCOL;
    });
    socket.once('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      if (status === 404) fail(kernelGone());
      else if (status === 401 || status === 403) fail(refused(status));
      else fail(unreachable(`was answered with status ${status}`));
    });
    // Stays for ever: ending a handshake is reported as an error too, and after that there is nobody to tell.
    socket.on('error', (error) => fail(unreachable(`failed: ${messageOf(error)}`, error)));
    socket.once('open', () =>
      settle(() => {
        options.onOpen(openSocket(socket, { framing, isDelayed }, options));
        resolve();
      }),
    );
  });
}

function openSocket(socket: WsSocket, agreed: Agreed, options: SocketOptions): KernelSocket {
  const { framing, isDelayed } = agreed;
  const decode = createDecoder(framing);
  const meter = createTrafficMeter();
  let trouble: string | undefined;
  let closing: Promise<void> | undefined;
  let down = false;

  const acknowledger = isDelayed
    ? createAcknowledger(options.clock, () => socket.pong())
    : undefined;
  const heartbeat = startHeartbeat({
    clock: options.clock,
    ping: () => socket.ping(),
    onSilence: (reason) => {
      trouble = reason;
      socket.terminate();
      goDown(reason);
    },
  });
  const goDown = (reason: string): void => {
    heartbeat.stop();
    acknowledger?.stop();
    if (down) return;
    down = true;
    if (closing === undefined) options.onDown(reason);
  };

  socket.on('message', (data, isBinary) => {
    const nowMs = heartbeat.received();
    acknowledger?.received(nowMs);
    if (closing !== undefined) return;
    try {
      const frame = toBuffer(data);
      meter(frame.length);
      options.onMessage(decode(frame, isBinary));
    } catch (error) {
      options.onMalformed(messageOf(error));
    }
  });
  socket.on('ping', () => heartbeat.received());
  socket.on('pong', () => heartbeat.received());
  socket.on('error', (error) => (trouble = messageOf(error)));
  socket.on('close', (code, reason) => {
    const said = reason.toString('utf8');
    goDown(trouble ?? `closed with code ${code}${said === '' ? '' : `: ${said}`}`);
  });

  return {
    framing,
    get open() {
      return socket.readyState === socket.OPEN && closing === undefined;
    },
    send: (frame) => {
      acknowledger?.sent();
      socket.send(frame);
    },
    close: () => (closing ??= closeProperly(socket, options.clock)),
  };
}

function closeProperly(socket: WsSocket, clock: Clock): Promise<void> {
  if (socket.readyState === socket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const cancelTimer = clock.after(CLOSE_MS, () => socket.terminate());
    socket.once('close', () => {
      cancelTimer();
      resolve();
    });
    socket.close(1000);
  });
}

function toBuffer(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function refused(status: number): GloveboxError {
  return new GloveboxError(
    'server/refused',
    `The kernel's websocket was refused with status ${status}.`,
    {
      hint: 'The address may belong to another Jupyter server by now. sandbox_list shows what runs.',
    },
  );
}

function unreachable(how: string, cause?: unknown): GloveboxError {
  return new GloveboxError('server/unreachable', `The kernel's websocket ${how}.`, {
    hint: 'The kernel may still be alive, and code in it may still run: ask again later, for example with ping.',
    cause,
  });
}
