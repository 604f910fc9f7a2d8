/** Keeps one socket open: opens it, and opens it again after a loss until it is closed or the loss is final (C14). */
import { abandonOn } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { KernelSocket } from './socket.ts';

const FIRST_DELAYS_MS: readonly number[] = [250, 500, 1000, 2000];
const DELAY_MS = 5000;
const LONG_DOWN_MS = 5 * 60_000;
const LONG_DELAY_MS = 30_000;
/** A socket that held this long was a good one: after its loss the delays begin anew. */
const GOOD_SOCKET_MS = 5000;

/** @param failures attempts that failed since the last good socket. */
export function reconnectDelayMs(failures: number, downForMs: number): number {
  if (downForMs > LONG_DOWN_MS) return LONG_DELAY_MS;
  return FIRST_DELAYS_MS[failures] ?? DELAY_MS;
}

export interface ConnectionOptions {
  readonly clock: Clock;
  /** One attempt. `onOpen` comes before the promise resolves, `onDown` once if that socket is lost. */
  open(
    signal: AbortSignal,
    listener: { onOpen(socket: KernelSocket): void; onDown(reason: string): void },
  ): Promise<void>;
  onDown(reason: string): void;
  /** `kernel/gone` or `server/refused`: there will be no further attempt by itself. */
  onFinal(error: GloveboxError): void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #socket: KernelSocket | undefined;
  #attempt: { readonly opened: Promise<void>; readonly abort: AbortController } | undefined;
  #cancelTimer: (() => void) | undefined;
  /** Once it was open it is kept open. */
  #keeping = false;
  #closed: Promise<void> | undefined;
  #failures = 0;
  #downSince = 0;
  #openSince = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The socket, when there is one that can be written to. */
  get socket(): KernelSocket | undefined {
    return this.#socket?.open === true ? this.#socket : undefined;
  }

  /** Waits for the attempt that is under way, or makes one now. Later attempts do not depend on how this one ends. */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed !== undefined) throw closedError();
    if (this.socket !== undefined) return;
    if (this.#socket !== undefined) this.#lost('the server is closing it');
    this.#cancelTimer?.();
    const attempt = (this.#attempt ??= this.#start());
    try {
      await abandonOn(attempt.opened, signal);
    } catch (error) {
      if (signal?.aborted === true && !this.#keeping) attempt.abort.abort();
      throw error;
    }
  }

  /** Gives up a socket that is open and of no use, and opens another one. */
  reopen(reason: string): void {
    const old = this.#socket;
    if (old === undefined || this.#closed !== undefined) return;
    void old.close();
    this.#lost(reason);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#cancelTimer?.();
    this.#attempt?.abort.abort();
    await Promise.all([this.#socket?.close(), this.#attempt?.opened.catch(() => undefined)]);
    // An attempt may have succeeded in the same moment.
    await this.#socket?.close();
    this.#socket = undefined;
  }

  #start(): { readonly opened: Promise<void>; readonly abort: AbortController } {
    const abort = new AbortController();
    const opened = this.#try(abort.signal).finally(() => (this.#attempt = undefined));
    opened.catch(() => undefined);
    return { opened, abort };
  }

  async #try(signal: AbortSignal): Promise<void> {
    let opened: KernelSocket | undefined;
    try {
      await this.#options.open(signal, {
        onOpen: (socket) => {
          opened = socket;
          this.#opened(socket);
        },
        onDown: (reason) => {
          if (opened === this.#socket) this.#lost(reason);
        },
      });
    } catch (error) {
      const known = translate(error);
      if (known.code === 'kernel/gone' || known.code === 'server/refused') {
        this.#keeping = false;
        this.#options.onFinal(known);
      } else if (this.#keeping) {
        this.#failures += 1;
        this.#retryLater();
      }
      throw known;
    }
  }

  #opened(socket: KernelSocket): void {
    this.#socket = socket;
    this.#openSince = this.#options.clock.monotonic();
    this.#keeping = true;
  }

  #lost(reason: string): void {
    const { clock } = this.#options;
    this.#socket = undefined;
    this.#downSince = clock.monotonic();
    if (this.#downSince - this.#openSince >= GOOD_SOCKET_MS) this.#failures = 0;
    else this.#failures += 1;
    this.#options.onDown(reason);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed !== undefined) return;
    const { clock } = this.#options;
    const delayMs = reconnectDelayMs(this.#failures, clock.monotonic() - this.#downSince);
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#attempt ??= this.#start();
    });
  }
}

function translate(error: unknown): GloveboxError {
  if (isGloveboxError(error)) return error;
  return new GloveboxError('internal', `The connection to the kernel failed: ${messageOf(error)}`, {
    cause: error,
  });
}

function closedError(): GloveboxError {
  return new GloveboxError('server/unreachable', 'The connection to the kernel was closed.', {
    hint: 'Call attach_to_session to connect again.',
  });
}
