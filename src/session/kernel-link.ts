/** Keeps one session connected to its kernel and finds out, from all layers, when the kernel is lost (C22-C24). */
import { isGloveboxError } from '#core/errors.ts';
import type {
  ChannelEvent,
  JupyterServer,
  KernelChannel,
  KernelInfo,
  KernelMessage,
} from '#jupyter/contract.ts';
import { createKernelChannel } from '#jupyter/channel.ts';
import { kernelGone as kernelGoneError } from '#jupyter/rest.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { SandboxStatus } from '#sandbox/backend.ts';
import {
  kernelDead,
  kernelGone,
  kernelRestarted,
  serverGone,
  unreachable,
  type Loss,
} from './loss.ts';

const WATCH_BUSY_MS = 15_000;
const WATCH_DOWN_MS = 5_000;
/** A socket that was silent for longer is asked before code is trusted to it (C21). */
const SILENCE_MS = 30_000;
const PING_MS = 2_000;
const NO_ANSWER = 'the kernel has not answered for a while; it is asked again and again';
/** While a kernel is waited for, the server is asked so often whether it still has it: a deletion closes no socket. */
const GONE_CHECK_MS = 3_000;
/** After a first connection that failed by silence, it is tried again so soon (C14). */
const OPEN_AGAIN_MS = 5_000;

export interface KernelLinkOptions {
  readonly server: JupyterServer;
  readonly kernelId: string;
  readonly connectionId: string;
  readonly lastProcess: string | undefined;
  readonly serverGeneration: number;
  readonly readyTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  sandboxStatus(signal: AbortSignal): Promise<SandboxStatus>;
  /** Whether a run is in the kernel, so that the server is asked about the kernel now and then. */
  hasRun(): boolean;
  onLoss(loss: Loss): void;
  /**
   * Jupyter started a new process by itself, and it answers. Code waits until this has resolved.
   *
   * @param died resolves when that process has ended, too
   */
  onNewProcess?(channel: KernelChannel, died: Promise<void>): Promise<void>;
  /** The stamp of the kernel process that answers, for the record. */
  onProcess(process: string): void;
  /** The socket is open for the first time, beside so many others; nothing of the kernel has come through it yet. */
  onOpened(otherClients: number): void;
  /**
   * The socket is open again, and what the server kept follows now; outputs were missed when `otherClients` kept it from
   * buffering. Called before the first of them, because the end of the run may be among them.
   */
  onReopened(gap: { readonly downMs: number; readonly otherClients: number }): void;
  /** The connection is proven again. */
  onUp(): void;
  onLateOutput(parentId: string, message: KernelMessage): void;
}

export class KernelLink {
  readonly channel: KernelChannel;
  readonly #options: KernelLinkOptions;
  readonly #stop = new AbortController();
  readonly #builtMs: number;
  #isPatient = (): boolean => false;
  #info: KernelInfo | undefined;
  #lostAlready = false;
  /** The process is a new one, and its output was not seen to arrive yet. */
  #isUnproven = false;
  /** Called when the process that is being proven has ended. */
  #onNextProcess: (() => void) | undefined;
  #downSinceMs: number | undefined;
  /** A restart was broadcast; the next new process that shows itself comes from it. Later ones are restarts of their own. */
  #awaitsNewProcess = false;
  #lastMemoryBytes: number | undefined;
  #lastContactMs: number;
  #cancelWatch: (() => void) | undefined;
  /** Why the server cannot be asked at the moment. */
  obstacle: string | undefined;

  constructor(options: KernelLinkOptions) {
    this.#options = options;
    this.#builtMs = options.clock.now();
    this.#lastContactMs = options.clock.monotonic();
    this.channel = createKernelChannel({
      server: options.server,
      kernelId: options.kernelId,
      connectionId: options.connectionId,
      ...(options.lastProcess !== undefined && { lastProcess: options.lastProcess }),
      clock: options.clock,
      onEvent: (event) => this.#onEvent(event),
    });
  }

  /** Under which the server knows it. */
  get connectionId(): string {
    return this.#options.connectionId;
  }

  get isLost(): boolean {
    return this.#lostAlready;
  }

  get isDown(): boolean {
    return this.#downSinceMs !== undefined;
  }

  /** The kernel has answered once. Until then nothing can be sent. */
  get wasOpen(): boolean {
    return this.#info !== undefined;
  }

