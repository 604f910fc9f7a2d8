/** One open notebook: edits in memory, merged with what others write, and saved when it costs nobody's time. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newCellId } from '#core/ids.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { isValidId, temporaryName } from './cell-ids.ts';
import type {
  CellOutput,
  CellRef,
  CellView,
  KernelSpecMetadata,
  OpenNotebook,
  Position,
  SaveReport,
} from './contract.ts';
import {
  inserted,
  insertionIndex,
  locate,
  locateAll,
  moved,
  moveTarget,
  replaced,
  without,
} from './edits.ts';
import {
  chunksOf,
  hasIds,
  withKernel,
  withSandbox,
  type NotebookDocument,
  type SaveMark,
} from './format.ts';
import { loadNotebook, type LoadedNotebook } from './load-notebook.ts';
import { merge, type Conflict } from './merge.ts';
import { Pending } from './pending.ts';
import { SaveHistory } from './save-history.ts';
import { SaveScheduler } from './save-scheduler.ts';
import { StoredCell } from './stored-cell.ts';
import type { FileVersion, NotebookStore } from './stores/store.ts';

/** Somebody else may win the race for the file so often before a save gives up. */
const SAVE_ATTEMPTS = 10;
/** How soon it is seen that an editor wrote an older version over ours, when nothing else looks at the file. */
const WATCH_MS = 2_000;

