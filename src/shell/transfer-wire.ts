/** Moves files between this process and a sandbox, in pieces, through a helper kernel; what arrives is gathered and put there when it is whole. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderBytes } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { withProgram, type Ask } from './ask-kernel.ts';
import { batchesOf, type Piece } from './batches.ts';
import { throwRefusal } from './file-answers.ts';
import { MAX_FILES } from '#platform/local-tree.ts';
import {
  beginAnswer,
  hashesAnswer,
  lookAnswer,
  pieceAnswer,
  type Found,
} from './transfer-answers.ts';

/** The type under which `python/transfer.py` publishes its answers. */
const MIME = 'application/vnd.glovebox.transfer+json';
/** Hashing all of it takes that long on a slow disk. */
const ANSWER_MS = 600_000;

const deflated = promisify(deflate);
const inflated = promisify(inflate);

export interface TransferOptions {
  readonly helpers: HelperKernels;
  readonly clock: Clock;
  /** The text of `python/transfer.py`. */
  source(this: void): Promise<string>;
}

/** A file of a transfer. */
export interface MovedFile {
  readonly index: number;
  /** Relative to what is moved, with `/`; empty for a single file. */
  readonly name: string;
  readonly size: number;
  readonly isExecutable: boolean;
  /** In hex. */
  readonly sha256: string;
}

/** Lends a kernel for as long as `work` takes, and throws what a refusal of the other side means. */
export async function withTransfer<T>(
  options: TransferOptions,
  sandboxId: string | undefined,
  wait: SandboxWait,
  work: (ask: Ask, sandboxId: string) => Promise<T>,
): Promise<T> {
  const program = { ...options, mime: MIME, limitMs: ANSWER_MS };
  try {
    return await withProgram(program, sandboxId, wait, (ask, id) =>
      work(async (request, signal) => {
        const answer = await ask(request, signal);
        throwRefusal(answer, String(request['path']), 0);
        return answer;
      }, id),
    );
  } catch (error) {
    if (error instanceof GloveboxError) throw error;
    throw new GloveboxError('storage/failed', `The transfer failed: ${messageOf(error)}`, {
      hint: 'Look at both places; what is incomplete was removed.',
      cause: error,
    });
  }
}

/** What is at a place of the sandbox. @param leftOut names of folders that are passed over */
export const look = async (ask: Ask, path: string, leftOut: readonly string[]): Promise<Found> =>
  lookAnswer.parse(await ask({ operation: 'look', path, left_out: leftOut, max_files: MAX_FILES }));

/** The files that were found, with their hashes. @throws `file/changed`. */
export async function hashed(ask: Ask, found: Found): Promise<readonly MovedFile[]> {
  const names = found.files.map(({ name }) => name);
  const { sha256: hashes } = hashesAnswer.parse(
    await ask({ operation: 'hashes', path: found.real, names }),
  );
  return found.files.map(({ name, size, executable }, index) => {
    const sha256 = hashes[index];
    if (typeof sha256 !== 'string') throw changedMeanwhile(name, found.real);
    return { name, size, isExecutable: executable, index, sha256 };
  });
}

export interface Sending {
  readonly path: string;
  readonly isFolder: boolean;
  /** What a single file is called in a folder that is there; absent: the place is meant to the letter. */
  readonly name?: string;
  readonly files: readonly MovedFile[];
  readonly wait: SandboxWait;
  /** The bytes of a piece. */
  readonly read: (file: MovedFile, piece: Piece) => Promise<Buffer>;
  /** Told, before a byte is sent, which files replace others, with the hashes of those; throws where that must not be. */
  readonly agree: (real: string, replaced: ReadonlyMap<number, string>) => void;
}

