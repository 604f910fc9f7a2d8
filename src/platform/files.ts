/** Small operations on files: writes are atomic and private, reads create nothing. */
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';

export interface WriteOptions {
  /** Permission bits of the new file, whatever the umask says. Default 0600. */
  readonly mode?: number;
  /** Whether the write survives a power cut (two fsyncs). A killed process loses nothing either way. Default true. */
  readonly durable?: boolean;
}

/**
 * Makes a folder, with its parents, that only its owner can enter. A folder of ours that is open to others is closed.
 *
 * @throws GloveboxError `storage/failed`, also for a shared folder or one of somebody else that others can enter.
 */
export function ensurePrivateFolder(dir: string): Promise<void> {
  return orStorageFailed(`make the folder ${dir}`, async () => {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    if (process.platform === 'win32') return;
    const { mode, uid } = await stat(dir);
    if ((mode & 0o077) === 0) return;
    const sticky = (mode & 0o1000) !== 0;
    if (sticky || uid !== process.getuid?.()) {
      throw new GloveboxError('storage/failed', `The folder ${dir} is open to other users.`, {
        hint: 'Set GLOVEBOX_DIR to a folder that only you can enter.',
      });
    }
    await chmod(dir, 0o700);
  });
}

/**
 * Replaces or makes a file so that every reader sees the old or the new content, whole, even after SIGKILL.
 * A symbolic link at `file` is replaced, not followed.
 *
 * @throws GloveboxError `storage/failed`; the old file is untouched then.
 */
export function writeFileAtomic(
  file: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  return orStorageFailed(`write ${file}`, async () => {
    const folder = path.dirname(file);
    const temporary = path.join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
    const durable = options.durable ?? true;
    try {
      await writeNew(temporary, data, options.mode ?? 0o600, durable);
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    if (durable) await syncFolder(folder);
  });
}

async function writeNew(
  file: string,
  data: string | Uint8Array,
  mode: number,
  durable: boolean,
): Promise<void> {
  if (!durable) {
    await writeFile(file, data, { flag: 'wx', mode });
    return chmod(file, mode);
  }
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(data);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and some network file systems refuse the fsync: the rename has happened by now.
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * The text of a file; `undefined` when it does not exist.
 *
 * @param options.isQuick the file is small and on a disk of this machine: read by direct system calls, some microseconds each,
 *   and not by way of the thread pool, which takes four trips. Never for a network file system, which can hang.
 * @throws GloveboxError `storage/failed` for anything but absence.
 */
export function readTextIfExists(
  file: string,
  { isQuick = false }: { readonly isQuick?: boolean } = {},
): Promise<string | undefined> {
  return orStorageFailed(`read ${file}`, async () => {
    try {
      return isQuick ? readFileSync(file, 'utf8') : await readFile(file, 'utf8');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  });
}

/** Whether something is there, following symbolic links. @throws GloveboxError `storage/failed` when nobody can tell. */
export function pathExists(target: string): Promise<boolean> {
  return orStorageFailed(`look at ${target}`, () =>
    stat(target).then(
      () => true,
      (error: unknown) => {
        if (isAbsent(error)) return false;
        throw error;
      },
    ),
  );
}

/** Removes a file or a link; one that is not there counts as done. @throws GloveboxError `storage/failed`. */
export function removeIfExists(target: string): Promise<void> {
  return orStorageFailed(`remove ${target}`, () => rm(target, { force: true }));
}

/** The code of a Node error, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function isAbsent(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function orStorageFailed<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isGloveboxError(error)) throw error;
    throw new GloveboxError('storage/failed', `Cannot ${what}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