type NewCell = Parameters<OpenNotebook['insertCell']>[0];

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
  #document: NotebookDocument;
  /** What the file held when it was last read or written; `undefined` as version when there is no file. */
  #base: NotebookDocument;
  #version: FileVersion | undefined;
  #pending = new Pending();
  #changes = 0;
  readonly #history: SaveHistory;
  #cancelWatch: (() => void) | undefined;
  #isStopped = false;
  readonly #notices: string[] = [];
  /** Nobody has been told of them. */
  #conflicts: Conflict[] = [];
  /** One list per `flush` that goes on: each is told of the conflicts that come up meanwhile. */
  readonly #flushing = new Set<Conflict[]>();
  /** While a save goes on: ends when it has seen what others wrote. */
  #checking: Promise<void> | undefined;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(options: LiveNotebookOptions) {
    this.#options = options;
    const { document, version, bytes } = options.loaded;
    this.#document = document;
    this.#base = document;
    this.#version = version;
    this.#history = new SaveHistory(document);
    this.#noticeRepairs(document);
    this.#scheduler = new SaveScheduler(
      {
        clock: options.clock,
        save: () => this.#save(),
        changes: () => this.#changes,
        onFailure: (error) => options.log.warn(`saving ${this.path}: ${messageOf(error)}`),
      },
      bytes,
    );
  }

  get path(): string {
    return this.#options.store.path;
  }

  get cellCount(): number {
    return this.#document.cells.length;
  }

  get formatMinor(): number {
    return this.#document.formatMinor;
  }

  get kernelName(): string | undefined {
    const name = this.#document.kernelspec?.['name'];
    return typeof name === 'string' ? name : undefined;
  }

  /** Which saves of which writers the stored notebook contains, the latest writer first. */
  get saves(): readonly SaveMark[] {
    return this.#base.saves;
  }

  get versions(): readonly object[] {
    return this.#document.cells;
  }

  cells(): readonly CellView[] {
    return this.#document.cells.map((cell, index) => cell.view(index));
  }

  cell(ref: CellRef): CellView {
    return this.#viewAt(locate(this.#document.cells, ref));
  }

  insertCell({ type, source, metadata = {}, id }: NewCell, position: Position): CellView {
    const { cells, format } = this.#document;
    const index = insertionIndex(cells, position);
    const isTaken = (name: string): boolean => cells.some((cell) => cell.id === name);
    if (id !== undefined && isTaken(id)) {
      throw new GloveboxError('input/invalid', `The notebook has a cell "${id}" already.`, {
        hint: 'edit_cell changes it.',
      });
    }
    const name = id !== undefined && isValidId(id) ? id : this.#newName(type, source, isTaken);
    const cell = { id: name, type, source, metadata };
    const made = StoredCell.make(cell, format, hasIds(this.#document) ? name : undefined);
    this.#setCells(inserted(cells, index, made));
    this.#pending.inserted.add(name);
    return this.#viewAt(index);
  }

  setSource(ref: CellRef, source: string): CellView {
    const { cells } = this.#document;
    const index = locate(cells, ref);
    const cell = this.#cellAt(index);
    if (cell.source === source) return this.#viewAt(index);
    const cleared = cell.type === 'code' && { outputs: [], executionCount: null };
    this.#setCells(replaced(cells, index, cell.with({ source, ...cleared })));
    this.#pending.setSource(cell.id, cell.source);
    return this.#viewAt(index);
  }

  deleteCells(refs: readonly CellRef[]): readonly CellView[] {
    const { cells } = this.#document;
    const indexes = locateAll(cells, refs);
    if (indexes.length === 0) return [];
    const views = indexes.map((index) => this.#viewAt(index));
    this.#setCells(without(cells, indexes));
    for (const { id, source } of views) this.#pending.delete(id, source);
    return views;
  }

  moveCell(ref: CellRef, position: Position): ReturnType<OpenNotebook['moveCell']> {
    const { cells } = this.#document;
    const from = locate(cells, ref);
    const to = moveTarget(cells, from, position);
    if (from !== to) {
      this.#setCells(moved(cells, from, to));
      this.#pending.moved.add(this.#cellAt(to).id);
    }
    return { from, to, cell: this.#viewAt(to) };
  }

  setOutputs(
    cellId: string,
    outputs: readonly CellOutput[],
    executionCount: number | null,
  ): boolean {
    const { cells } = this.#document;
    const index = cells.findIndex(({ id }) => id === cellId);
    const cell = cells[index];
    if (cell?.type !== 'code') return false;
    if (cell.executionCount === executionCount && cell.isKnownToHold(outputs)) return true;
    // A copy: the caller's list may grow, and the cell must not change without anybody knowing.
    const changes = { outputs: [...outputs], executionCount };
    this.#setCells(replaced(cells, index, cell.with(changes)));
    this.#pending.outputs.add(cellId);
    return true;
  }

  setKernel(
    spec: KernelSpecMetadata,
    languageInfo: Readonly<Record<string, unknown>> | undefined,
    options: { readonly replace?: boolean } = {},
  ): void {
    const change = { spec, languageInfo, replace: options.replace ?? false };
    const document = withKernel(this.#document, change);
    if (document === this.#document) return;
    this.#document = document;
    this.#changes += 1;
    this.#pending.kernel = change;
  }

  setSandbox(sandbox: Readonly<Record<string, unknown>>): void {
    const document = withSandbox(this.#document, sandbox);
    if (document === this.#document) return;
    this.#document = document;
    this.#changes += 1;
    this.#pending.sandbox = sandbox;
  }

  /** One after the other, so that edits are made in the order in which they were asked for. */
  refresh(): Promise<void> {
    const look = (): Promise<void> => this.#checking ?? this.#catchUp();
    this.#refreshing = this.#refreshing.then(look, look);
    return this.#refreshing;
  }

  scheduleSave(): void {
    this.#scheduler.request();
  }

  async settle(): Promise<SaveReport> {
    const saved = await this.#scheduler.settle();
    this.#notices.push(...this.#conflicts.splice(0).map(describe));
    const notices = this.#notices.splice(0);
    return { notices, saved };
  }

  async flush(): Promise<SaveReport> {
    const conflicts = this.#conflicts.splice(0);
    this.#flushing.add(conflicts);
    try {
      await this.#scheduler.flush();
      await this.#options.store.sync();
    } catch (error) {
      this.#scheduler.invalidate();
      this.#conflicts.push(...conflicts);
      throw error;
    } finally {
      this.#flushing.delete(conflicts);
    }
    if (conflicts.length > 0) {
      throw new GloveboxError('notebook/conflict', conflicts.map(describe).join('\n\n'), {
        hint: 'Everything else was saved. Read the cell with read_notebook and make the edit again.',
      });
    }
    return { notices: this.#notices.splice(0), saved: true };
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
    const { store } = this.#options;
    return this.#document.cells.length === 0 && (await store.version()) === this.#version;
  }

  #newName(type: StoredCell['type'], source: string, isTaken: (name: string) => boolean): string {
    if (!hasIds(this.#document)) return temporaryName({ type, source }, isTaken);
    let name = newCellId();
    while (isTaken(name)) name = newCellId();
    return name;
  }

  #cellAt(index: number): StoredCell {
    const cell = this.#document.cells[index];
    if (cell === undefined) throw new GloveboxError('internal', `There is no cell ${index}.`);
    return cell;
  }

  #viewAt(index: number): CellView {
    return this.#cellAt(index).view(index);
  }

  #setCells(cells: readonly StoredCell[]): void {
    this.#document = { ...this.#document, cells };
    this.#changes += 1;
  }

  #noticeRepairs({ repairedIds }: NotebookDocument): void {
    if (repairedIds === 0) return;
    const cells = repairedIds === 1 ? '1 cell' : `${repairedIds} cells`;
    this.#notices.push(
      `${cells} had no valid id of its own in the file and got a new one, which the next save writes.`,
    );
  }

  /** Takes in what others wrote. */
  async #catchUp(): Promise<void> {
    const { store, clock } = this.#options;
    for (;;) {
      const known = this.#version;
      const version = await store.version();
      if (version === known) return;
      const loaded =
        version === undefined ? undefined : await loadNotebook(store, clock, this.#base);
      // Another call has caught up or written meanwhile: what was read here may be older than that.
      if (this.#version !== known) continue;
      if (loaded === undefined) this.#fileIsGone();
      else this.#takeIn(loaded);
      return;
    }
  }

  #fileIsGone(): void {
    this.#version = undefined;
    this.#notices.push('The notebook file was removed meanwhile; the next save makes it again.');
    this.#changes += 1;
  }

  #takeIn({ document: theirs, version }: LoadedNotebook): void {
    const unseen = this.#history.takeIn(theirs);
    const { document, pending, conflicts, notices } = merge({
      base: this.#base,
      ours: this.#document,
      pending: this.#pending,
      theirs,
      unseen,
    });
    this.#base = theirs;
    this.#version = version;
    this.#document = document;
    this.#pending = pending;
    this.#noticeRepairs(theirs);
    this.#notices.push(...notices);
    if (this.#flushing.size === 0) this.#conflicts.push(...conflicts);
    for (const told of this.#flushing) told.push(...conflicts);
    if (unseen === undefined) return;
    this.#changes += 1;
    this.#scheduler.request();
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

  async #save(): Promise<{ readonly changes: number; readonly bytes: number }> {
    const { store } = this.#options;
    const checked = gate();
    this.#checking = checked.opened;
    try {
      return await store.exclusively(async () => {
        for (let attempt = 0; attempt < SAVE_ATTEMPTS; attempt += 1) {
          await this.#catchUp().catch(refuseToOverwrite);
          checked.open();
          const written = await this.#write();
          if (written !== undefined) return written;
        }
        throw new GloveboxError(
          'notebook/save-failed',
          `${this.path} is being changed by another program all the time.`,
          { hint: 'Close the notebook in the other program; the changes are kept in memory.' },
        );
      });
    } catch (error) {
      if (isGloveboxError(error, 'notebook/save-failed')) throw error;
      throw new GloveboxError(
        'notebook/save-failed',
        `${this.path} could not be saved: ${messageOf(error)}`,
        { hint: 'The changes are kept in memory; the next save tries again.', cause: error },
      );
    } finally {
      checked.open();
      this.#checking = undefined;
    }
  }

  async #write(): Promise<{ readonly changes: number; readonly bytes: number } | undefined> {
    const document = this.#history.marked(this.#document);
    const pending = this.#pending;
    const result = { changes: this.#changes, bytes: 0 };
    const chunks = chunksOf(document);
    for (const { length } of chunks) result.bytes += length;
    this.#pending = new Pending();
    let version: FileVersion | undefined;
    try {
      version = await this.#options.store.write(chunks, this.#version);
    } finally {
      if (version === undefined) {
        pending.absorb(this.#pending);
        this.#pending = pending;
      }
    }
    if (version === undefined) return undefined;
    this.#version = version;
    this.#history.saved(pending, this.#base);
    this.#base = document;
    this.#watchSoon();
    return result;
  }
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let resolve: (() => void) | undefined;
  const opened = new Promise<void>((done) => {
    resolve = done;
  });
  return { opened, open: () => resolve?.() };
}

function refuseToOverwrite(error: unknown): never {
  throw new GloveboxError(
    'notebook/save-failed',
    `The file was changed by another program and was not overwritten: ${messageOf(error)}`,
    {
      hint: 'Repair the file or move it away; the changes are kept in memory and are saved then.',
      cause: error,
    },
  );
}

const describe = ({ cellId, ours, onDisk }: Conflict): string =>
  `Cell ${cellId} was edited here and on disk at the same time. The version on disk stays:\n${onDisk}\nThe version that was not saved:\n${ours}`;
