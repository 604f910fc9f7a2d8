/** One run while this process has a hand in it: its state, its outputs, its journal, and who waits for it. */
import type { KernelMessage } from '#jupyter/contract.ts';
import { notKeptNotice } from '#notebook/not-kept.ts';
import { createOutputCollector, type OutputCollector } from '#notebook/output-collector.ts';
import { CellSpill } from '#notebook/stores/spill.ts';
import type { Clock } from '#platform/clock.ts';
import type { Progress } from '#sandbox/backend.ts';
import { newUuid } from '#core/ids.ts';
import { renderBytes, renderDuration } from '#core/units.ts';
import { cancelled } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import { isFinal, type RunRecord, type RunState, type RunView } from './contract.ts';
import type { RunFiles, StoredMessage } from './journal.ts';
import { MaskedMessages } from './masked-messages.ts';
import type { OutputMask } from './output-mask.ts';
import { lastLine, wordsOf } from './progress-words.ts';
import { restFollower, type RestReader } from './rest-of-output.ts';

/** Output reaches the journal with the next turn of the event loop: what this process has taken in, the server keeps for nobody. */
const FLUSH_MS = 0;
const TICK_MS = 1000;
/** What could not be written is tried again so often. */
const RETRY_MS = 2000;

const OUTPUT_TYPES: ReadonlySet<string> = new Set([
  'stream',
  'display_data',
  'execute_result',
  'error',
  'update_display_data',
  'clear_output',
]);

export interface RunOptions {
  readonly record: RunRecord;
  readonly files: RunFiles;
  readonly clock: Clock;
  /** Text of one cell that the notebook takes; the rest goes into a file beside it, and all of it into the journal. */
  readonly maxOutputBytes: number;
  /** Beside which the rest is put; without it the rest is in the journal only. */
  readonly notebookPath?: string;
  /** Asked when the first output comes. */
  readonly mask?: () => OutputMask | undefined;
  /** Where the cell is now; undefined when it has vanished or there is none. */
  cellIndex(): number | undefined;
  queuePosition(): number;
}

