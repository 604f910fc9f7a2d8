/** The one connection of this process to one kernel: routes what arrives and sends what is asked, each request once. */
import { randomUUID } from 'node:crypto';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import { encodeMessage } from './codec.ts';
import type {
  Execution,
  ExecuteRequest,
  ExecutionHandlers,
  KernelChannel,
  KernelChannelOptions,
  KernelInfo,
  KernelMessage,
  KernelModel,
} from './contract.ts';
import { renderBytes } from '#core/units.ts';
import { createControlRequests, type ControlRequests } from './control.ts';
import { TrackedExecution } from './execution.ts';
import { createForeignActivity, type ForeignActivity } from './foreign-activity.ts';
import { createRequest, executionStateOf, type RequestParts } from './messages.ts';
import { createIdleWatch, type IdleWatch } from './idle-watch.ts';
import { createProcessStamp, type ProcessStamp } from './process-stamp.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { Connection } from './reconnect.ts';
import { createReplayFilter } from './replay-filter.ts';
import { kernelGone } from './rest.ts';
import { type KernelSocket, openKernelSocket } from './socket.ts';

const MAX_CODE_BYTES = 8 * 2 ** 20;
/** The server's limit on one message; quoting can make the code twice as long as it is. */
const MAX_FRAME_BYTES = 10 * 2 ** 20;

/** How long the first answer after a reconnect is waited for. */
const STAMP_MS = 60_000;

/**
 * A server that is connected to while it restarts its kernel may listen to the dead process for a minute, with the socket open. A
 * new socket hears the new process. Nothing is lost by it when it is the kernel that is silent.
 */
const DEAF_MS = 10_000;
/** Where a new socket did not help either, the server is left to its own limit of 60 s, or it would begin anew each time. */
const DEAF_AGAIN_MS = 70_000;

const OUTPUT_TYPES = new Set([
  'stream',
  'display_data',
  'update_display_data',
  'execute_result',
  'error',
  'clear_output',
]);

export function createKernelChannel(options: KernelChannelOptions): KernelChannel {
  return new Channel(options);
}

class Channel implements KernelChannel {
  readonly kernelId: string;
  readonly #options: KernelChannelOptions;
  readonly #connection: Connection;
  readonly #control: ControlRequests;
  readonly #readiness: Readiness;
  readonly #idleWatch: IdleWatch;
  readonly #foreign: ForeignActivity;
  #shellRequest: string | undefined;
  readonly #stamp: ProcessStamp;
  readonly #replay = createReplayFilter();
  readonly #executions = new Map<string, TrackedExecution>();
  #everConnected = false;
  #cancelDeafness = (): void => undefined;
  #wasDeaf = false;

