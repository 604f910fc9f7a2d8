/** The one connection of this process to one kernel: keeps it open, sends what is asked once, and routes what arrives. */
import { randomUUID } from 'node:crypto';
import { GloveboxError } from '#core/errors.ts';
import { cancelled, throwIfAborted } from '#core/abort.ts';
import type {
  Execution,
  ExecuteRequest,
  ExecutionHandlers,
  KernelChannel,
  KernelChannelOptions,
  KernelInfo,
  KernelModel,
} from './contract.ts';
import { createControlRequests, type ControlRequests } from './control.ts';
import { createDeafnessWatch, type DeafnessWatch } from './deafness.ts';
import { TrackedExecution } from './execution.ts';
import { notConnected, Outbox } from './outbox.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { Connection } from './reconnect.ts';
import { kernelGone } from './rest.ts';
import { Router } from './router.ts';
import { type KernelSocket, openKernelSocket } from './socket.ts';

/** How long the first answer after a reconnect is waited for. */
const STAMP_MS = 60_000;

export function createKernelChannel(options: KernelChannelOptions): KernelChannel {
  return new Channel(options);
}

class Channel implements KernelChannel {
  readonly kernelId: string;
  readonly #options: KernelChannelOptions;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #control: ControlRequests;
  readonly #readiness: Readiness;
  readonly #router: Router;
  readonly #deafness: DeafnessWatch;
  #everConnected = false;

  constructor(options: KernelChannelOptions) {
    this.#options = options;
    this.kernelId = options.kernelId;
    this.#outbox = new Outbox({
      clock: options.clock,
      session: options.connectionId,
      socket: () => this.#connection.socket,
    });
    this.#control = createControlRequests({
      clock: options.clock,
      transmit: (msgType, msgId) =>
        this.#outbox.transmit({ channel: 'control', msgType, msgId, content: {} }),
    });
    this.#readiness = createReadiness(options.clock, this.#control);
    this.#router = new Router({
      clock: options.clock,
      connectionId: options.connectionId,
      lastProcess: options.lastProcess,
      control: this.#control,
      readiness: this.#readiness,
      onEvent: (event) => options.onEvent(event),
    });
    this.#deafness = createDeafnessWatch({
      clock: options.clock,
      socket: () => this.#connection.socket,
      isWaiting: () => this.#readiness.waiting,
      reopen: (reason) => this.#connection.reopen(reason),
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
    return this.#router.process;
  }

  get foreignBusy(): boolean {
    return this.#router.foreign.busy;
  }

  connect(signal?: AbortSignal): Promise<void> {
    return this.#connection.connect(signal);
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<KernelInfo> {
    return this.#readiness.prove(timeoutMs, signal);
  }

  execute(request: ExecuteRequest, handlers: ExecutionHandlers): Execution {
    const { msgId, code } = request;
    this.#outbox.checkCode(code);
    if (this.#router.execution(msgId) !== undefined) {
      throw new GloveboxError('internal', `The request ${msgId} was already sent.`);
    }
    const send = this.#outbox.prepare(request);
    const tracked = new TrackedExecution(msgId, handlers);
    this.#router.track(tracked);
    send();
    return tracked.execution;
  }

  adopt(msgId: string, handlers: ExecutionHandlers): Execution {
    const known = this.#router.execution(msgId);
    if (known !== undefined) {
      known.listen(handlers);
      return known.execution;
    }
    const tracked = new TrackedExecution(msgId, handlers, true);
    this.#router.track(tracked);
    // The server called the kernel busy when we came; it may well be with this.
    this.#router.foreign.ownStarted();
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
    const tracked = this.#router.execution(msgId);
    const request = tracked?.inputRequest;
    if (tracked === undefined || request === undefined) {
      throw new GloveboxError('input/invalid', 'The run does not wait for input.', {
        hint: 'Call get_run to see its state.',
      });
    }
    this.#outbox.answerInput(request, value);
    tracked.inputAnswered();
  }

  close(): Promise<void> {
    this.#readiness.fail(cancelled());
    this.#router.stop();
    this.#deafness.stop();
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
      hasAnswered: this.#router.process !== undefined,
      onOpen: (socket) => {
        listener.onOpen(socket);
        this.#opened(kernel);
      },
      onDown: (reason) => listener.onDown(reason),
      onMessage: (message) => this.#router.route(message),
      onMalformed: (reason) => this.#router.malformed(reason),
    });
  }

  #opened(kernel: KernelModel): void {
    this.#router.nextSocket();
    this.#options.onEvent({
      type: 'connected',
      atMs: this.#options.clock.now(),
      otherClients: kernel.connections,
    });
    if (kernel.executionState === 'busy' && !this.#router.hasExecutions) {
      this.#router.foreign.assume();
      this.#askShell();
    }
    if (this.#readiness.waiting) this.#readiness.askAgain();
    // Any answer carries the stamp that tells whether this is still the same process.
    else if (this.#everConnected) void this.pingControl(STAMP_MS);
    this.#everConnected = true;
    this.#deafness.stop();
    if (this.#router.process !== undefined) this.#deafness.start();
  }

  /**
   * The server goes on calling a kernel busy whose process was replaced while it was. A request on shell that runs nothing is
   * answered as soon as nothing is in front of it.
   */
  #askShell(): void {
    const msgId = randomUUID();
    this.#router.expectOnShell(msgId);
    this.#outbox.transmit({
      channel: 'shell',
      msgType: 'kernel_info_request',
      msgId,
      content: {},
    });
  }
}