  /**
   * Connects and waits until the kernel answers. A silence is waited for and tried again while `isPatient` says so; the sandbox
   * is watched meanwhile.
   *
   * @throws as `KernelChannel.connect` and `ready`.
   */
  async open(signal?: AbortSignal, isPatient = (): boolean => false): Promise<KernelInfo> {
    const either = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    this.#isPatient = isPatient;
    this.#scheduleWatch();
    for (;;) {
      try {
        this.#info = await this.#connectAndProve(either);
        break;
      } catch (error) {
        if (!isPatient() || !isSilence(error)) throw error;
        this.#options.log.info(`kernel ${this.#options.kernelId}: ${String(error)}`);
        await sleep(this.#options.clock, OPEN_AGAIN_MS, either);
      }
    }
    this.obstacle = undefined;
    this.touch();
    this.#rememberProcess();
    this.#scheduleWatch();
    return this.#info;
  }

  #connectAndProve(signal: AbortSignal): Promise<KernelInfo> {
    return this.#unlessGone(signal, async (either) => {
      if (!this.channel.connected) await this.channel.connect(either);
      return this.channel.ready(this.#options.readyTimeoutMs, either);
    });
  }

  #ready(signal: AbortSignal): Promise<KernelInfo> {
    return this.#unlessGone(signal, (either) =>
      this.channel.ready(this.#options.readyTimeoutMs, either),
    );
  }

  /** A server that waits for a deleted kernel opens no socket, and lets nobody know, for a minute. */
  async #unlessGone<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stop = new AbortController();
    const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const done = work(either);
    done.catch(() => undefined);
    try {
      return await Promise.race([done, this.#untilGone(either)]);
    } finally {
      stop.abort();
    }
  }

  /** @throws `kernel/gone` as soon as the server no longer has the kernel; never resolves. */
  async #untilGone(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(this.#options.clock, GONE_CHECK_MS, signal);
      const isThere = await this.#options.server.kernel(this.#options.kernelId, signal).then(
        (model) => model !== undefined,
        // Any failure but 404 proves nothing about the kernel.
        () => true,
      );
      if (!isThere) throw kernelGoneError();
    }
  }

  /** Makes sure that a request sent now reaches the kernel. Resolves false while it might not, and when the kernel is lost. */
  async isUsable(signal?: AbortSignal): Promise<boolean> {
    if (!this.#isProven) return false;
    const silentMs = this.#options.clock.monotonic() - this.#lastContactMs;
    if (silentMs < SILENCE_MS) return true;
    const answers = await this.channel.pingControl(PING_MS, signal);
    if (answers) this.touch();
    // The socket may be dead without anybody knowing: then its own silence gives it up, and the next one is asked.
    if (!answers) this.obstacle ??= NO_ANSWER;
    else if (this.obstacle === NO_ANSWER) this.obstacle = undefined;
    // The answer may have come from a new process.
    return answers && this.#isProven;
  }

  get #isProven(): boolean {
    if (this.#lostAlready || !this.wasOpen || this.isDown || this.#isUnproven) return false;
    return this.channel.connected;
  }

  /** Notes that the kernel was heard. */
  touch(): void {
    this.#lastContactMs = this.#options.clock.monotonic();
  }

  /** A restart of our own: the signs of it are not a loss. */
  async close(): Promise<void> {
    this.#lostAlready = true;
    this.#cancelWatch?.();
    this.#stop.abort();
    await this.channel.close();
  }

  /** Keeps the last memory reading for the text of an out-of-memory death. */
  async readMemory(): Promise<void> {
    const usage = await this.channel.usage(PING_MS);
    if (usage?.memoryBytes !== undefined) this.#lastMemoryBytes = usage.memoryBytes;
  }

  #onEvent(event: ChannelEvent): void {
    const { clock, log } = this.#options;
    switch (event.type) {
      case 'connected': {
        this.touch();
        if (this.#downSinceMs === undefined) return this.#options.onOpened(event.otherClients);
        const downMs = clock.now() - this.#downSinceMs;
        this.#options.onReopened({ downMs, otherClients: event.otherClients });
        void this.#proveAgain();
        return;
      }
      case 'disconnected':
        log.info(`kernel ${this.#options.kernelId}: connection lost: ${event.reason}`);
        this.#downSinceMs ??= event.atMs;
        this.#scheduleWatch();
        return;
      case 'kernel-gone':
        return this.#lose(kernelGone(clock.now()));
      case 'refused':
        this.obstacle =
          'the Jupyter server refuses our token: another server took over its address';
        return this.#scheduleWatch();
      case 'kernel-status':
        this.#awaitsNewProcess = true;
        if (event.state === 'dead') return this.#lose(kernelDead(event.atMs));
        return this.#lose(kernelRestarted(event.atMs, this.#lastMemoryBytes));
      case 'process-changed':
        this.#options.onProcess(event.to);
        if (this.#awaitsNewProcess) {
          this.#awaitsNewProcess = false;
          return;
        }
        return this.#lose(kernelRestarted(event.atMs, this.#lastMemoryBytes));
      case 'foreign':
        return this.touch();
      case 'late-output':
        return this.#options.onLateOutput(event.parentId, event.message);
      case 'malformed':
        log.warn(
          `kernel ${this.#options.kernelId}: a message could not be read and was left out: ${event.reason}`,
        );
        return;
    }
  }

  /** After a reconnect the server may still drop output: the link is up when iopub is proven again (C15). */
  async #proveAgain(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await this.#ready(this.#stop.signal);
    } catch (error) {
      // Down again, or a kernel that does not answer: the watch goes on and the next connection is proven anew.
      log.info(`kernel ${this.#options.kernelId}: not ready after a reconnect: ${String(error)}`);
      if (isGloveboxError(error, 'kernel/gone')) this.#lose(kernelGone(clock.now()));
      return;
    }
    if (this.#downSinceMs === undefined) return;
    this.#downSinceMs = undefined;
    this.obstacle = undefined;
    this.touch();
    this.#rememberProcess();
    this.#options.onUp();
  }

  #rememberProcess(): void {
    const { process } = this.channel;
    if (process !== undefined) this.#options.onProcess(process);
  }

  /** A restarted kernel is a kernel: the link goes on, without the variables. Everything else is the end of it. */
  #lose(loss: Loss): void {
    if (this.#lostAlready) return;
    if (loss.class !== 'kernel_restarted') {
      this.#lostAlready = true;
      this.#cancelWatch?.();
    } else void this.#proveNewProcess();
    this.#options.onLoss(loss);
    // Nobody has to wait for it any longer.
    if (this.#lostAlready && !this.wasOpen && this.#isPatient()) this.#stop.abort();
  }

  /** The server may hear a new process later on iopub than on shell, and what it prints until then is lost. */
  async #proveNewProcess(): Promise<void> {
    if (this.#isUnproven) {
      this.#onNextProcess?.();
      return;
    }
    this.#isUnproven = true;
    try {
      await this.#ready(this.#stop.signal);
      const died = new Promise<void>((resolve) => {
        this.#onNextProcess = resolve;
      });
      await this.#options.onNewProcess?.(this.channel, died);
      // That one may have ended since; of a process that was proven this costs one message.
      await this.#ready(this.#stop.signal);
    } catch (error) {
      this.#options.log.info(`kernel ${this.#options.kernelId}: ${String(error)}`);
      if (isGloveboxError(error, 'kernel/gone')) this.#lose(kernelGone(this.#options.clock.now()));
    } finally {
      this.#isUnproven = false;
      this.#onNextProcess = undefined;
    }
  }

  #scheduleWatch(): void {
    if (this.#lostAlready || this.#stop.signal.aborted) return;
    this.#cancelWatch?.();
    const ms = this.#isSilent ? WATCH_DOWN_MS : WATCH_BUSY_MS;
    this.#cancelWatch = this.#options.clock.after(ms, () => void this.#watch(), {
      background: true,
    });
  }

  /** Deleting a kernel elsewhere closes no socket, and a dead server says nothing: both have to be asked about. */
  async #watch(): Promise<void> {
    try {
      if (this.#isSilent) await this.checkSandbox();
      else if (this.#options.hasRun()) await this.#checkKernel();
    } finally {
      this.#scheduleWatch();
    }
  }

  async #checkKernel(): Promise<void> {
    try {
      const model = await this.#options.server.kernel(this.#options.kernelId, this.#stop.signal);
      if (model === undefined) this.#lose(kernelGone(this.#options.clock.now()));
      else await this.readMemory();
    } catch (error) {
      // Any failure but 404 proves nothing about the kernel.
      if (!isGloveboxError(error, 'cancelled'))
        this.#options.log.debug(`kernel check failed: ${String(error)}`);
    }
  }

  /** Asks the engine whether the sandbox still exists, and declares the loss when it is proven. */
  async checkSandbox(): Promise<void> {
    const status = await this.#options.sandboxStatus(this.#stop.signal).catch(() => undefined);
    if (status === undefined || this.#lostAlready) return;
    if (status.state === 'ended' || status.generation !== this.#options.serverGeneration) {
      return this.#lose(serverGone(status, this.#options.clock.now()));
    }
    // A server that waits for a deleted kernel neither opens a socket nor refuses one, for a minute.
    if (status.state === 'ready' && this.isDown) await this.#checkKernel();
    this.obstacle =
      this.isDown || !this.wasOpen
        ? unreachable(status, this.#downSinceMs ?? this.#builtMs)
        : undefined;
  }

  get #isSilent(): boolean {
    return this.isDown || !this.wasOpen || this.obstacle !== undefined;
  }
}

/** Nothing that would prove anything about the kernel, or change by itself to something that does. */
const isSilence = (error: unknown): boolean =>
  isGloveboxError(error, 'server/unreachable') ||
  isGloveboxError(error, 'server/error') ||
  isGloveboxError(error, 'kernel/start-failed');
