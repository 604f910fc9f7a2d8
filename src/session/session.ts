/** One session: a notebook bound to a kernel. Code goes in by runs, outputs come back into the cells they belong to. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { JupyterServer, KernelMessage } from '#jupyter/contract.ts';
import type { CellRef, CellView, OpenNotebook, Position } from '#notebook/contract.ts';
import type { RunRecord, SessionRecord, SessionView } from './contract.ts';
import { InputRequests } from './input-requests.ts';
import { interruptRun, type InterruptOutcome } from './interrupt.ts';
import { KernelLink } from './kernel-link.ts';
import { DEFAULT_LIMITS, type SessionLimits } from './limits.ts';
import { LateOutput } from './late-output.ts';
import { isSelf } from './lease.ts';
import { lossHint, withoutLog, type Loss } from './loss.ts';
import { findCell, OutputKeeper } from './output-keeper.ts';
import { checkCode, isRunnable, newRunRecord, type NewRun } from './new-run.ts';
import { RecentRuns } from './recent-runs.ts';
import type { Restore } from './restore.ts';
import { RunQueue, type Outcome } from './run-queue.ts';
import { interruptAfter } from './run-limit.ts';
import { Run } from './run.ts';
import type { SessionOptions } from './session-options.ts';
import { viewOf } from './session-view.ts';
import { finishRun } from './finish-run.ts';

const GAP_BESIDE_OTHERS =
  'Another client was connected to the kernel meanwhile, so what was printed while nobody followed this run is missing.';

export interface ExecuteOptions {
  readonly code: string;
  readonly position?: Position;
  readonly timeoutMs?: number;
}

export class Session {
  readonly queue: RunQueue;
  readonly outputs: OutputKeeper;
  /** The latest one, also when it is over. */
  restore: Restore | undefined;
  readonly limits: SessionLimits;
  readonly #inputs: InputRequests;
  readonly #options: SessionOptions;
  #record: SessionRecord;
  #link: KernelLink | undefined;
  #notices: string[] = [];
  readonly #recent = new RecentRuns();
  readonly #late: LateOutput;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#record = options.record;
    this.outputs = new OutputKeeper({
      notebook: options.notebook,
      clock: options.clock,
      log: options.log,
    });
    this.#late = new LateOutput({
      sessionId: options.record.id,
      recent: this.#recent,
      journal: options.journal,
      log: options.log,
      createRun: (record) => this.createRun(record),
      onOutput: (run, message) => this.#onLateOutput(run, message),
    });
    this.limits = options.settings.limits ?? DEFAULT_LIMITS;
    this.#inputs = new InputRequests({
      clock: options.clock,
      limitMs: this.limits.inputMs,
      interrupt: (run) => this.#interruptSoon(run),
    });
    this.queue = new RunQueue({
      clock: options.clock,
      log: options.log,
      allowStdin: options.settings.allowStdin,
      link: () => this.#link,
      blocked: () => this.#blocked(),
      generation: () => this.#record.generation,
      recallSource: () => this.#recallSource(),
      onMessage: (run, message) => this.receive(run, message),
      onInputRequest: (run, request) => this.#inputs.ask(run, request),
      onReply: (run, reply) => this.outputs.onReply(run, reply.executionCount),
      onEnd: (run, outcome) => this.#onEnd(run, outcome),
    });
  }

  get id(): string {
    return this.#record.id;
  }

  get record(): SessionRecord {
    return this.#record;
  }

  get link(): KernelLink | undefined {
    return this.#link;
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
    if (typeof this.#record.news === 'string') this.#updateSoon({ news: null });
    return this.#notices.splice(0);
  }

  notify(text: string): void {
    this.#notices.push(text);
  }

  async updateRecord(change: Partial<SessionRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    this.#record = await this.#options.updateRecord(change);
  }

  /** Changes the record without waiting for the disk: for what a later process finds out by itself. */
  #updateSoon(change: Partial<SessionRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#options
      .updateRecord(change)
      .catch((error: unknown) => this.#options.log.warn(`session ${this.id}: ${messageOf(error)}`));
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
    const { clock, log, server, settings, sandboxStatus } = this.#options;
    const link = new KernelLink({
      server,
      kernelId: this.#record.kernelId,
      connectionId,
      lastProcess: this.#record.process ?? undefined,
      serverGeneration: this.#record.serverGeneration,
      readyTimeoutMs: settings.kernelReadyMs,
      clock,
      log,
      sandboxStatus,
      hasRun: () => this.queue.current !== undefined,
      onLoss: (loss) => this.#onLoss(loss),
      onProcess: (process) => {
        if (process !== this.#record.process) this.#updateSoon({ process });
      },
      onOpened: (otherClients) => {
        // The server keeps output only for a kernel without clients (C13).
        if (otherClients > 0) carried?.notices.push(GAP_BESIDE_OTHERS);
      },
      onReopened: (gap) => this.#onReopened(gap),
      onUp: () => {
        const { current } = this.queue;
        if (current !== undefined) void this.queue.settleGap(current);
      },
      onLateOutput: (parentId, message) => this.#late.receive(parentId, message),
    });
    this.#link = link;
    if (carried !== undefined) {
      this.remember(carried);
      this.queue.adopt(carried, link.channel);
      this.#inputs.carryOn(carried);
    }
    try {
      const info = await link.open(signal, isPatient);
      this.#options.notebook?.setKernel(this.#record.kernel, info.languageInfo);
    } catch (error) {
      await link.close();
      if (this.#link === link) this.#link = undefined;
      throw error;
    }
  }

  /** Notes that a new kernel process takes over, of which nothing is known yet. */
  renewKernel(change: Partial<SessionRecord>): Promise<void> {
    return this.updateRecord({
      ...change,
      loss: null,
      process: null,
      generation: this.#record.generation + 1,
    });
  }

  /** Closes the socket; the kernel lives on. */
  async disconnect(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.close();
  }

  /** Inserts a cell and queues its code. Both are recorded when this returns. */
  async execute({ code, position, timeoutMs }: ExecuteOptions): Promise<Run> {
    checkCode(code);
    this.#refuseWhenEnded();
    await this.notebook.refresh();
    const cell = this.notebook.insertCell(
      { type: 'code', source: code },
      position ?? { at: 'end' },
    );
    const before = cell.index === 0 ? undefined : this.notebook.cell(cell.index - 1).id;
    try {
      const run = this.#newRun({
        code,
        cellId: cell.id,
        insertedCell: true,
        ...(before !== undefined && { afterCellId: before }),
      });
      this.#enqueue(run, timeoutMs);
      this.outputs.showSoon(run);
      return run;
    } catch (error) {
      // Refused, so nothing of it stays: the queue is full, or its record cannot be written.
      this.notebook.deleteCells([cell.id]);
      throw error;
    }
  }

  /** Queues the stored source of code cells, in order; they stop at the first that does not end well. */
  async runCells(
    refs: readonly CellRef[],
    timeoutMs?: number,
    restore?: RunRecord['restore'],
  ): Promise<readonly { readonly cell: CellView; readonly run: Run | undefined }[]> {
    this.#refuseWhenEnded();
    await this.notebook.refresh();
    const cells = refs.map((ref) => this.notebook.cell(ref));
    // All are checked before the first is queued.
    for (const cell of cells) if (isRunnable(cell)) checkCode(cell.source);
    const shared = { insertedCell: false, group: newUuid(), ...(restore && { restore }) };
    return cells.map((cell) => {
      if (!isRunnable(cell)) return { cell, run: undefined };
      const run = this.#newRun({ code: cell.source, cellId: cell.id, ...shared });
      this.#enqueue(run, timeoutMs);
      return { cell, run };
    });
  }

  /** Queues code that leaves no cell and no history. The variables are those of the session. */
  scratch(code: string, timeoutMs?: number, silent = false): Run {
    checkCode(code);
    this.#refuseWhenEnded();
    const run = this.#newRun({ code, insertedCell: false, storeHistory: false, silent });
    this.#enqueue(run, timeoutMs);
    return run;
  }

  /** A run object for a record; known to nobody yet. */
  createRun(record: RunRecord): Run {
    const run: Run = new Run({
      record,
      files: this.#options.journal.open(record),
      clock: this.#options.clock,
      maxOutputBytes: this.#options.settings.maxOutputBytes,
      ...(this.#options.notebook !== undefined && { notebookPath: this.#options.notebook.path }),
      cellIndex: () => this.#cellIndex(record.cellId),
      queuePosition: () => this.queue.position(run),
    });
    return run;
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
  async cancelRun(run: Run, options?: { readonly patient?: boolean }): Promise<InterruptOutcome> {
    if (this.queue.remove(run, 'It was removed from the queue; nothing of it was executed.')) {
      return { kind: 'removed' };
    }
    return this.interrupt(run, options);
  }

  /** Takes a call back: what is queued of it is removed, what is in the kernel interrupted. */
  async cancelCall(run: Run): Promise<void> {
    const { group } = run.record;
    const isPart = (other: Run): boolean => group !== undefined && other.record.group === group;
    const others = this.queue.runs.filter((other) => other !== run && isPart(other));
    // From the end, so that none of them gets its turn meanwhile.
    for (const other of [run, ...others].toReversed()) {
      if (!other.isFinal) await this.cancelRun(other, { patient: true });
    }
  }

  /** @throws `input/invalid` when the run does not wait for input. */
  answerInput(run: Run, value: string): void {
    if (run.state !== 'waiting_input' || this.#link === undefined) {
      throw new GloveboxError(
        'input/invalid',
        `Run ${run.id} does not wait for input; it is ${run.state}.`,
        {
          hint: `get_run(run_id="${run.id}") shows how it stands.`,
        },
      );
    }
    this.#link.channel.sendInput(run.record.msgId, value);
    this.#inputs.answered(run);
  }

  /** `patient`: for nobody who waits; it comes when the run has begun, so that it hits nothing else. */
  async interrupt(
    run: Run | undefined,
    { patient = false }: { readonly patient?: boolean } = {},
  ): Promise<InterruptOutcome> {
    return interruptRun({
      run,
      patient,
      clock: this.#options.clock,
      link: this.#link,
      server: this.#options.server,
      kernelId: this.#record.kernelId,
      byMessage: this.#record.interruptMode === 'message',
      limitsMs: this.limits.interruptMs,
    });
  }

  #interruptSoon(run: Run): void {
    this.interrupt(run, { patient: true }).catch((error: unknown) =>
      this.#options.log.warn(`interrupt of ${run.id}: ${messageOf(error)}`),
    );
  }

  /** Puts everything into the notebook and onto the disk, for the end of the session or of the process. */
  async flush(): Promise<void> {
    for (const run of this.queue.runs) run.flush();
    await this.outputs.flush();
  }

  view(): SessionView {
    return viewOf(this.#record, this.#state(), this.queue.runs);
  }

  #state(): SessionView['state'] {
    if (this.#record.endedMs !== undefined) return 'ended';
    if (this.#blocked() !== undefined) return 'lost';
    if (this.#link === undefined || !this.#link.wasOpen) return 'not-attached';
    if (this.#link.isDown) return 'disconnected';
    if (this.queue.current !== undefined) return 'busy';
    return this.#link.channel.foreignBusy ? 'foreign-busy' : 'idle';
  }

  async #recallSource(): Promise<string | undefined> {
    const isPython = this.#record.kernel.language.toLowerCase() === 'python';
    return isPython ? this.#options.recallSource?.() : undefined;
  }

  #blocked(): string | undefined {
    const { loss } = this.#record;
    return loss === null
      ? undefined
      : `${withoutLog(loss.message)} ${lossHint(this.id, loss.class)}`;
  }

  #refuseWhenEnded(): void {
    if (this.#record.endedMs === undefined) return;
    throw new GloveboxError('session/ended', `Session ${this.id} was shut down.`, {
      hint: `start_notebook(notebook_path="${this.#record.notebookPath}") opens the notebook again.`,
    });
  }

  #newRun(part: NewRun): Run {
    const { id, generation } = this.#record;
    return this.createRun(newRunRecord(part, { id, generation }, this.#options.clock.now()));
  }

  #enqueue(run: Run, timeoutMs: number | undefined): void {
    this.queue.add(run);
    this.remember(run);
    if (timeoutMs === undefined) return;
    interruptAfter(run, timeoutMs, this.#options.clock, (late) => this.#interruptSoon(late));
  }

  /** Keeps a run at hand. */
  remember(run: Run): void {
    this.#recent.add(run);
  }

  #cellIndex(cellId: string | undefined): number | undefined {
    if (cellId === undefined) return undefined;
    return findCell(this.#options.notebook, cellId)?.index;
  }

  /** Takes in what a run gave. */
  receive(run: Run, message: KernelMessage): void {
    if (run.receive(message)) this.outputs.onOutput(run, message);
  }

  async #onEnd(run: Run, outcome: Outcome): Promise<void> {
    await finishRun({ run, outcome, outputs: this.outputs, clock: this.#options.clock });
  }

  #onLateOutput(run: Run, message: KernelMessage): void {
    if (!run.receive(message)) return;
    run.close();
    this.outputs.keep(run);
    const index = this.#cellIndex(run.record.cellId);
    const text = message.content['text'];
    const shown = typeof text === 'string' ? `: ${text.trimEnd().slice(0, 500)}` : '';
    this.notify(
      `late output of ${index === undefined ? `run ${run.id}` : `cell ${index} (run ${run.id})`}${shown}`,
    );
  }

  #onReopened(gap: { readonly downMs: number; readonly otherClients: number }): void {
    const { current } = this.queue;
    if (current === undefined || current.state === 'queued') return;
    const missed =
      gap.otherClients > 0
        ? 'another client was connected, so output of that time may be missing'
        : 'what was printed meanwhile was delivered afterwards, but a line that was on its way when it broke may be missing';
    current.notices.push(
      `The connection was down for ${Math.round(gap.downMs / 1000)} s; ${missed}.`,
    );
    current.update({});
  }

  #onLoss(loss: Loss): void {
    const { current } = this.queue;
    const isKernelThere = loss.class === 'kernel_restarted';
    const generation = this.#record.generation + 1;
    // Code that is held back here was in no kernel: it goes to the new one, and its answer begins with the news.
    const isIdle = current === undefined || current.state === 'queued';
    const news = `${loss.message} Next: ${lossHint(this.id, loss.class)}`;
    this.#updateSoon({
      loss: isKernelThere ? null : loss,
      generation,
      // Whoever is idle beside the owner learns of losses too, and that the owner has told its own agent long ago nobody could see.
      ...(isIdle && isSelf(this.#record.owner) && { news }),
    });
    if (isKernelThere && !isIdle && !current.hasSign) {
      // It may have reached the new process, or be on its way there: the kernel tells.
      current.isLostUnlessSeen = true;
      current.notices.push(loss.message);
      void this.queue.settleGap(current);
      return;
    }
    if (isIdle) this.notify(news);
    this.queue.clear(
      `The kernel was lost before its turn came; nothing of it was executed. ${loss.message}`,
    );
    this.queue.settleCurrent({
      kind: 'settled',
      state: 'lost',
      loss: loss.class,
      explanation: `${loss.message} The cell did not finish.`,
    });
  }
}
