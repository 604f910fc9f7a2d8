/** Files beside a notebook that take what one cell printed beyond the notebook's limit: `<notebook>.outputs/<cell id>-<n>.txt`. */
import path from 'node:path';
import { messageOf } from '#core/errors.ts';
import {
  AppendFile,
  listFolder,
  makePrivateFolder,
  removeEmptyFolder,
  removeFolder,
  replaceFile,
} from '#platform/journal-files.ts';
import type { DisplayOutput, ResultOutput } from '../contract.ts';
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
    this.#folder = folderOf(options.notebookPath);
    this.#stem = stemOf(options.cellId);
    this.#onFailure = options.onFailure;
    this.name = `${path.basename(this.#folder)}/${this.#stem}-1.txt`;
    this.marker = `\n[the output goes on in ${this.name}: the notebook keeps ${options.limit} per cell]\n`;
  }

  text(text: string): void {
    this.#try(() => this.#open().append(text));
  }

  note(text: string): void {
    this.text(text);
  }

  display({ data }: DisplayOutput | ResultOutput): void {
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
    const keep = this.#file === undefined ? 0 : this.#number;
    await removeFiles(this.#folder, (stem, number) => stem === this.#stem && number > keep);
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

/** Removes what the given cells have beside their notebook, because their outputs are gone. Never fails. */
export async function removeSpills(
  notebookPath: string,
  cellIds: readonly string[],
): Promise<void> {
  const stems = new Set(cellIds.map(stemOf));
  await removeFiles(folderOf(notebookPath), (stem) => stems.has(stem));
}

const folderOf = (notebookPath: string): string => `${notebookPath}.outputs`;

const stemOf = (cellId: string): string => cellId.replaceAll(/[^\w-]/g, '_');

/** Only files named as ours are; the folder goes with the last of them. */
async function removeFiles(
  folder: string,
  isOld: (stem: string, number: number) => boolean,
): Promise<void> {
  const names = await listFolder(folder);
  const old = names.filter((name) => {
    const [, stem, number] = /^([\w-]+)-(\d+)\.[a-z]+$/.exec(name) ?? [];
    return stem !== undefined && isOld(stem, Number(number));
  });
  if (old.length === 0) return;
  await Promise.all(
    old.map((name) => removeFolder(path.join(folder, name)).catch(() => undefined)),
  );
  await removeEmptyFolder(folder);
}
