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
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { errnoOf } from './files.ts';
import { createTrafficMeter } from './small-heap.ts';
import type { SpareFile } from './spare-file.ts';

const LINE_FEED = 0x0a;
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
  #spare: SpareFile | undefined;
  #pending: string[] = [];
  #pendingChars = 0;
  #descriptor: number | undefined;
  /** What a full disk did not take of a text whose beginning it took. */
  #rest: Buffer | undefined;

  /** @param spare for a file that is known to be new: what it becomes, where one stands ready */
  constructor(
    file: string,
    {
      bufferChars = 256 * 1024,
      spare,
    }: { readonly bufferChars?: number; readonly spare?: SpareFile | undefined } = {},
  ) {
    this.#file = file;
    this.#bufferChars = bufferChars;
    this.#spare = spare;
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
      const descriptor = this.#open();
      this.#writeRest(descriptor);
      // The text itself and no buffer of it: what is written fast would fill the memory with buffers until they are collected.
      const text = this.#pending.length === 1 ? (this.#pending[0] ?? '') : this.#pending.join('');
      const written = writeSync(descriptor, text);
      this.#pending = [];
      this.#pendingChars = 0;
      this.#finish(descriptor, text, written);
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
      const descriptor = this.#open();
      this.#finish(descriptor, text, writeSync(descriptor, text));
    });
  }

  #open(): number {
    this.#descriptor ??= this.#spare?.take(this.#file) ?? openForLines(this.#file);
    // What is opened again after it was closed is not new any more.
    this.#spare = undefined;
    return this.#descriptor;
  }

  /** A full disk may take the beginning of a text only. */
  #finish(descriptor: number, text: string, written: number): void {
    if (written === Buffer.byteLength(text)) return;
    this.#rest = Buffer.from(text).subarray(written);
    this.#writeRest(descriptor);
  }

  #writeRest(descriptor: number): void {
    while (this.#rest !== undefined) {
      const left = this.#rest.subarray(writeSync(descriptor, this.#rest));
      this.#rest = left.length > 0 ? left : undefined;
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
  if (last[0] !== LINE_FEED) writeSync(descriptor, '\n');
  return descriptor;
}

export interface StoredLine {
  /** Without its line feed. */
  readonly text: string;
  /** Where in the file the next line begins, in bytes. */
  readonly end: number;
}

/** The whole lines of a file from byte `start` on, read as they are asked for; none when the file does not exist. */
export async function* readLines(file: string, start = 0): AsyncGenerator<StoredLine> {
  if (!existsSync(file)) return;
  const meter = createTrafficMeter();
  let end = start;
  let open: Buffer[] = [];
  const input: AsyncIterable<Buffer> = createReadStream(file, { start });
  for await (const chunk of input) {
    meter(chunk.length);
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
      const rest = chunk.subarray(from, at);
      const line = open.length === 0 ? rest : Buffer.concat([...open, rest]);
      open = [];
      from = at + 1;
      end += line.length + 1;
      yield { text: line.toString(), end };
    }
    if (from < chunk.length) open.push(chunk.subarray(from));
  }
}

/** The names in a folder; none when it does not exist. */
export const listFolder = (folder: string): Promise<readonly string[]> =>
  readdir(folder).catch(() => []);

/** Removes a file that was last changed before a time. Never fails. */
export async function removeIfOlder(file: string, beforeMs: number): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found !== undefined && found.mtimeMs < beforeMs)
    await rm(file, { force: true }).catch(() => undefined);
}

/** Removes a folder when nothing is in it. Never fails. */
export const removeEmptyFolder = (folder: string): Promise<void> =>
  rmdir(folder).catch(() => undefined);

/** Removes a folder and what is in it. */
export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true });
