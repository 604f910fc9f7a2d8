/** Opens and makes notebooks: one instance per file and process, however often it is opened. */
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { KernelSpecMetadata, OpenNotebook } from './contract.ts';
import { chunksOf, newNotebook } from './format.ts';
import type { LiveNotebook } from './live-notebook.ts';
import { notebookFileName } from './names.ts';
import { openStore } from './open-store.ts';
import { DiskStore } from './stores/disk.ts';
import { resolveFile, resolveNewFile } from './stores/real-path.ts';

export interface NotebooksOptions {
  /** Private folder, shared by all Glovebox processes of the user. */
  readonly locksDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NewNotebookOptions {
  readonly kernel?: KernelSpecMetadata;
}

export interface Notebooks {
  /**
   * The same instance for the same real path. Each `open` wants its own `close`; the last one saves and forgets.
   *
   * @throws GloveboxError `path/not-found`, `storage/failed`, `notebook/invalid` or `notebook/unsupported`.
   */
  open(file: string): Promise<OpenNotebook>;
  /** Makes exactly that file. @throws GloveboxError `path/exists`, `storage/failed` or `notebook/save-failed`. */
  create(file: string, options?: NewNotebookOptions): Promise<OpenNotebook>;
  /**
   * Makes a file of that name, or with `_2`, `_3`, ... behind it: nothing is ever overwritten (D8). The name is cleaned
   * (D10) and may have its `.ipynb`; a missing folder is made.
   */
  createFresh(folder: string, name: string, options?: NewNotebookOptions): Promise<OpenNotebook>;
  /** Takes a notebook back that was just made, if nobody has put anything into it; closes it otherwise. */
  discard(notebook: OpenNotebook): Promise<void>;
  /** Saves and forgets all. Never fails: what could not be saved is logged. */
  closeAll(): Promise<void>;
}

/** A name is taken so often at most. */
const MOST_COPIES = 10_000;

export function createNotebooks(options: NotebooksOptions): Notebooks {
  return new NotebookShelf(options);
}

interface Shelved {
  readonly opening: Promise<LiveNotebook>;
  readonly isNew: boolean;
  users: number;
}

class NotebookShelf implements Notebooks {
  readonly #options: NotebooksOptions;
  readonly #shelf = new Map<string, Shelved>();

  constructor(options: NotebooksOptions) {
    this.#options = options;
  }

  async open(file: string): Promise<OpenNotebook> {
    // One that was removed while it is open is still what its reader means: the next save makes it again.
    const real = this.#shelf.has(file) ? file : await resolveFile(file);
    const known = this.#shelf.get(real);
    if (known !== undefined) {
      known.users += 1;
      return known.opening;
    }
    return this.#load(new DiskStore(real, this.#options), false);
  }

  async create(file: string, options: NewNotebookOptions = {}): Promise<OpenNotebook> {
    const made = await this.#create(await resolveNewFile(file), options);
    if (made !== undefined) return made;
    throw new GloveboxError('path/exists', `There is something at ${file} already.`, {
      hint: 'Choose another name, or open it with start_notebook.',
    });
  }

  async createFresh(
    folder: string,
    name: string,
    options: NewNotebookOptions = {},
  ): Promise<OpenNotebook> {
    const file = await resolveNewFile(path.join(folder, notebookFileName(name)));
    const { dir, name: stem } = path.parse(file);
    for (let copy = 1; copy <= MOST_COPIES; copy += 1) {
      const suffix = copy === 1 ? '' : `_${copy}`;
      const made = await this.#create(path.join(dir, `${stem}${suffix}.ipynb`), options);
      if (made !== undefined) return made;
    }
    throw new GloveboxError('path/exists', `${file} and its numbered copies exist already.`, {
      hint: 'Choose another name.',
    });
  }

  async discard(notebook: OpenNotebook): Promise<void> {
    const known = this.#shelf.get(notebook.path);
    if (known === undefined) return;
    const live = await known.opening;
    await live.end();
    if (!known.isNew || known.users > 1 || !(await live.isUntouched())) return notebook.close();
    this.#shelf.delete(notebook.path);
    await live.remove();
  }

  async closeAll(): Promise<void> {
    const open = [...this.#shelf.values()];
    this.#shelf.clear();
    await Promise.all(
      open.map(async ({ opening }) => {
        const live = await opening.catch(() => undefined);
        await live?.end().catch((error: unknown) => this.#options.log.error(messageOf(error)));
        live?.stop();
      }),
    );
  }

  /** `undefined` when something has that name. */
  async #create(real: string, options: NewNotebookOptions): Promise<OpenNotebook | undefined> {
    const store = new DiskStore(real, this.#options);
    const chunks = chunksOf(newNotebook(options.kernel));
    const version = await store.exclusively(() => store.write(chunks, undefined));
    if (version === undefined) return undefined;
    return this.#load(store, true);
  }

  #load(store: DiskStore, isNew: boolean): Promise<OpenNotebook> {
    const { clock, log } = this.#options;
    const opening = openStore(store, { clock, log, onClose: () => this.#release(store.path) });
    this.#shelf.set(store.path, { opening, isNew, users: 1 });
    return opening.catch((error: unknown) => {
      this.#shelf.delete(store.path);
      throw error;
    });
  }

  async #release(real: string): Promise<void> {
    const known = this.#shelf.get(real);
    if (known === undefined) return;
    const live = await known.opening;
    if (known.users > 1) {
      known.users -= 1;
      return;
    }
    await live.end();
    // Somebody may have opened it again meanwhile.
    known.users -= 1;
    if (known.users > 0) return;
    live.stop();
    this.#shelf.delete(real);
  }
}
