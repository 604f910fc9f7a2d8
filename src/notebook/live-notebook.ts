/** One open notebook: a working copy in memory, merged with what others write to the file, and saved when it costs nobody's time. */
import { isGloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type {
  CellOutput,
  CellRef,
  CellView,
  OpenNotebook,
  Position,
  SaveReport,
} from './contract.ts';
import { FileSync } from './file-sync.ts';
import type { SaveMark } from './format.ts';
import type { LoadedNotebook } from './load-notebook.ts';
import { SaveNotices } from './save-notices.ts';
import { SaveScheduler } from './save-scheduler.ts';
import type { NotebookStore } from './stores/store.ts';
import { WorkingCopy } from './working-copy.ts';

/** How soon it is seen that an editor wrote an older version over ours, when nothing else looks at the file. */
const WATCH_MS = 2_000;

export interface LiveNotebookOptions {
  readonly store: NotebookStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly loaded: LoadedNotebook;
  readonly onClose: () => Promise<void>;
}

export class LiveNotebook implements OpenNotebook {
  readonly #options: LiveNotebookOptions;
  readonly #scheduler: SaveScheduler;
  readonly #copy: WorkingCopy;
  readonly #file: FileSync;
  readonly #notices = new SaveNotices();
  #cancelWatch: (() => void) | undefined;
  #isStopped = false;

  constructor(options: LiveNotebookOptions) {
    this.#options = options;
    const { store, clock, log, loaded } = options;
    this.#copy = new WorkingCopy(loaded.document);
    this.#file = new FileSync({
      store,
      clock,
      loaded,
      copy: this.#copy,
      notices: this.#notices,
      onLostSave: () => this.scheduleSave(),
      onWritten: () => this.#watchSoon(),
    });
    this.#scheduler = new SaveScheduler(
      {
        clock,
        save: () => this.#file.save(),
        changes: () => this.#copy.changes,
        onFailure: (error) => log.warn(`saving ${this.path}: ${messageOf(error)}`),
      },
      loaded.bytes,
    );
  }

  get path(): string {
    return this.#options.store.path;
  }

  get cellCount(): number {
    return this.#copy.document.cells.length;
  }

  get formatMinor(): number {
    return this.#copy.document.formatMinor;
  }

  get kernelName(): string | undefined {
    return this.#copy.kernelName;
  }

  /** Which saves of which writers the stored notebook contains, the latest writer first. */
  get saves(): readonly SaveMark[] {
    return this.#file.saves;
  }

  get versions(): readonly object[] {
    return this.#copy.document.cells;
  }

  cells(): readonly CellView[] {
    return this.#copy.cells();
  }

  cell(ref: CellRef): CellView {
    return this.#copy.cell(ref);
  }

  insertCell(cell: Parameters<OpenNotebook['insertCell']>[0], position: Position): CellView {
    return this.#copy.insertCell(cell, position);
  }

  setSource(ref: CellRef, source: string): CellView {
    return this.#copy.setSource(ref, source);
  }

  deleteCells(refs: readonly CellRef[]): readonly CellView[] {
    return this.#copy.deleteCells(refs);
  }

  moveCell(ref: CellRef, position: Position): ReturnType<OpenNotebook['moveCell']> {
    return this.#copy.moveCell(ref, position);
  }

  setOutputs(
    cellId: string,
    outputs: readonly CellOutput[],
    executionCount: number | null,
  ): boolean {
    return this.#copy.setOutputs(cellId, outputs, executionCount);
  }

  setKernel(...change: Parameters<OpenNotebook['setKernel']>): void {
    this.#copy.setKernel(...change);
  }

  refresh(): Promise<void> {
    return this.#file.refresh();
  }

  scheduleSave(): void {
    this.#scheduler.request();
  }

  async settle(): Promise<SaveReport> {
    const saved = await this.#scheduler.settle();
    return { notices: this.#notices.take(), saved };
  }

  async flush(): Promise<SaveReport> {
    const notices = await this.#notices.failOnConflict(async () => {
      try {
        await this.#scheduler.flush();
        await this.#options.store.sync();
      } catch (error) {
        this.#scheduler.invalidate();
        throw error;
      }
    });
    return { notices, saved: true };
  }

  async close(): Promise<void> {
    await this.#options.onClose();
  }

  /** Writes what is left and stops. @throws GloveboxError `notebook/save-failed`. */
  async end(): Promise<void> {
    try {
      // An older version may have been written over ours since the last look.
      await this.refresh().catch(() => undefined);
      await this.flush();
    } catch (error) {
      if (!isGloveboxError(error, 'notebook/conflict')) throw error;
      this.#options.log.warn(`closing ${this.path}: ${error.message}`);
    }
  }

  /** Forgets planned saves. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelWatch?.();
    this.#scheduler.stop();
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    this.stop();
    await this.#options.store.remove();
  }

  /** Whether nobody has put anything into it since it was made or opened, here or on disk. */
  async isUntouched(): Promise<boolean> {
    return this.cellCount === 0 && (await this.#file.isUnchanged());
  }

  #watchSoon(): void {
    if (this.#isStopped) return;
    this.#cancelWatch?.();
    const look = (): void => {
      this.refresh().then(
        () => this.#watchSoon(),
        (error: unknown) => {
          this.#options.log.debug(`looking at ${this.path}: ${messageOf(error)}`);
          this.#watchSoon();
        },
      );
    };
    this.#cancelWatch = this.#options.clock.after(WATCH_MS, look, { background: true });
  }
}
