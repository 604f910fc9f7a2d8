/** A notebook file on disk: read whole or not at all, replaced in one step, with what belongs to the old file kept. */
import { createHash } from 'node:crypto';
import {
  accessSync,
  close,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  type BigIntStats,
} from 'node:fs';
import {
  access,
  copyFile,
  link,
  open,
  readdir,
  rename,
  rm,
  stat,
  type FileHandle,
} from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newFileMark } from '#core/ids.ts';
import type { Clock } from '#platform/clock.ts';
import { ensurePrivateFolder, errnoOf, pathExists } from '#platform/files.ts';
import { withFileLock } from '#platform/lock.ts';
import { isLocalFileSystem } from '#platform/file-system.ts';
import type { FileVersion, LoadedFile, NotebookStore } from './store.ts';
import { SyncLater, type OpenFile } from './sync-later.ts';
import { writeAll, writeAllNow } from './write-all.ts';

export interface DiskStoreOptions {
  /** Private folder for locks, and for the backups of files that are written in place. */
  readonly locksDir: string;
  readonly clock: Clock;
}

/** A temporary file that is older was left by a process that was killed. */
const LEFTOVER_MS = 60_000;
/** What is written by direct system calls: a millisecond at most on a local disk. */
const AT_ONCE_BYTES = 1024 * 1024;

/**
 * How a save goes (D4).
 *
 * A new file is written beside the old one, under a name of ours, and renamed over it: whoever reads, and whoever is
 * killed, sees the old file or the new one, whole. Mode and owner are taken over. Access lists and extended attributes are
 * not: Node has no calls for them.
 *
 * The rename is not preceded by an fsync. A killed process needs none, since the kernel holds what was written, and it
 * would put the disk's latency into every answer. The fsync of file and folder follows in the background within two
 * seconds, and `sync()` waits for it. Only a power cut within that time can cost the save, and on file systems that
 * rename before they write the data the file; the journal of the runs holds what was acknowledged. On a network file
 * system the fsync comes first, because other hosts would see the new name before the content.
 *
 * A file with several hard links, or in a folder that refuses new files, is written in place, after a copy of it was put
 * beside the locks. The copy is removed once the new content is on the disk.
 */
export class DiskStore implements NotebookStore {
  readonly path: string;
  readonly #options: DiskStoreOptions;
  readonly #key: string;
  readonly #syncLater: SyncLater;
  #isLocal: Promise<boolean> | undefined;
  #hasLocalLocks: Promise<boolean> | undefined;

  /** @param realPath of the file, without symbolic links */
  constructor(realPath: string, options: DiskStoreOptions) {
    this.path = realPath;
    this.#options = options;
    this.#key = createHash('sha256').update(realPath).digest('hex');
    this.#syncLater = new SyncLater(options.clock);
  }

