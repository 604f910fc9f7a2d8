/** A folder as a list, and the pieces in which its files travel. */
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';

export interface TreeEntry {
  /** Below the folder, with slashes; empty for the one file that a copy is about. */
  readonly path: string;
  readonly folder: boolean;
  readonly size: number;
  readonly executable: boolean;
}

export interface Piece {
  readonly path: string;
  /** Of the file in the copy, from 0. */
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  readonly isLast: boolean;
  readonly executable: boolean;
}

const PIECE_BYTES = 1024 * 1024;
const BATCH_BYTES = 2 * PIECE_BYTES;
const BATCH_PIECES = 200;
const OWNER_EXECUTES = 0o100;

/** All pieces of all files in order, so many together as one message takes. */
export function* batchesOf(entries: readonly TreeEntry[]): Generator<readonly Piece[]> {
  let batch: Piece[] = [];
  let bytes = 0;
  for (const piece of piecesOf(entries)) {
    if (batch.length === BATCH_PIECES || (batch.length > 0 && bytes + piece.length > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(piece);
    bytes += piece.length;
  }
  if (batch.length > 0) yield batch;
}

function* piecesOf(entries: readonly TreeEntry[]): Generator<Piece> {
  for (const [number, { path: name, folder, size, executable }] of entries.entries()) {
    if (folder) continue;
    for (let offset = 0; offset === 0 || offset < size; offset += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, size - offset);
      const isLast = offset + length >= size;
      yield { path: name, number, offset, length, isLast, executable };
    }
  }
}

/** A file of this machine, or what a folder holds. Links are left out. @throws `path/not-found`, `file/unsupported`, `input/too-large`. */
export async function surveyLocal(top: string, maxEntries: number): Promise<readonly TreeEntry[]> {
  const found = await stat(top).catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `${top} cannot be read: ${messageOf(error)}`);
  });
  if (found.isFile()) return [entryOf('', found)];
  if (!found.isDirectory())
    throw new GloveboxError('file/unsupported', `${top} is neither a file nor a folder.`);
  const entries: TreeEntry[] = [];
  const names = await readdir(top, { recursive: true });
  for (const name of names.toSorted()) {
    const inner = await lstat(path.join(top, name));
    if (!inner.isFile() && !inner.isDirectory()) continue;
    entries.push(entryOf(name.split(path.sep).join('/'), inner));
    if (entries.length > maxEntries) {
      throw new GloveboxError(
        'input/too-large',
        `${top} holds more than ${maxEntries} files and folders.`,
        { hint: 'Pack it into one file, or copy the parts that are needed.' },
      );
    }
  }
  return entries;
}

function entryOf(name: string, found: Awaited<ReturnType<typeof stat>>): TreeEntry {
  const folder = found.isDirectory();
  return {
    path: name,
    folder,
    size: folder ? 0 : Number(found.size),
    executable: !folder && (Number(found.mode) & OWNER_EXECUTES) !== 0,
  };
}

/** Where an entry goes below a folder of this machine. @throws `path/not-allowed` for one that would leave it. */
export function placeBelow(folder: string, inner: string): string {
  if (inner === '') return folder;
  const steps = inner.split('/');
  const isInside = steps.every((step) => step !== '' && step !== '..' && step !== '.');
  if (isInside && !inner.includes('\0') && !inner.includes('\\') && !path.isAbsolute(inner))
    return path.join(folder, ...steps);
  throw new GloveboxError(
    'path/not-allowed',
    `The sandbox named a file "${inner}", which would lie outside ${folder}. Nothing of it was written.`,
  );
}
