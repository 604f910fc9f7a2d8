/** Files beside a notebook that take what one cell printed beyond the notebook's limit: `<notebook>.outputs/<cell id>-<n>.txt`. */
import path from 'node:path';
import { messageOf } from '#core/errors.ts';
import {
  AppendFile,
  listFolder,
  makePrivateFolder,
  removeFolder,
  replaceFile,
} from '#platform/journal-files.ts';
import type { Overflow } from '../output-collector.ts';

/** Formats that are kept as files of their own. */
const BINARY = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpg'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
  ['application/pdf', 'pdf'],
]);

/**
 * The rest of one execution of a cell. Nothing is on disk until something is left out; then the files of an earlier
 * execution are replaced. The text file is number 1, pictures have the numbers after it. A failure to write is told once by
 * `onFailure` and ends the writing: the output of a run never depends on the project's disk.
 */
export class CellSpill implements Overflow {
  readonly marker: string;
  /** Names the text file as seen from the notebook's folder. */
  readonly name: string;
  readonly #folder: string;
  readonly #stem: string;
  readonly #onFailure: (message: string) => void;
  #file: AppendFile | undefined;
  #number = 1;
  #hasFailed = false;

  constructor(options: {
    readonly notebookPath: string;
    readonly cellId: string;
    /** Says how much the notebook takes. */
    readonly limit: string;
    readonly onFailure: (message: string) => void;
  }) {
    this.#folder = `${options.notebookPath}.outputs`;
    this.#stem = options.cellId.replaceAll(/[^\w-]/g, '_');
    this.#onFailure = options.onFailure;
    this.name = `${path.basename(this.#folder)}/${this.#stem}-1.txt`;
    this.marker = `\n[the output goes on in ${this.name}: the notebook keeps ${options.limit} per cell]\n`;
  }

  text(text: string): void {
    this.#try(() => this.#open().append(text));
  }

  bundle(data: Readonly<Record<string, unknown>>): void {
    this.#try(() => {
      const file = this.#open();
      file.append('\n');
      for (const [mime, value] of Object.entries(data)) {
        const extension = BINARY.get(mime);
        if (extension !== undefined && typeof value === 'string') {
          this.#number += 1;
          const name = `${this.#stem}-${this.#number}.${extension}`;
          replaceFile(path.join(this.#folder, name), Buffer.from(value, 'base64'));
          file.append(`[${mime}: ${name}]\n`);
        } else {
          const text = typeof value === 'string' ? value : JSON.stringify(value);
          file.append(mime === 'text/plain' ? `${text}\n` : `[${mime}]\n${text}\n`);
        }
      }
    });
  }

  clear(): void {
    if (this.#file === undefined) return;
    this.#try(() => {
      this.#file?.close();
      this.#file = undefined;
      this.#number = 1;
      replaceFile(this.#textFile, '');
    });
  }

  flush(): void {
    this.#try(() => this.#file?.flush());
  }

  close(): void {
    this.#try(() => this.#file?.close());
  }

  /** For the end of a run: removes what an earlier execution of the cell left and this one did not replace. */
  async removeOlder(): Promise<void> {
    if (this.#hasFailed) return;
    const names = await listFolder(this.#folder);
    const keep = this.#file === undefined ? 0 : this.#number;
    const old = names.filter((name) => {
      const rest = name.startsWith(`${this.#stem}-`) ? name.slice(this.#stem.length + 1) : '';
      const number = /^(\d+)\.[a-z]+$/.exec(rest)?.[1];
      return number !== undefined && Number(number) > keep;
    });
    await Promise.all(
      old.map((name) => removeFolder(path.join(this.#folder, name)).catch(() => undefined)),
    );
  }

  get #textFile(): string {
    return path.join(this.#folder, `${this.#stem}-1.txt`);
  }

  #open(): AppendFile {
    if (this.#file !== undefined) return this.#file;
    makePrivateFolder(this.#folder);
    replaceFile(this.#textFile, '');
    this.#file = new AppendFile(this.#textFile);
    return this.#file;
  }

  #try(work: () => void): void {
    if (this.#hasFailed) return;
    try {
      work();
    } catch (error) {
      this.#hasFailed = true;
      this.#onFailure(messageOf(error));
    }
  }
}