/** @returns the real place, and which files were not there already. When it fails, those that are there are as they were. */
export async function sendFiles(
  ask: Ask,
  { path, isFolder, name, files, wait, read, agree }: Sending,
): Promise<{ readonly real: string; readonly sent: readonly MovedFile[] }> {
  const begin = {
    operation: 'begin',
    path,
    id: newUuid(),
    is_folder: isFolder,
    ...(name !== undefined && { name }),
    files: files.map((file) => ({ name: file.name, sha256: file.sha256 })),
  };
  const { real, stage, needed, taken } = beginAnswer.parse(await ask(begin));
  const replaced = new Map(taken.map(({ index, sha256 }) => [index, sha256]));
  agree(real, replaced);
  const sent = files.filter(({ index }) => needed.includes(index));
  if (sent.length === 0) return { real, sent };
  const place = { path: real, stage };
  const tell = progressOf('pushed', sent, wait);
  const byIndex = new Map(sent.map((file) => [file.index, file]));
  try {
    let isFirst = true;
    for (const pieces of batchesOf(sent)) {
      const parts: Buffer[] = [];
      for (const piece of pieces) {
        const file = byIndex.get(piece.index);
        if (file !== undefined) parts.push(await read(file, piece));
      }
      const data = await deflated(Buffer.concat(parts), { level: 1 });
      const write = { operation: 'write', ...place, first: isFirst, pieces };
      await ask({ ...write, data: data.toString('base64') });
      isFirst = false;
      tell(lengthOf(pieces));
    }
    const list = sent.map((file) => ({
      index: file.index,
      name: file.name,
      sha256: file.sha256,
      executable: file.isExecutable,
      replaces: replaced.get(file.index) ?? null,
    }));
    await ask({ operation: 'commit', ...place, files: list });
  } catch (error) {
    await ask({ operation: 'abort', ...place }, new AbortController().signal).catch(
      () => undefined,
    );
    throw error;
  }
  return { real, sent };
}

export interface Fetching {
  readonly real: string;
  readonly files: readonly MovedFile[];
  readonly wait: SandboxWait;
  /** Given the bytes of each file in order. */
  readonly take: (file: MovedFile, part: Buffer) => Promise<void> | void;
}

/** @throws `file/changed` when what came is not what was found. */
export async function fetchFiles(ask: Ask, { real, files, wait, take }: Fetching): Promise<void> {
  const tell = progressOf('pulled', files, wait);
  const byIndex = new Map(files.map((file) => [file.index, file]));
  const digests = new Map(files.map(({ index }) => [index, createHash('sha256')]));
  for (const pieces of batchesOf(files)) {
    const request = {
      operation: 'read',
      path: real,
      pieces: pieces.map(({ index, ...piece }) => ({
        ...piece,
        name: byIndex.get(index)?.name ?? '',
      })),
    };
    const { data, lengths } = pieceAnswer.parse(await ask(request));
    const bytes = await inflated(Buffer.from(data, 'base64'));
    let at = 0;
    for (const [number, piece] of pieces.entries()) {
      const file = byIndex.get(piece.index);
      if (file === undefined || lengths[number] !== piece.length)
        throw changedMeanwhile(file?.name ?? '', real);
      const part = bytes.subarray(at, at + piece.length);
      await take(file, part);
      digests.get(piece.index)?.update(part);
      at += piece.length;
    }
    tell(bytes.length);
  }
  for (const { index, name, sha256 } of files)
    if (digests.get(index)?.digest('hex') !== sha256) throw changedMeanwhile(name, real);
}

export const bytesOf = (files: readonly { readonly size: number }[]): number =>
  files.reduce((sum, { size }) => sum + size, 0);

const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);

/** Less is there before anybody could read how far it is. */
const REPORTED_BYTES = 1024 * 1024;

function progressOf(
  verb: string,
  files: readonly { readonly size: number }[],
  wait: SandboxWait,
): (bytes: number) => void {
  const total = bytesOf(files);
  let done = 0;
  return (bytes) => {
    done += bytes;
    if (total < REPORTED_BYTES) return;
    wait.report({ message: `${verb} ${renderBytes(done)} of ${renderBytes(total)}`, done, total });
  };
}

export const changedMeanwhile = (name: string, folder: string): GloveboxError =>
  new GloveboxError(
    'file/changed',
    `${[folder, name].filter(Boolean).join('/')} changed while it was moved; nothing was replaced.`,
    { hint: 'Move it when nobody writes it any more.' },
  );
