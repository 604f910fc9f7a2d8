/**
 * Files for what must survive the death of this process at once: every call returns after the system call, without fsync.
 * What the kernel of the operating system has accepted outlives `kill -9`; a power cut within seconds may lose it.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { errnoOf } from './files.ts';

const NEWLINE = 0x0a;
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

function translate<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new GloveboxError('storage/failed', `${what}: ${messageOf(error)}`, {
      hint: 'Free some space or repair the permissions of the folder, then call again.',
      cause: error,
    });
  }
}

/** Makes a folder and its parents, 0700. Existing ones are left as they are. */
export function makePrivateFolder(folder: string): void {
  translate(`Cannot make ${folder}`, () =>
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER }),
  );
}

/** Replaces a file in one step: a reader sees the old or the new text, never a part. @throws `storage/failed`. */
export function replaceFile(file: string, text: string | Uint8Array): void {
  translate(`Cannot write ${file}`, () => {
    const temporary = `${file}.${process.pid}.tmp`;
    writeFileSync(temporary, text, { mode: PRIVATE_FILE });
    renameSync(temporary, file);
  });
}

/** A file of lines that only grows, made by the first write with its folder. Text is gathered until `flush` or until `bufferBytes` have come together. */
export class AppendFile {
  readonly #file: string;
  readonly #bufferChars: number;
  #pending: string[] = [];
  #pendingChars = 0;
  #descriptor: number | undefined;
  /** What a full disk did not take of a text whose beginning it took. */
  #rest: Buffer | undefined;

  constructor(file: string, bufferChars = 256 * 1024) {
    this.#file = file;
    this.#bufferChars = bufferChars;
  }

  /** @throws `storage/failed` when the buffer is full and cannot be written; the text stays in the buffer. */
  append(text: string): void {
    this.#pending.push(text);
    this.#pendingChars += text.length;
    if (this.#pendingChars >= this.#bufferChars) this.flush();
  }

  /** Returns when everything appended so far was accepted by the system. @throws `storage/failed`; what is left is written by the next call. */
  flush(): void {
    if (this.#pending.length === 0 && this.#rest === undefined) return;
    translate(`Cannot append to ${this.#file}`, () => {
      this.#descriptor ??= openForLines(this.#file);
      const fresh = Buffer.from(this.#pending.join(''));
      const bytes = this.#rest === undefined ? fresh : Buffer.concat([this.#rest, fresh]);
      this.#pending = [];
      this.#pendingChars = 0;
      this.#writeAll(this.#descriptor, bytes);
    });
  }

  /**
   * Appends text behind all that was appended before; accepted by the system when this returns.
   *
   * @throws `storage/failed`; then nothing of the text is written later, unless its beginning was taken
   */
  write(text: string): void {
    this.flush();
    translate(`Cannot append to ${this.#file}`, () => {
      this.#descriptor ??= openForLines(this.#file);
      const bytes = Buffer.from(text);
      try {
        this.#writeAll(this.#descriptor, bytes);
      } finally {
        if (this.#rest?.length === bytes.length) this.#rest = undefined;
      }
    });
  }

  #writeAll(descriptor: number, bytes: Buffer): void {
    let rest = bytes;
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
    } finally {
      this.#rest = rest.length > 0 ? rest : undefined;
    }
  }

  close(): void {
    this.flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function openInFolder(file: string): number {
  try {
    return openSync(file, 'a+', PRIVATE_FILE);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    mkdirSync(path.dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
    return openSync(file, 'a+', PRIVATE_FILE);
  }
}

/** Opens a file of lines for appending; a half line, of a process that died while it wrote, is ended, so that the next one is whole. */
function openForLines(file: string): number {
  const descriptor = openInFolder(file);
  const { size } = fstatSync(descriptor);
  if (size === 0) return descriptor;
  const last = Buffer.alloc(1);
  readSync(descriptor, last, 0, 1, size - 1);
  if (last[0] !== NEWLINE) writeSync(descriptor, '\n');
  return descriptor;
}

/** The lines of a file, read as they are asked for; none when the file does not exist. */
export async function* readLines(file: string): AsyncGenerator<string> {
  if (!existsSync(file)) return;
  yield* createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}

/** The names in a folder; none when it does not exist. */
export const listFolder = (folder: string): Promise<readonly string[]> =>
  readdir(folder).catch(() => []);

/** Removes a folder and what is in it. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true });
