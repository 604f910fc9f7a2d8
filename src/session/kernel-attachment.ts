/** Attaches a session to its kernel, and does what follows from what the link tells: gaps, losses, a new process, late output. */
import type { KernelChannel, KernelMessage } from '#jupyter/contract.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import { beginAgain, beginningCode } from './begin-again.ts';
import type { SessionRecord } from './contract.ts';
import { isSelf } from './lease.ts';
import { KernelLink, type KernelLinkOptions } from './kernel-link.ts';
import type { LiveRecord } from './live-record.ts';
import { lossHint, type Loss } from './loss.ts';
import type { Run } from './run.ts';
import type { RunQueue } from './run-queue.ts';

export interface KernelAttachmentOptions extends Pick<
  KernelLinkOptions,
  'server' | 'readyTimeoutMs' | 'clock' | 'log' | 'sandboxStatus'
> {
  readonly live: LiveRecord;
  readonly queue: RunQueue;
  /** Undefined for a scratch kernel. */
  readonly notebook: OpenNotebook | undefined;
  /** The Python that does what a session begins with; without it a process that Jupyter starts by itself begins empty. */
  readonly beginSource: (() => Promise<string>) | undefined;
  /** Output of a run that has ended; it names the run's request. */
  onLateOutput(this: void, requestId: string, message: KernelMessage): void;
}

export class KernelAttachment {
  readonly #options: KernelAttachmentOptions;
  #link: KernelLink | undefined;

  constructor(options: KernelAttachmentOptions) {
    this.#options = options;
  }

  /** Undefined while there is no kernel to talk to. */
  get link(): KernelLink | undefined {
    return this.#link;
  }

  /** See `Session.connect`. `onLink` is called before the socket opens. */
  async connect(
    connectionId: string,
    signal?: AbortSignal,
    onLink?: (link: KernelLink) => void,
    isPatient?: () => boolean,
  ): Promise<void> {
    const { live, notebook } = this.#options;
    const link = this.#newLink(connectionId);
    this.#link = link;
    onLink?.(link);
    try {
      const info = await link.open(signal, isPatient);
      notebook?.setKernel(live.value.kernel, info.languageInfo);
    } catch (error) {
      await link.close();
      if (this.#link === link) this.#link = undefined;
      throw error;
    }
  }

  /** Closes the socket; the kernel lives on. */
  async disconnect(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.close();
  }

  #newLink(connectionId: string): KernelLink {
    const { server, readyTimeoutMs, clock, log, sandboxStatus, live, queue, onLateOutput } =
      this.#options;
    return new KernelLink({
      server,
      kernelId: live.value.kernelId,
      connectionId,
      lastProcess: live.value.process ?? undefined,
      serverGeneration: live.value.serverGeneration,
      readyTimeoutMs,
      clock,
      log,
      sandboxStatus,
      hasRun: () => queue.current !== undefined,
      onLoss: (loss) => this.#onLoss(loss),
      onNewProcess: (channel, died) => this.#beginAgain(channel, died),
      onProcess: (process) => {
        if (process !== live.value.process) live.updateSoon({ process });
      },
      onOpened: (otherClients) => this.#onOpened(otherClients),
      onReopened: (gap) => this.#onReopened(gap),
      onUp: () => {
        if (queue.current !== undefined) void queue.settleGap(queue.current);
      },
      onLateOutput,
    });
  }

  /** A run of an earlier process: the server has kept what it printed meanwhile only when nobody else was there (C13). */
  #onOpened(otherClients: number): void {
    const { current } = this.#options.queue;
    if (otherClients === 0 || current === undefined || current.state === 'queued') return;
    current.notices.push(
      'Another client was connected to the kernel meanwhile, so what was printed while nobody followed this run is missing.',
    );
  }

  #onReopened(gap: { readonly downMs: number; readonly otherClients: number }): void {
    const { current } = this.#options.queue;
    if (current === undefined || current.state === 'queued') return;
    const missed =
      gap.otherClients > 0
        ? 'another client was connected, so output of that time may be missing'
        : 'what its server kept of the output of that time was delivered afterwards, and a line that was on its way when it broke may be missing';
    current.notices.push(
      `The connection was down for ${Math.round(gap.downMs / 1000)} s; ${missed}.`,
    );
    current.update({});
  }

  async #beginAgain(channel: KernelChannel, died: Promise<void>): Promise<void> {
    const { live, beginSource } = this.#options;
    const { beginning, kernel } = live.value;
    const source = await beginSource?.();
    const isPython = kernel.language.toLowerCase() === 'python';
    if (beginning === undefined || source === undefined || !isPython) return;
    live.notify(await beginAgain(channel, beginningCode(source, beginning), died));
  }

  #onLoss(loss: Loss): void {
    const { live, queue } = this.#options;
    const { current } = queue;
    const isKernelThere = loss.class === 'kernel_restarted';
    const generation = live.value.generation + 1;
    // Code that is held back here was in no kernel: it goes to the new one, and its answer begins with the news.
    const isIdle = current === undefined || current.state === 'queued';
    const news = `${loss.message} Next: ${lossHint(live.value, loss.class)}`;
    live.updateSoon({
      loss: isKernelThere ? null : loss,
      generation,
      // One that is idle beside the owner learns of it too, and cannot know what the owner has told its own agent long ago.
      ...(isIdle && isSelf(live.value.owner) && { news }),
    });
    if (isKernelThere && !isIdle && !current.hasSign) return this.#askNewProcess(current, loss);
    if (isIdle) live.notify(news);
    queue.clear(
      `The kernel was lost before its turn came; nothing of it was executed. ${loss.message}`,
    );
    queue.settleCurrent({
      kind: 'settled',
      state: 'lost',
      loss: loss.class,
      explanation: [loss.message, 'The cell did not finish.', ...modelsGone(live.value)].join(' '),
    });
  }

  /** The run may have reached the new process, or be on its way there: the kernel tells. */
  #askNewProcess(run: Run, loss: Loss): void {
    run.isLostUnlessSeen = true;
    run.notices.push([loss.message, ...modelsGone(this.#options.live.value)].join(' '));
    void this.#options.queue.settleGap(run);
  }
}

/** What runs by itself when a kernel begins anew does not load models: that takes minutes, and memory. */
function modelsGone({ id, models }: SessionRecord): readonly string[] {
  if (models === undefined) return [];
  return [
    `Models are not in a new kernel by themselves: restart_kernel(session_id="${id}") loads them.`,
  ];
}