export class Run {
  readonly collector: OutputCollector;
  readonly notices: string[];
  /** Set when an interrupt was sent for this run, so that its KeyboardInterrupt is called by its name. */
  interruptRequested = false;
  /** The kernel process changed while there was no sign of it: lost, unless the new process shows one. */
  isLostUnlessSeen = false;
  inputPrompt: string | undefined;
  suggestedCode: string | undefined;
  /** What stands in its way, for the progress line: another client, a lost connection. */
  obstacle: string | undefined;
  #record: RunRecord;
  readonly #options: RunOptions;
  readonly #waiters = new Set<() => void>();
  readonly #seen = new Set<string>();
  #cancelFlush: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #isUnsaved = false;
  #isTroubleTold = false;
  /** On the clock that does not jump; unknown for what an earlier process sent. */
  #sentAt: number | undefined;
  #endedAt: number | undefined;
  readonly #spill: CellSpill | undefined;
  readonly #shown: MaskedMessages;
  #lastText = '';
  #onTaken: ((message: StoredMessage) => void) | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#record = options.record;
    this.#shown = new MaskedMessages({ mask: options.mask, hasEnded: () => this.isFinal });
    this.notices = [...(options.record.notices ?? [])];
    const { cellId } = options.record;
    const { notebookPath, maxOutputBytes } = options;
    if (notebookPath !== undefined && cellId !== undefined) {
      this.#spill = new CellSpill({
        notebookPath,
        cellId,
        limit: renderBytes(maxOutputBytes),
        onFailure: (message) =>
          this.notices.push(
            `Output beyond the notebook's limit could not be put beside it: ${message}. get_run(run_id="${this.id}", offset=0) pages through all of it.`,
          ),
      });
    }
    this.collector = createOutputCollector({
      maxBytes: maxOutputBytes,
      ...(this.#spill !== undefined && { overflow: this.#spill }),
    });
  }

  get record(): RunRecord {
    return this.#record;
  }

  get id(): string {
    return this.#record.id;
  }

  get state(): RunState {
    return this.#record.state;
  }

  get isFinal(): boolean {
    return isFinal(this.#record.state);
  }

  /** The kernel has shown that it works on it, in this process or, as the journal tells, in an earlier one. */
  get hasSign(): boolean {
    return this.#seen.size > 0 || !['queued', 'sending', 'sent'].includes(this.state);
  }

  /**
   * Changes the record and puts it on disk before it returns. Wakes those who wait when the run has ended. Where the disk refuses
   * it, the change holds here, the answers tell of it, and it is written as soon as that works.
   *
   * @throws `storage/failed` for `sending` alone, which has to be on disk before the bytes leave; nothing is changed then.
   */
  update(change: Partial<RunRecord>): void {
    const before = this.#record;
    this.#record = {
      ...before,
      ...change,
      ...(this.notices.length > 0 && { notices: [...this.notices] }),
    };
    this.#keepTime(change);
    if (this.isFinal) this.#flushOutputs();
    try {
      this.#options.files.save(this.#record);
      this.#isUnsaved = false;
    } catch (error) {
      if (change.state === 'sending') {
        this.#record = before;
        throw error;
      }
      this.#isUnsaved = true;
      this.#retryLater(error);
    } finally {
      this.#wake();
    }
  }

  #keepTime({ state, endedMs }: Partial<RunRecord>): void {
    const nowMs = this.#options.clock.monotonic();
    if (state === 'sending') this.#sentAt = nowMs;
    if (endedMs !== undefined) this.#endedAt ??= nowMs;
  }

  /** Output and record stay in memory. */
  #retryLater(error: unknown): void {
    if (!this.#isTroubleTold) {
      this.#isTroubleTold = true;
      this.notices.push(
        `The run's own files cannot be written: ${messageOf(error)} Its outputs are kept in memory, and are written as soon as that works.`,
      );
    }
    this.#cancelRetry ??= this.#options.clock.after(
      RETRY_MS,
      () => {
        this.#cancelRetry = undefined;
        this.flush();
        if (this.#isUnsaved) this.update({});
      },
      { background: true },
    );
  }

  /** Changes the record in memory only: for steps that a recovery finds out by itself. */
  note(change: Partial<RunRecord>): void {
    this.#record = { ...this.#record, ...change };
  }

  /** Takes in one iopub message and keeps it in the journal. @returns whether the outputs changed. */
  receive(message: KernelMessage): boolean {
    const type = message.header.msg_type;
    if (!OUTPUT_TYPES.has(type)) return false;
    const stored: StoredMessage = {
      id: message.header.msg_id,
      type,
      content: message.content,
      ...(Object.keys(message.metadata).length > 0 && { metadata: message.metadata }),
    };
    // Only a run that was carried over from another process has to expect a message twice.
    if (this.#seen.size > 0 && this.#seen.has(stored.id)) return false;
    const kept = this.#shown.of(stored);
    for (const each of kept) this.#keep(each);
    if (kept.length > 0) this.#flushSoon();
    return kept.length > 0;
  }

  /** Before the run is said to have ended: what was held back of its output, since it might have become a secret. */
  endOutput(): void {
    for (const each of this.#shown.heldBack()) this.#keep(each);
  }

  /** A text of the kernel that is no message. */
  masked(text: string): string {
    return this.#shown.text(text);
  }

  #keep(stored: StoredMessage): void {
    this.#take(stored);
    this.#append(stored);
  }

  /** Takes in an output that the kernel gave in its reply and not as a message of its own. */
  receiveLocal(type: string, content: Readonly<Record<string, unknown>>): void {
    for (const each of this.#shown.of({ id: newUuid(), type, content })) this.#keep(each);
  }

  #append(stored: StoredMessage): void {
    try {
      this.#options.files.append(stored);
    } catch (error) {
      this.#retryLater(error);
    }
  }

  /** Takes in what an earlier process has put into the journal already. */
  replay(message: StoredMessage): void {
    this.#seen.add(message.id);
    this.#take(message);
  }

  /** Tells one reader of what the notebook has no room for, from now on. */
  followRest(reader: RestReader): void {
    this.#onTaken = restFollower(this.collector, reader);
  }

  #take(message: StoredMessage): void {
    this.collector.add(message);
    this.#onTaken?.(message);
    const words = wordsOf(message);
    if (words !== undefined) this.#lastText = words;
    if (message.type === 'stream') {
      const notice = notKeptNotice(message);
      // What is read again from the journal was told already.
      if (notice !== undefined && !this.notices.includes(notice)) this.notices.push(notice);
    }
  }

  #flushSoon(): void {
    this.#cancelFlush ??= this.#options.clock.after(FLUSH_MS, () => this.flush(), {
      background: true,
    });
  }

  /** Puts the run and all its outputs so far into the journal, as far as the disk takes them. Called before anybody is told of them. */
  flush(): void {
    if (!this.#options.files.hasRecord) this.update({});
    this.#flushOutputs();
  }

  #flushOutputs(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    try {
      this.#options.files.flush();
    } catch (error) {
      this.#retryLater(error);
    }
    this.#spill?.flush();
  }

  /** Gives up the files; the run stays readable from disk. */
  close(): void {
    this.flush();
    this.#spill?.close();
    if (this.#cancelRetry === undefined) this.#options.files.close();
  }

  /** Removes files that an earlier execution of the same cell left beside the notebook. */
  async removeOlderSpill(): Promise<void> {
    await this.#spill?.removeOlder();
  }

  /**
   * Waits until the run has ended, `waitMs` are over, or it wants input, whichever comes first. The run is not touched.
   *
   * @throws GloveboxError `cancelled` when the signal fires.
   */
  async wait(options: {
    readonly waitMs: number;
    readonly signal: AbortSignal;
    readonly report: (progress: Progress) => void;
  }): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.monotonic() + options.waitMs;
    while (!this.isFinal && this.state !== 'waiting_input') {
      if (options.signal.aborted) throw cancelled(options.signal);
      const leftMs = endMs - clock.monotonic();
      if (leftMs <= 0) return;
      options.report({ message: this.progressLine() });
      await this.#woken(Math.min(leftMs, TICK_MS), options.signal);
    }
  }

  /** Resolves when the run has ended, however long that takes. */
  async whenFinal(): Promise<void> {
    while (!this.isFinal) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiters.delete(wake);
          resolve();
        };
        this.#waiters.add(wake);
      });
    }
  }

  /** Resolves when something about the state changed, the caller gave up, or `limitMs` are over. */
  #woken(limitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancelTimer();
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancelTimer = this.#options.clock.after(limitMs, wake);
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }

  /** At most 200 characters: how long it runs and what it said last, or what it waits for. */
  progressLine(): string {
    const elapsed = renderDuration(this.elapsedMs());
    const position = this.#options.queuePosition();
    const what =
      this.state === 'queued' && position > 0
        ? `queued behind ${position} run${position === 1 ? '' : 's'}`
        : (this.obstacle ?? lastLine(this.#lastText) ?? 'running');
    return `${elapsed} · ${what}`.slice(0, 200);
  }

  elapsedMs(): number {
    if (this.#sentAt !== undefined) {
      return (this.#endedAt ?? this.#options.clock.monotonic()) - this.#sentAt;
    }
    const { createdMs, sentMs, endedMs } = this.#record;
    return Math.max(0, (endedMs ?? this.#options.clock.now()) - (sentMs ?? createdMs));
  }

  view(): RunView {
    const { record } = this;
    return {
      id: record.id,
      sessionId: record.sessionId,
      state: record.state,
      ...(record.cellId !== undefined && {
        cell: { id: record.cellId, index: this.#options.cellIndex() },
      }),
      executionCount: record.executionCount ?? null,
      outputs: this.collector.outputs,
      droppedBytes: this.collector.droppedBytes,
      elapsedMs: this.elapsedMs(),
      queuePosition: this.#options.queuePosition(),
      ...(record.error !== undefined && { error: record.error }),
      ...(record.loss !== undefined && { loss: record.loss }),
      ...(record.explanation !== undefined && { explanation: record.explanation }),
      ...(record.state === 'queued' && this.obstacle !== undefined && { obstacle: this.obstacle }),
      ...(this.inputPrompt !== undefined && { inputPrompt: this.inputPrompt }),
      ...(this.suggestedCode !== undefined && { suggestedCode: this.suggestedCode }),
      notices: [...this.notices],
    };
  }
}
