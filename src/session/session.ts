/** One session: a notebook bound to a kernel. Code goes in by runs, outputs come back into the cells they belong to. */
import { GloveboxError } from '#core/errors.ts';
import type { JupyterServer, KernelMessage } from '#jupyter/contract.ts';
import type { CellRef, CellView, OpenNotebook } from '#notebook/contract.ts';
import type { RunRecord, SessionRecord, SessionView } from './contract.ts';
import { finishRun } from './finish-run.ts';
import { InputRequests } from './input-requests.ts';
import type { InterruptOutcome } from './interrupt.ts';
import { KernelAttachment } from './kernel-attachment.ts';
import type { KernelLink } from './kernel-link.ts';
import { LateOutput } from './late-output.ts';
import { DEFAULT_LIMITS, type SessionLimits } from './limits.ts';
import { LiveRecord } from './live-record.ts';
import { OutputKeeper } from './output-keeper.ts';
import { OutputMask, type SecretForms } from './output-mask.ts';
import { RecentRuns } from './recent-runs.ts';
import type { Restore } from './restore.ts';
import { RunControl, type Patience } from './run-control.ts';
import { RunQueue } from './run-queue.ts';
import { RunRequests, type ExecuteOptions } from './run-requests.ts';
import type { Run } from './run.ts';
import type { SessionOptions } from './session-options.ts';
import { viewOf } from './session-view.ts';
import { WidgetViews } from './widget-views.ts';

/** When an answer has left. */
const SOON_MS = 10;

