/** Keeps a working copy and its file equal: takes in what others wrote, and writes what was edited here, over nobody's work. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import { chunksOf, type NotebookDocument, type SaveMark } from './format.ts';
import { loadNotebook, type LoadedNotebook } from './load-notebook.ts';
import { merge } from './merge.ts';
import { SaveHistory } from './save-history.ts';
import type { SaveNotices } from './save-notices.ts';
import type { FileVersion, NotebookStore } from './stores/store.ts';
import type { WorkingCopy } from './working-copy.ts';

/** Somebody else may win the race for the file so often before a save gives up. */
const SAVE_ATTEMPTS = 10;

/** How many edits a save has brought to the file, and how big the file is now. */
export interface Saved {
  readonly changes: number;
  readonly bytes: number;
}

export interface FileSyncOptions {
  readonly store: NotebookStore;
  readonly clock: Clock;
  readonly loaded: LoadedNotebook;
  readonly copy: WorkingCopy;
  readonly notices: SaveNotices;
  /** The file has lost what was saved before, so that it has to be saved again. */
  readonly onLostSave: () => void;
  readonly onWritten: () => void;
}

export class FileSync {
  readonly #options: FileSyncOptions;
  /** What the file held when it was last read or written; `undefined` as version when there is no file. */
  #base: NotebookDocument;
  #version: FileVersion | undefined;
  readonly #history: SaveHistory;
  /** While a save goes on: ends when it has seen what others wrote. */
  #checking: Promise<void> | undefined;
  #refreshing: Promise<void> = Promise.resolve();
  #catchingUp: Promise<void> = Promise.resolve();

  constructor(options: FileSyncOptions) {
    this.#options = options;
    const { document, version } = options.loaded;
    this.#base = document;
    this.#version = version;
    this.#history = new SaveHistory(document);
    options.notices.addRepairs(document);
  }

  /** Which saves of which writers the stored notebook contains, the latest writer first. */
  get saves(): readonly SaveMark[] {
    return this.#base.saves;
  }

  /** Whether nobody has written to the file since it was last read or written here. */
  async isUnchanged(): Promise<boolean> {
    return (await this.#options.store.version()) === this.#version;
  }

  /** Takes in what others wrote. One after the other, so that edits are made in the order in which they were asked for. */
  refresh(): Promise<void> {
    const look = (): Promise<void> => this.#checking ?? this.#catchUp();
    this.#refreshing = this.#refreshing.then(look, look);
    return this.#refreshing;
  }

  /** Merges and writes. @throws `notebook/save-failed`; the edits are kept then, for the next try. */
  async save(): Promise<Saved> {
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
          `${store.path} is being changed by another program all the time.`,
          { hint: 'Close the notebook in the other program; the changes are kept in memory.' },
        );
      });
    } catch (error) {
      if (isGloveboxError(error, 'notebook/save-failed')) throw error;
      throw new GloveboxError(
        'notebook/save-failed',
        `${store.path} could not be saved: ${messageOf(error)}`,
        { hint: 'The changes are kept in memory; the next save tries again.', cause: error },
      );
    } finally {
      checked.open();
      this.#checking = undefined;
    }
  }

  /**
   * One look after the other: while a save writes, the edits that it has taken are noted nowhere, and a look that began before it
   * would take a file in without them.
   */
  #catchUp(): Promise<void> {
    const look = (): Promise<void> => this.#look();
    this.#catchingUp = this.#catchingUp.then(look, look);
    return this.#catchingUp;
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#options;
    const version = await store.version();
    if (version === this.#version) return;
    if (version === undefined) this.#fileIsGone();
    else this.#takeIn(await loadNotebook(store, clock, this.#base));
  }

  #fileIsGone(): void {
    const { copy, notices } = this.#options;
    this.#version = undefined;
    notices.add('The notebook file was removed meanwhile; the next save makes it again.');
    copy.touch();
  }

  #takeIn({ document: theirs, version }: LoadedNotebook): void {
    const { copy, notices, onLostSave } = this.#options;
    const unseen = this.#history.takeIn(theirs);
    const merged = merge({
      base: this.#base,
      ours: copy.document,
      pending: copy.pending,
      theirs,
      unseen,
    });
    this.#base = theirs;
    this.#version = version;
    copy.replace(merged.document, merged.pending);
    notices.addRepairs(theirs);
    notices.add(...merged.notices);
    notices.addConflicts(merged.conflicts);
    if (unseen === undefined) return;
    copy.touch();
    onLostSave();
  }

  /** @returns undefined when somebody else has written meanwhile. */
  async #write(): Promise<Saved | undefined> {
    const { copy, store } = this.#options;
    const document = this.#history.marked(copy.document);
    const result = { changes: copy.changes, bytes: 0 };
    const chunks = chunksOf(document);
    for (const { length } of chunks) result.bytes += length;
    const pending = copy.takePending();
    let version: FileVersion | undefined;
    try {
      version = await store.write(chunks, this.#version);
    } finally {
      if (version === undefined) copy.giveBack(pending);
    }
    if (version === undefined) return undefined;
    this.#version = version;
    this.#history.saved(pending, this.#base);
    this.#base = document;
    this.#options.onWritten();
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
