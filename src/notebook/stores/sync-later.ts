/** Brings written files to the disk itself, in the background, so that nobody waits for the disk. */
import { open, type FileHandle } from 'node:fs/promises';
import type { Clock } from '#platform/clock.ts';
import { errnoOf } from '#platform/files.ts';

/** After so long without another save. */
const QUIET_MS = 200;
/** However many saves there are. */
const LATEST_MS = 2_000;
const CLOSE_MS = 20;
const CANNOT = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A written file that is still open. */
export type OpenFile = Pick<FileHandle, 'sync' | 'close'>;

interface Unsynced {
  readonly handle: OpenFile;
  readonly folder: string;
  readonly whenDone: (() => Promise<void>) | undefined;
}

/** Only the last version of a file matters: one that was replaced before its turn is let go. */
export class SyncLater {
  readonly #clock: Clock;
  #waiting: Unsynced | undefined;
  #since: number | undefined;
  #cancel: (() => void) | undefined;
  #working: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over the handle of a file that was just written, and closes it. */
  add(handle: OpenFile, folder: string, whenDone?: () => Promise<void>): void {
    const replaced = this.#waiting;
    if (replaced !== undefined) this.#closeSoon(replaced.handle);
    this.#failure = undefined;
    this.#waiting = { handle, folder, whenDone: whenDone ?? replaced?.whenDone };
    const now = this.#clock.monotonic();
    this.#since ??= now;
    this.#cancel?.();
    const delay = Math.max(0, Math.min(QUIET_MS, this.#since + LATEST_MS - now));
    this.#cancel = this.#clock.after(delay, () => void this.now().catch(() => undefined), {
      background: true,
    });
  }

  /** The file has no name any more, so closing it frees its place on the disk, which takes a while: not in the way of an answer. */
  #closeSoon(handle: OpenFile): void {
    this.#clock.after(CLOSE_MS, () => void handle.close().catch(() => undefined), {
      background: true,
    });
  }

  /**
   * Resolves when everything that was added is on the disk, as far as the file system tells.
   *
   * @throws what the file system says about the last version, until there is a new one
   */
  async now(): Promise<void> {
    this.#cancel?.();
    const unsynced = this.#waiting;
    this.#waiting = undefined;
    this.#since = undefined;
    if (unsynced !== undefined) this.#working = this.#working.then(() => this.#sync(unsynced));
    await this.#working;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #sync(unsynced: Unsynced): Promise<void> {
    try {
      await syncOne(unsynced);
    } catch (error) {
      if (this.#waiting === undefined)
        this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }
}

async function syncOne({ handle, folder, whenDone }: Unsynced): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot do it; the file is there all the same.
    if (!CANNOT.has(errnoOf(error) ?? '')) throw error;
  } finally {
    await handle.close().catch(() => undefined);
  }
  const opened = await open(folder, 'r').catch(() => undefined);
  await opened?.sync().catch(() => undefined);
  await opened?.close().catch(() => undefined);
  await whenDone?.().catch(() => undefined);
}