  constructor(options: KernelChannelOptions) {
    this.#options = options;
    this.kernelId = options.kernelId;
    this.#stamp = createProcessStamp(options.connectionId, options.lastProcess);
    this.#foreign = createForeignActivity((event) => options.onEvent(event));
    this.#control = createControlRequests({
      clock: options.clock,
      transmit: (msgType, msgId) =>
        this.#transmit({ channel: 'control', msgType, msgId, content: {} }),
    });
    this.#readiness = createReadiness(options.clock, this.#control);
    this.#idleWatch = createIdleWatch({
      clock: options.clock,
      control: this.#control,
      onIdleLost: (tracked) => {
        tracked.idleLost();
        this.#forget(tracked);
      },
    });
    this.#connection = new Connection({
      clock: options.clock,
      open: (signal, listener) => this.#open(signal, listener),
      onDown: (reason) =>
        options.onEvent({ type: 'disconnected', atMs: options.clock.now(), reason }),
      onFinal: (error) => {
        this.#readiness.fail(error);
        options.onEvent({ type: error.code === 'kernel/gone' ? 'kernel-gone' : 'refused' });
      },
    });
  }

  get connected(): boolean {
    return this.#connection.socket !== undefined;
  }

  get process(): string | undefined {
    return this.#stamp.current;
  }

  get foreignBusy(): boolean {
    return this.#foreign.busy;
  }

  connect(signal?: AbortSignal): Promise<void> {
    return this.#connection.connect(signal);
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<KernelInfo> {
    return this.#readiness.prove(timeoutMs, signal);
  }

  execute(request: ExecuteRequest, handlers: ExecutionHandlers): Execution {
    const { msgId, code } = request;
    if (Buffer.byteLength(code) > MAX_CODE_BYTES) throw tooLarge(code);
    if (this.#executions.has(msgId)) {
      throw new GloveboxError('internal', `The request ${msgId} was already sent.`);
    }
    const socket = this.#connection.socket;
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
    const tracked = new TrackedExecution(msgId, handlers);
    this.#executions.set(msgId, tracked);
    socket.send(frame);
    return tracked.execution;
  }

  adopt(msgId: string, handlers: ExecutionHandlers): Execution {
    const known = this.#executions.get(msgId);
    if (known !== undefined) {
      known.listen(handlers);
      return known.execution;
    }
    const tracked = new TrackedExecution(msgId, handlers, true);
    this.#executions.set(msgId, tracked);
    // The server called the kernel busy when we came; it may well be with this.
    this.#foreign.ownStarted();
    return tracked.execution;
  }

  async pingControl(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    throwIfAborted(signal);
    return (await this.#control.ask('kernel_info_request', timeoutMs, signal)) !== undefined;
  }

  async usage(
    timeoutMs: number,
  ): Promise<{ readonly pid?: number; readonly memoryBytes?: number } | undefined> {
    const reply = await this.#control.ask('usage_request', timeoutMs);
    if (reply?.header.msg_type !== 'usage_reply') return undefined;
    const { pid, kernel_memory: memoryBytes } = reply.content;
    return {
      ...(typeof pid === 'number' && { pid }),
      ...(typeof memoryBytes === 'number' && { memoryBytes }),
    };
  }

  interruptByMessage(): void {
    const stop = this.#control.send('interrupt_request', { onReply: () => stop?.() });
    if (stop === undefined) throw notConnected();
  }

  sendInput(msgId: string, value: string): void {
    const tracked = this.#executions.get(msgId);
    const request = tracked?.inputRequest;
    if (tracked === undefined || request === undefined) {
      throw new GloveboxError('input/invalid', 'The run does not wait for input.', {
        hint: 'Call get_run to see its state.',
      });
    }
    const sent = this.#transmit({
      channel: 'stdin',
      msgType: 'input_reply',
      msgId: randomUUID(),
      parentHeader: request.header,
      content: { status: 'ok', value },
    });
    if (!sent) throw notConnected();
    tracked.inputAnswered();
  }

  close(): Promise<void> {
    this.#readiness.fail(cancelled());
    this.#idleWatch.stopAll();
    this.#cancelDeafness();
    return this.#connection.close();
  }

  async #open(
    signal: AbortSignal,
    listener: { onOpen(socket: KernelSocket): void; onDown(reason: string): void },
  ): Promise<void> {
    const { server, kernelId, connectionId, clock } = this.#options;
    // Whoever else is attached has taken what the server kept for us, so this must be known before we attach.
    const kernel = await server.kernel(kernelId, signal);
    if (kernel === undefined) throw kernelGone();
    await openKernelSocket({
      endpoint: await server.endpoint(signal),
      kernelId,
      connectionId,
      clock,
      signal,
      hasAnswered: this.#stamp.current !== undefined,
      onOpen: (socket) => {
        listener.onOpen(socket);
        this.#opened(kernel);
      },
      onDown: (reason) => listener.onDown(reason),
      onMessage: (message) => this.#route(message),
      onMalformed: (reason) => this.#malformed(reason),
    });
  }

  #opened(kernel: KernelModel): void {
    this.#replay.nextSocket();
    this.#foreign.reset();
    this.#options.onEvent({
      type: 'connected',
      atMs: this.#options.clock.now(),
      otherClients: kernel.connections,
    });
    if (kernel.executionState === 'busy' && this.#executions.size === 0) {
      this.#foreign.assume();
      this.#askShell();
    }
    if (this.#readiness.waiting) this.#readiness.askAgain();
    // Any answer carries the stamp that tells whether this is still the same process.
    else if (this.#everConnected) void this.pingControl(STAMP_MS);
    this.#everConnected = true;
    this.#watchDeafness();
  }

  #watchDeafness(): void {
    const { socket } = this.#connection;
    this.#cancelDeafness();
    if (this.#stamp.current === undefined) return;
    this.#cancelDeafness = this.#options.clock.after(
      this.#wasDeaf ? DEAF_AGAIN_MS : DEAF_MS,
      () => {
        this.#wasDeaf = this.#readiness.waiting;
        if (!this.#wasDeaf || this.#connection.socket !== socket) return;
        this.#connection.reopen('the kernel was not heard on it');
      },
      { background: true },
    );
  }

  /**
   * The server goes on calling a kernel busy whose process was replaced while it was. A request on shell that runs nothing is
   * answered as soon as nothing is in front of it.
   */
  #askShell(): void {
    this.#shellRequest = randomUUID();
    this.#transmit({
      channel: 'shell',
      msgType: 'kernel_info_request',
      msgId: this.#shellRequest,
      content: {},
    });
  }

  #route(message: KernelMessage): void {
    const { parentHeader, channel, header } = message;
    const parentId = parentHeader.msg_id;
    const statusOnly = channel === 'iopub' && header.msg_type === 'status';
    if (statusOnly && parentId === undefined && this.#kernelStatus(message)) return;
    const change = this.#stamp.observe(message);
    if (change !== undefined) this.#processChanged(change);
    if (parentId === undefined) return;
    if (channel === 'shell' && parentId === this.#shellRequest) return this.#foreign.ownStarted();
    if (channel === 'iopub' && this.#replay.isRepeated(header.msg_id)) return;

    const tracked = this.#executions.get(parentId);
    const isForeign = parentHeader.session !== this.#options.connectionId;
    if (tracked !== undefined) {
      // Listened to here, and sent by another client: the kernel is busy with it until its idle.
      if (isForeign) this.#foreign.observe(message);
      this.#accept(tracked, message);
    } else if (this.#control.accept(message)) return;
    else if (isForeign) this.#foreign.observe(message);
    else if (channel === 'iopub' && OUTPUT_TYPES.has(header.msg_type)) {
      this.#options.onEvent({ type: 'late-output', parentId, message });
    }
  }

  #accept(tracked: TrackedExecution, message: KernelMessage): void {
    this.#foreign.ownStarted();
    try {
      tracked.accept(message);
    } catch (error) {
      const { msg_type: type } = message.header;
      this.#malformed(`A message of type ${type} could not be processed: ${messageOf(error)}`);
    }
    if (tracked.finished) this.#forget(tracked);
    else if (tracked.replied) this.#idleWatch.start(tracked);
  }

  #forget(tracked: TrackedExecution): void {
    this.#idleWatch.stop(tracked);
    this.#executions.delete(tracked.execution.msgId);
  }

  /** Read before anything is filtered by parent (C24). The server writes it, so it carries no stamp of a process. */
  #kernelStatus(message: KernelMessage): boolean {
    const state = executionStateOf(message);
    if (state !== 'restarting' && state !== 'autorestarting' && state !== 'dead') return false;
    this.#foreign.reset();
    this.#options.onEvent({ type: 'kernel-status', state, atMs: this.#options.clock.now() });
    if (state === 'dead') this.#readiness.fail(kernelDead());
    return true;
  }

  #processChanged(change: { readonly from: string; readonly to: string }): void {
    this.#foreign.reset();
    for (const tracked of this.#executions.values()) if (tracked.released) this.#forget(tracked);
    this.#options.onEvent({ type: 'process-changed', ...change, atMs: this.#options.clock.now() });
    this.#readiness.askAgain();
  }

  #malformed(reason: string): void {
    this.#options.onEvent({ type: 'malformed', reason });
  }

  #transmit(parts: Omit<RequestParts, 'session' | 'atMs'>): boolean {
    const socket = this.#connection.socket;
    if (socket === undefined) return false;
    socket.send(this.#encode(socket, parts));
    return true;
  }

  #encode(socket: KernelSocket, parts: Omit<RequestParts, 'session' | 'atMs'>): string | Buffer {
    const { connectionId: session, clock } = this.#options;
    return encodeMessage(createRequest({ ...parts, session, atMs: clock.now() }), socket.framing);
  }
}

function notConnected(): GloveboxError {
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

function kernelDead(): GloveboxError {
  return new GloveboxError(
    'kernel/dead',
    'The kernel process ended and could not be started again.',
    {
      hint: 'Call restart_kernel. Variables are lost.',
    },
  );
}
