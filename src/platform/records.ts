/** Records on disk: one JSON file per id, changed only by compare-and-swap, never silently lost. */
import { existsSync, readdirSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from './clock.ts';
import { isLocalFileSystem } from './file-system.ts';
import {
  ensurePrivateFolder,
  errnoOf,
  pathExists,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from './files.ts';
import { withFileLock } from './lock.ts';

const FORMAT = 1;

export interface RecordStoreOptions<T extends object> {
  /** Made on the first write, 0700. */
  readonly folder: string;
  /** What a record is about, for error texts: `session`, `sandbox`. */
  readonly name: string;
  /**
   * From what was on disk, without `version` and `rev`. Throws when it cannot be used. Fields it drops survive an update.
   * Called once for the same text: what it returns is handed out again, so it must not be changed.
   */
  readonly parse: (raw: unknown) => T;
  readonly clock: Clock;
  /** Told once per record that was set aside, and once per `list` about those that still are. */
  readonly onDamaged?: (message: string) => void;
  /** Whether a write survives a power cut. Default true. */
  readonly durable?: boolean;
}

/** A record and what the file holds beyond it. */
interface Loaded<T> {
  readonly value: T;
  readonly raw: Readonly<Record<string, unknown>>;
  readonly rev: number;
}

/**
 * A folder of records, safe for several processes at once. Files are 0600 and hold the fields of the record plus `version`
 * and `rev`, which a record must not use for itself.
 *
 * A file that cannot be read as a record is renamed to `ID.json.bad`. From then on `read` and `update` of that id throw
 * `record/damaged` until somebody creates the record again or removes the file: unknown is never taken for absent.
 */
export class RecordStore<T extends object> {
  readonly #folder: string;
  readonly #options: RecordStoreOptions<T>;
  #isLocal: boolean | undefined;
  /** What each file was found to hold last: most reads find the same again, and to compare texts is cheap. */
  readonly #parsed = new Map<string, { readonly text: string; readonly loaded: Loaded<T> }>();

  constructor(options: RecordStoreOptions<T>) {
    this.#folder = options.folder;
    this.#options = options;
  }

  /** `undefined` when there is none. Makes nothing. @throws `record/damaged`, `storage/failed`. */
  async read(id: string): Promise<T | undefined> {
    if (!isRecordId(id)) return undefined;
    return (await this.#load(id, false))?.value;
  }

  /** Resolves when it is on disk. @throws `record/exists`, `storage/failed`, `lock/timeout`. */
  async create(id: string, value: T): Promise<T> {
    if (!isRecordId(id))
      throw new GloveboxError('internal', `"${id}" cannot be the id of a record.`);
    await ensurePrivateFolder(this.#folder);
    return this.#locked(id, async () => {
      if (await pathExists(this.#file(id))) {
        throw new GloveboxError('record/exists', `There is already a ${this.#options.name} ${id}.`);
      }
      return this.#write(id, fieldsOf(value), 1);
    });
  }

  /**
   * Changes the newest state of the record. `change` may be called with a state that this process never saw, and must not
   * touch anything else. Returning the same object writes nothing.
   *
   * @throws `record/missing`, `record/damaged`, `storage/failed`, `lock/timeout`, or what `change` throws; nothing is written then.
   */
  async update(id: string, change: (current: T) => T): Promise<T> {
    if (!isRecordId(id) || !(await pathExists(this.#folder))) throw this.#missing(id);
    return this.#locked(id, async () => {
      const loaded = await this.#load(id, true);
      if (loaded === undefined) throw this.#missing(id);
      const next = change(loaded.value);
      if (next === loaded.value) return next;
      return this.#write(
        id,
        carryOver(loaded.raw, fieldsOf(loaded.value), fieldsOf(next)),
        loaded.rev + 1,
      );
    });
  }

  /** A record that is not there counts as done. @throws `storage/failed`, `lock/timeout`. */
  async remove(id: string): Promise<void> {
    if (!isRecordId(id) || !(await pathExists(this.#folder))) return;
    await this.#locked(id, async () => {
      await removeIfExists(this.#file(id));
    });
  }

  /** All records that can be read, by id. Makes nothing. @throws `storage/failed`. */
  async list(): Promise<{ id: string; value: T }[]> {
    const found: { id: string; value: T }[] = [];
    for (const name of await this.#names()) {
      const id = name.slice(0, -'.json'.length);
      if (name.endsWith('.json.bad')) this.#options.onDamaged?.(this.#setAside(name));
      if (!name.endsWith('.json') || !isRecordId(id)) continue;
      const value = await this.read(id).catch((error: unknown) => {
        if (error instanceof GloveboxError && error.code === 'record/damaged') return undefined;
        throw error;
      });
      if (value !== undefined) found.push({ id, value });
    }
    return found;
  }

  async #names(): Promise<readonly string[]> {
    try {
      if (!(await this.#isQuick())) return (await readdir(this.#folder)).toSorted();
      // Asked first: most lists are of folders that are not there, and an error costs several times the question.
      if (existsSync(this.#folder)) return readdirSync(this.#folder).toSorted();
      this.#lookAgain();
      return [];
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        this.#lookAgain();
        return [];
      }
      throw new GloveboxError(
        'storage/failed',
        `Cannot list ${this.#folder}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async #load(id: string, holdsLock: boolean): Promise<Loaded<T> | undefined> {
    const text = await readTextIfExists(this.#file(id), { isQuick: await this.#isQuick() });
    if (text === undefined) {
      this.#parsed.delete(id);
      this.#lookAgain();
      const bad = `${id}.json.bad`;
      if (await pathExists(path.join(this.#folder, bad))) throw this.#damaged(this.#setAside(bad));
      return undefined;
    }
    try {
      return this.#parse(id, text);
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      // Another process may have repaired or removed it meanwhile, so what is set aside is read again under the lock.
      if (!holdsLock) return this.#locked(id, () => this.#load(id, true));
      await this.#moveAway(id);
      const message = `The record of ${this.#options.name} ${id} cannot be read (${messageOf(error)}).`;
      this.#options.onDamaged?.(`${message} It was kept as ${this.#file(id)}.bad.`);
      throw this.#damaged(message, error, id);
    }
  }

  /** Whether the folder, which may not be there yet, is on a disk of this machine. */
  async #isQuick(): Promise<boolean> {
    this.#isLocal ??= await isLocalFileSystem(path.dirname(this.#folder));
    return this.#isLocal;
  }

  /** The folder around it may not have been there yet either. */
  #lookAgain(): void {
    if (this.#isLocal === false) this.#isLocal = undefined;
  }

  #parse(id: string, text: string): Loaded<T> {
    const known = this.#parsed.get(id);
    if (known?.text === text) return known.loaded;
    const loaded = this.#parseAnew(text);
    this.#parsed.set(id, { text, loaded });
    return loaded;
  }

  #parseAnew(text: string): Loaded<T> {
    const content: unknown = JSON.parse(text);
    if (!isRecord(content)) throw new TypeError('not an object');
    const { version, rev, ...raw } = content;
    if (typeof version === 'number' && version > FORMAT) {
      throw new GloveboxError(
        'record/damaged',
        `A ${this.#options.name} record was written by a newer Glovebox.`,
        {
          hint: 'Update Glovebox here, or use the newer one.',
        },
      );
    }
    return { value: this.#options.parse(raw), raw, rev: typeof rev === 'number' ? rev : 0 };
  }

  async #write(id: string, raw: Readonly<Record<string, unknown>>, rev: number): Promise<T> {
    const text = `${JSON.stringify({ ...raw, version: FORMAT, rev }, undefined, 2)}\n`;
    const { durable = true } = this.#options;
    await writeFileAtomic(this.#file(id), text, { durable });
    return this.#parse(id, text).value;
  }

  async #moveAway(id: string): Promise<void> {
    const file = this.#file(id);
    try {
      await rename(file, `${file}.bad`);
    } catch (error) {
      throw new GloveboxError('storage/failed', `Cannot set ${file} aside: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #locked<R>(id: string, work: () => Promise<R>): Promise<R> {
    return withFileLock(path.join(this.#folder, `.${id}.lock`), work, {
      clock: this.#options.clock,
    });
  }

  #file(id: string): string {
    return path.join(this.#folder, `${id}.json`);
  }

  #setAside(bad: string): string {
    const id = bad.slice(0, -'.json.bad'.length);
    return `The record of ${this.#options.name} ${id} could not be read and was kept as ${path.join(this.#folder, bad)}.`;
  }

  #damaged(message: string, cause?: unknown, id?: string): GloveboxError {
    const where = id === undefined ? 'that file' : `${this.#file(id)}.bad`;
    return new GloveboxError('record/damaged', message, {
      hint: `Look at ${where}: repair it and rename it back to .json, or remove it when nothing of it runs any more.`,
      cause,
    });
  }

  #missing(id: string): GloveboxError {
    return new GloveboxError('record/missing', `There is no ${this.#options.name} ${id} any more.`);
  }
}

/** Ids become file names, and come from arguments of tools. */
function isRecordId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(id);
}

const fieldsOf = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value));

/** What the file held and the parser did not know stays; what the parser knew becomes what `after` says. */
function carryOver(
  raw: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, old] of Object.entries(raw)) {
    if (!(key in before)) result[key] = old;
  }
  for (const [key, value] of Object.entries(after)) {
    const old = raw[key];
    const known = before[key];
    result[key] =
      isRecord(old) && isRecord(known) && isRecord(value) ? carryOver(old, known, value) : value;
  }
  return result;
}