  /** Where the copy stands while the file is written in place. */
  get backupPath(): string {
    return path.join(this.#options.locksDir, `${this.#key}.backup`);
  }

  /** Keeps all other Glovebox processes away from the file (D5). */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { locksDir, clock } = this.#options;
    this.#hasLocalLocks ??= isLocalFileSystem(locksDir);
    const isQuick = await this.#hasLocalLocks;
    // A folder that is still missing is made by the slow way, and looked at again.
    if (!isQuick) this.#hasLocalLocks = undefined;
    return withFileLock(path.join(locksDir, this.#key), work, { clock, isQuick });
  }

  /** `undefined` when there is no file. */
  async version(): Promise<FileVersion | undefined> {
    const found = await this.#stat();
    return found === undefined ? undefined : versionOf(found);
  }

  /** @throws GloveboxError `path/not-found` or `storage/failed`. */
  async load(): Promise<LoadedFile> {
    try {
      for (let attempt = 0; ; attempt += 1) {
        const loaded = await readOnce(this.path);
        if (loaded !== undefined) return loaded;
        if (attempt === 20) throw new Error('it is being written all the time');
      }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        throw new GloveboxError('path/not-found', `There is no file ${this.path}.`, {
          hint: 'Check the path; start_new_notebook makes a new notebook.',
        });
      }
      throw new GloveboxError('storage/failed', `Cannot read ${this.path}: ${messageOf(error)}`, {
        hint: 'Check the permissions of the file and of its folders.',
        cause: error,
      });
    }
  }

  async write(
    chunks: readonly Buffer[],
    expected: FileVersion | undefined,
  ): Promise<FileVersion | undefined> {
    try {
      const old = await this.#stat();
      if ((old && versionOf(old)) !== expected) return undefined;
      const written = old === undefined ? undefined : await this.#replaceAtOnce(chunks, old);
      if (written !== undefined) return written;
      if (old !== undefined) await access(this.path, constants.W_OK);
      if (old !== undefined && old.nlink > 1n) return await this.#writeInPlace(chunks);
      const temporary = await this.#makeTemporary(old);
      if (temporary !== undefined) return await this.#replace(temporary, chunks, old);
      if (old === undefined) throw new Error(`its folder refuses new files`);
      return await this.#writeInPlace(chunks);
    } catch (error) {
      if (isGloveboxError(error)) throw error;
      throw saveFailed(this.path, error);
    }
  }

  /** Resolves when everything written is on the disk itself. @throws GloveboxError `notebook/save-failed`: write again. */
  async sync(): Promise<void> {
    try {
      await this.#syncLater.now();
    } catch (error) {
      throw saveFailed(this.path, error);
    }
  }

  /** Removes what a killed process left beside the file. Never fails. */
  async removeLeftovers(): Promise<void> {
    const folder = path.dirname(this.path);
    const names = await readdir(folder).catch(() => []);
    for (const name of names) {
      if (!name.startsWith(this.#temporaryPrefix)) continue;
      const file = path.join(folder, name);
      const found = await stat(file).catch(() => undefined);
      if (found !== undefined && this.#options.clock.now() - found.mtimeMs > LEFTOVER_MS)
        await rm(file, { force: true }).catch(() => undefined);
    }
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    await this.sync().catch(() => undefined);
    await rm(this.path, { force: true });
  }

  /** The copy that was made before a write in place that never came to its end. */
  async unfinishedBackup(): Promise<string | undefined> {
    return (await pathExists(this.backupPath)) ? this.backupPath : undefined;
  }

  get #temporaryPrefix(): string {
    return `.glovebox-${this.#key.slice(0, 12)}-`;
  }

  async #stat(): Promise<BigIntStats | undefined> {
    const isLocal = !(await this.#syncsFirst());
    try {
      return isLocal
        ? statSync(this.path, { bigint: true })
        : await stat(this.path, { bigint: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  /**
   * The usual case by direct system calls: some microseconds each, where a trip to the thread pool costs a hundred and
   * there would be ten of them in the way of every answer. `undefined` without any trace when the case is not the usual one.
   */
  async #replaceAtOnce(
    chunks: readonly Buffer[],
    old: BigIntStats,
  ): Promise<FileVersion | undefined> {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    if (bytes > AT_ONCE_BYTES || old.nlink > 1n || (await this.#syncsFirst())) return undefined;
    const file = this.#temporaryName();
    let descriptor: number | undefined;
    try {
      accessSync(this.path, constants.W_OK);
      const wanted = Number(old.mode & 0o7777n);
      descriptor = openSync(file, 'wx', wanted);
      const { uid, gid, mode } = fstatSync(descriptor, { bigint: true });
      if (uid !== old.uid || gid !== old.gid) throw new Error('somebody else owns the file');
      if (Number(mode & 0o7777n) !== wanted) fchmodSync(descriptor, wanted);
      writeAllNow(descriptor, chunks);
      const version = versionOf(fstatSync(descriptor, { bigint: true }));
      renameSync(file, this.path);
      this.#syncLater.add(toOpenFile(descriptor), path.dirname(this.path));
      return version;
    } catch {
      // The slow way meets the same trouble and knows what to do or to say about it.
      if (descriptor !== undefined) {
        closeSync(descriptor);
        rmSync(file, { force: true });
      }
      return undefined;
    }
  }

  #temporaryName(): string {
    const name = this.#temporaryPrefix + newFileMark();
    return path.join(path.dirname(this.path), name);
  }

  /** `undefined` when the folder takes no new file. A new notebook gets the mode that the umask gives. */
  async #makeTemporary(
    old: BigIntStats | undefined,
  ): Promise<{ readonly file: string; readonly handle: FileHandle } | undefined> {
    const file = this.#temporaryName();
    try {
      return { file, handle: await open(file, 'wx', old === undefined ? 0o666 : 0o600) };
    } catch (error) {
      if (['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  async #replace(
    { file, handle }: { readonly file: string; readonly handle: FileHandle },
    chunks: readonly Buffer[],
    old: BigIntStats | undefined,
  ): Promise<FileVersion | undefined> {
    let isDone = false;
    try {
      await writeAll(handle, chunks);
      if (await this.#syncsFirst()) await handle.sync();
      if (old !== undefined) await takeOver(handle, old);
      const version = versionOf(await handle.stat({ bigint: true }));
      // Once more, so that a program that knows nothing of our lock has microseconds and not milliseconds.
      const now = await this.#stat();
      if ((now && versionOf(now)) !== (old && versionOf(old))) return undefined;
      if (old === undefined) {
        if (!(await linkNew(file, this.path))) return undefined;
        await rm(file, { force: true });
      } else await rename(file, this.path);
      isDone = true;
      this.#syncLater.add(handle, path.dirname(this.path));
      return version;
    } finally {
      if (!isDone) {
        await handle.close().catch(() => undefined);
        await rm(file, { force: true }).catch(() => undefined);
      }
    }
  }

  async #syncsFirst(): Promise<boolean> {
    this.#isLocal ??= isLocalFileSystem(path.dirname(this.path));
    return !(await this.#isLocal);
  }

  async #writeInPlace(chunks: readonly Buffer[]): Promise<FileVersion> {
    const { locksDir } = this.#options;
    await ensurePrivateFolder(locksDir);
    const backup = this.backupPath;
    await copyFile(this.path, `${backup}.new`);
    await rename(`${backup}.new`, backup);
    const handle = await open(this.path, 'r+');
    try {
      await handle.truncate(await writeAll(handle, chunks));
      const version = versionOf(await handle.stat({ bigint: true }));
      this.#syncLater.add(handle, path.dirname(this.path), () => rm(backup, { force: true }));
      return version;
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  }
}

async function readOnce(file: string): Promise<LoadedFile | undefined> {
  const handle = await open(file, 'r');
  try {
    const before = versionOf(await handle.stat({ bigint: true }));
    const bytes = await handle.readFile();
    const version = versionOf(await handle.stat({ bigint: true }));
    return version === before ? { bytes, version } : undefined;
  } finally {
    await handle.close();
  }
}

const syncFile = promisify(fsync);
const closeFile = promisify(close);
const toOpenFile = (descriptor: number): OpenFile => ({
  sync: () => syncFile(descriptor),
  close: () => closeFile(descriptor),
});

/** Size, time of change in nanoseconds, inode. */
const versionOf = ({ size, mtimeNs, ino }: BigIntStats): FileVersion => `${size} ${mtimeNs} ${ino}`;

/** Mode and owner of the old file. Who is not root cannot give a file away, and so keeps it. */
async function takeOver(handle: FileHandle, old: BigIntStats): Promise<void> {
  const { uid, gid } = await handle.stat({ bigint: true });
  if (uid !== old.uid || gid !== old.gid)
    await handle.chown(Number(old.uid), Number(old.gid)).catch(() => undefined);
  await handle.chmod(Number(old.mode & 0o7777n));
}

/** @returns false when something has that name already */
async function linkNew(file: string, target: string): Promise<boolean> {
  try {
    await link(file, target);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') return false;
    if (code === undefined || !['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code))
      throw error;
  }
  // A file system without hard links: the name is taken first, then the content is put under it.
  try {
    await (await open(target, 'wx')).close();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  await rename(file, target);
  return true;
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space on that disk; the changes are kept in memory and are saved then.',
  EDQUOT: 'Free space on that disk; the changes are kept in memory and are saved then.',
  EACCES: 'Make the file writable; the changes are kept in memory and are saved then.',
  EPERM: 'Make the file writable; the changes are kept in memory and are saved then.',
  EROFS: 'Make the file writable; the changes are kept in memory and are saved then.',
};

const saveFailed = (file: string, error: unknown): GloveboxError =>
  new GloveboxError('notebook/save-failed', `${file} could not be written: ${messageOf(error)}.`, {
    hint:
      HINTS[errnoOf(error) ?? ''] ?? 'The changes are kept in memory; the next save tries again.',
    cause: error,
  });