export class Session {
  readonly queue: RunQueue;
  readonly outputs: OutputKeeper;
  /** The latest one, also when it is over. */
  restore: Restore | undefined;
  readonly limits: SessionLimits;
  readonly #options: SessionOptions;
  readonly #live: LiveRecord;
  readonly #kernel: KernelAttachment;
  readonly #inputs: InputRequests;
  readonly #recent = new RecentRuns();
  readonly #widgets: WidgetViews;
  readonly #requests: RunRequests;
  readonly #control: RunControl;
  /** Known from the first connection on. */
  #secrets: SecretForms | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { clock, log, settings, notebook, journal, server } = options;
    const live = new LiveRecord(options);
    const recent = this.#recent;
    this.#live = live;
    this.#widgets = new WidgetViews(clock);
    this.limits = settings.limits ?? DEFAULT_LIMITS;
    this.outputs = new OutputKeeper({ notebook, clock, log });
    const outputs = this.outputs;
    const interrupt = (run: Run): void => this.#control.interruptSoon(run);
    const inputs = new InputRequests({ clock, limitMs: this.limits.inputMs, interrupt });
    this.#inputs = inputs;
    const queue = new RunQueue({
      clock,
      log,
      allowStdin: settings.allowStdin,
      link: () => this.link,
      blocked: () => live.blocked(),
      generation: () => live.value.generation,
      recallSource: () => this.#recallSource(),
      onMessage: (run, message) => this.receive(run, message),
      onInputRequest: (run, request) => inputs.ask(run, request),
      onReply: (run, reply) => outputs.onReply(run, reply.executionCount),
      async onEnd(run, outcome) {
        await finishRun({ run, outcome, outputs, clock });
        clock.after(SOON_MS, () => journal.prepare(), { background: true });
      },
    });
    this.queue = queue;
    const { maxOutputBytes } = settings;
    this.#requests = new RunRequests({
      live,
      queue,
      recent,
      outputs,
      journal,
      notebook,
      clock,
      maxOutputBytes,
      interrupt,
      notebookOrThrow: () => this.notebook,
      mask: () => this.#secrets && new OutputMask(this.#secrets),
    });
    const limitsMs = this.limits.interruptMs;
    this.#control = new RunControl({
      live,
      queue,
      inputs,
      server,
      clock,
      log,
      limitsMs,
      link: () => this.link,
    });
    const late = new LateOutput({
      sessionId: options.record.id,
      recent,
      journal,
      log,
      createRun: (record) => this.createRun(record),
      onOutput: (run, message) => this.#onLateOutput(run, message),
    });
    this.#kernel = new KernelAttachment({
      server,
      clock,
      log,
      live,
      queue,
      notebook,
      readyTimeoutMs: settings.kernelReadyMs,
      beginSource: options.beginSource,
      sandboxStatus: options.sandboxStatus,
      onLateOutput: (requestId, message) => late.receive(requestId, message),
    });
  }

  get id(): string {
    return this.#live.value.id;
  }

  get record(): SessionRecord {
    return this.#live.value;
  }

  get link(): KernelLink | undefined {
    return this.#kernel.link;
  }

  get server(): JupyterServer {
    return this.#options.server;
  }

  /** @throws `cell/wrong-type` for a scratch kernel. */
  get notebook(): OpenNotebook {
    const { notebook } = this.#options;
    if (notebook === undefined) {
      throw new GloveboxError('cell/wrong-type', 'A scratch kernel has no notebook.', {
        hint: 'Start a notebook with start_new_notebook.',
      });
    }
    return notebook;
  }

  /** Sentences that the next answer of this session begins with; each is told once. */
  takeNotices(): readonly string[] {
    return this.#live.takeNotices();
  }

  notify(text: string): void {
    this.#live.notify(text);
  }

  updateRecord(change: Partial<SessionRecord>): Promise<void> {
    return this.#live.update(change);
  }

  /**
   * Connects to the kernel of the record. `carried` is a run of an earlier process that may still be in the kernel: it is
   * listened for before the socket opens, and nothing is sent again. While `isPatient` says so, it is tried until it works.
   *
   * @throws as `KernelLink.open`; the session stays usable for another try.
   */
  async connect(
    connectionId: string,
    signal?: AbortSignal,
    carried?: Run,
    isPatient?: () => boolean,
  ): Promise<void> {
    const listen = ({ channel }: KernelLink): void => {
      if (carried === undefined) return;
      this.remember(carried);
      this.queue.adopt(carried, channel);
      this.#inputs.carryOn(carried);
    };
    this.#secrets ??= await this.#options.secrets?.();
    await this.#kernel.connect(connectionId, signal, listen, isPatient);
  }

  /** Notes that a new kernel process takes over, of which nothing is known yet. */
  renewKernel(connectionId: string, change: Partial<SessionRecord>): Promise<void> {
    return this.#live.renewKernel(connectionId, change);
  }

  /** Closes the socket; the kernel lives on. */
  disconnect(): Promise<void> {
    return this.#kernel.disconnect();
  }

  /** Inserts a cell and queues its code. Both are recorded when this returns. @throws `run/queue-full`; nothing of it stays then. */
  execute(options: ExecuteOptions): Promise<Run> {
    return this.#requests.execute(options);
  }

  /** Queues the stored source of code cells, in order; they stop at the first that does not end well. */
  runCells(
    refs: readonly CellRef[],
    timeoutMs?: number,
    restore?: RunRecord['restore'],
  ): Promise<readonly { readonly cell: CellView; readonly run: Run | undefined }[]> {
    return this.#requests.runCells(refs, timeoutMs, restore);
  }

  /** Queues code that leaves no cell and no history. The variables are those of the session. */
  scratch(code: string, timeoutMs?: number, silent = false): Run {
    return this.#requests.scratch(code, timeoutMs, silent);
  }

  /** A run object for a record; known to nobody yet. */
  createRun(record: RunRecord): Run {
    return this.#requests.createRun(record);
  }

  /** Keeps a run at hand. */
  remember(run: Run): void {
    this.#recent.add(run);
  }

  /** A run of this process that is not older than the last fifty. */
  recentRun(runId: string): Run | undefined {
    return this.queue.runs.find(({ id }) => id === runId) ?? this.#recent.get(runId);
  }

  /** The run that belongs to a cell and has not ended. */
  runOfCell(cellId: string): Run | undefined {
    return this.queue.runs.find(({ record }) => record.cellId === cellId);
  }

  /** Removes a queued run, or interrupts the one in the kernel (C26). */
  cancelRun(run: Run, patience?: Patience): Promise<InterruptOutcome> {
    return this.#control.cancelRun(run, patience);
  }

  /** Takes a call back: what is queued of it is removed, what is in the kernel interrupted. */
  cancelCall(run: Run): Promise<void> {
    return this.#control.cancelCall(run);
  }

  /** Without a run: whatever the kernel is busy with. */
  interrupt(run: Run | undefined, patience?: Patience): Promise<InterruptOutcome> {
    return this.#control.interrupt(run, patience);
  }

  /** @throws `input/invalid` when the run does not wait for input. */
  answerInput(run: Run, value: string): void {
    this.#control.answerInput(run, value);
  }

  /** Takes in what a run gave. */
  receive(run: Run, message: KernelMessage): void {
    for (const each of this.#widgets.follow(message))
      if (run.receive(each)) this.outputs.onOutput(run, each);
  }

  /** Puts everything into the notebook and onto the disk, for the end of the session or of the process. */
  async flush(): Promise<void> {
    for (const run of this.queue.runs) run.flush();
    await this.outputs.flush();
  }

  view(): SessionView {
    return viewOf(this.#live.value, this.#state(), this.queue.runs);
  }

  #state(): SessionView['state'] {
    if (this.#live.value.endedMs !== undefined) return 'ended';
    if (this.#live.blocked() !== undefined) return 'lost';
    if (this.#kernel.link === undefined || !this.#kernel.link.wasOpen) return 'not-attached';
    if (this.#kernel.link.isDown) return 'disconnected';
    if (this.queue.current !== undefined) return 'busy';
    return this.#kernel.link.channel.foreignBusy ? 'foreign-busy' : 'idle';
  }

  async #recallSource(): Promise<string | undefined> {
    const isPython = this.#live.value.kernel.language.toLowerCase() === 'python';
    return isPython ? this.#options.recallSource?.() : undefined;
  }

  #onLateOutput(run: Run, message: KernelMessage): void {
    if (!run.receive(message)) return;
    run.close();
    this.outputs.keepLate(run);
    const index = this.#requests.cellIndex(run.record.cellId);
    const text = message.content['text'];
    const shown = typeof text === 'string' ? `: ${text.trimEnd().slice(0, 500)}` : '';
    this.notify(
      `late output of ${index === undefined ? `run ${run.id}` : `cell ${index} (run ${run.id})`}${shown}`,
    );
  }
}
