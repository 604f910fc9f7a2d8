/** What a channel sends: each request is framed for the socket of the moment and written once, or refused before a byte has left. */
import { randomUUID } from 'node:crypto';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import { encodeMessage } from './codec.ts';
import type { ExecuteRequest, KernelMessage } from './contract.ts';
import { createRequest, type RequestParts } from './messages.ts';
import type { KernelSocket } from './socket.ts';

const MAX_CODE_BYTES = 8 * 2 ** 20;
/** The server's limit on one message; quoting can make the code twice as long as it is. */
const MAX_FRAME_BYTES = 10 * 2 ** 20;

export interface OutboxOptions {
  readonly clock: Clock;
  /** The identity under which the server knows this connection. */
  readonly session: string;
  /** The socket, when there is one that can be written to. */
  readonly socket: () => KernelSocket | undefined;
}

export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** @throws `input/too-large`. */
  checkCode(code: string): void {
    if (Buffer.byteLength(code) > MAX_CODE_BYTES) throw tooLarge(code);
  }

  /**
   * Frames an execution and returns what writes it, so that its answer can be listened for first.
   *
   * @throws `server/unreachable` without a socket, `input/too-large`; nothing is sent then.
   */
  prepare(request: ExecuteRequest): () => void {
    const { msgId, code } = request;
    const socket = this.#options.socket();
    if (socket === undefined) throw notConnected();
    const frame = this.#encode(socket, {
      channel: 'shell',
      msgType: 'execute_request',
      msgId,
      content: {
        code,
        silent: request.silent ?? false,
        store_history: request.storeHistory ?? true,
        user_expressions: {},
        allow_stdin: request.allowStdin ?? false,
        stop_on_error: true,
      },
    });
    if (Buffer.byteLength(frame) > MAX_FRAME_BYTES) throw tooLarge(code);
    return () => socket.send(frame);
  }

  /** @returns false when there is no socket, and nothing was sent. */
  transmit(parts: Omit<RequestParts, 'session' | 'atMs'>): boolean {
    const socket = this.#options.socket();
    if (socket === undefined) return false;
    socket.send(this.#encode(socket, parts));
    return true;
  }

  /** Answers a request for input. @throws `server/unreachable`. */
  answerInput({ header }: KernelMessage, value: string): void {
    const sent = this.transmit({
      channel: 'stdin',
      msgType: 'input_reply',
      msgId: randomUUID(),
      parentHeader: header,
      content: { status: 'ok', value },
    });
    if (!sent) throw notConnected();
  }

  #encode(socket: KernelSocket, parts: Omit<RequestParts, 'session' | 'atMs'>): string | Buffer {
    const { session, clock } = this.#options;
    return encodeMessage(createRequest({ ...parts, session, atMs: clock.now() }), socket.framing);
  }
}

export function notConnected(): GloveboxError {
  return new GloveboxError(
    'server/unreachable',
    'There is no open connection to the kernel. Nothing was sent.',
    {
      hint: 'The connection is opened again by itself. Call ping to see how the kernel is.',
    },
  );
}

function tooLarge(code: string): GloveboxError {
  const size = renderBytes(Buffer.byteLength(code));
  return new GloveboxError(
    'input/too-large',
    `The code is ${size}; a kernel takes 8 MiB. Nothing was sent.`,
    {
      hint: 'Write it to a file with sandbox_write and run that with %run, or load the data from a file.',
    },
  );
}
