/** A new file that stands ready: to rename it costs less than half of what making one costs, which is in the way of an answer. */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { newFileMark } from '#core/ids.ts';

const PREFIX = '.spare-';

/** Whether a file of that name is one; a process that was killed leaves its own behind. */
export const isSpareFile = (name: string): boolean => name.startsWith(PREFIX);

export class SpareFile {
  readonly #folder: string;
  #ready: { readonly file: string; readonly descriptor: number } | undefined;

  /** @param folder where it lies, and where what it becomes will lie; it need not be there yet */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes one, 0600 and open for appending, unless one stands ready. Never fails: `take` gives none then. */
  prepare(): void {
    if (this.#ready !== undefined) return;
    const file = path.join(this.#folder, `${PREFIX}${process.pid}-${newFileMark()}`);
    try {
      this.#ready = { file, descriptor: openSync(file, 'ax+', 0o600) };
    } catch {
      // The folder is not there yet, or the disk is full: whoever needs a file learns it from making one.
    }
  }

  /** Gives it the name `file`, in the place of whatever has that name. @returns its descriptor; undefined when there is none */
  take(file: string): number | undefined {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready === undefined) return undefined;
    try {
      renameSync(ready.file, file);
      return ready.descriptor;
    } catch {
      closeSync(ready.descriptor);
      return undefined;
    }
  }

  /** Removes it. */
  remove(): void {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready === undefined) return;
    closeSync(ready.descriptor);
    rmSync(ready.file, { force: true });
  }
}
