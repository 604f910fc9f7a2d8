/** Copies files and folders of any size into a sandbox and out of it, byte for byte, over the way that kernels have. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import * as z from 'zod';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { renderBytes } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { withProgram, type Ask } from './ask-kernel.ts';
import { throwRefusal } from './file-answers.ts';
import { checkedPath, type FilePlace } from './files.ts';
import { batchesOf, placeBelow, surveyLocal, type Piece, type TreeEntry } from './file-tree.ts';

/** The type under which `python/transfer.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.transfer+json';
/** So many files and folders are copied in one call. */
const MAX_ENTRIES = 20_000;
/** Less is there before anybody could read how far it is. */
const REPORTED_BYTES = 4 * 1024 * 1024;

const deflated = promisify(deflate);
const inflated = promisify(inflate);

export interface Transferred {
  readonly files: number;
  readonly bytes: number;
}

/**
 * What is in the way is replaced, file by file: each is written beside its place, checked by its hash, and then put there. Links and
 * devices in folders are left out. A copy that breaks off has done some of the files, whole.
 *
 * All failures: `sandbox/pending`, `sandbox/ended`, `shell/unavailable`, `path/not-found`, `path/not-allowed`, `file/unsupported`,
 * `input/too-large` for more than 20,000 files, `storage/failed`, `kernel/unresponsive`, `cancelled`.
 */
export interface Transfer {
  /** All bytes of one file. */
  read(place: FilePlace, wait: SandboxWait): Promise<Buffer>;
  /** One file. Folders above it are made. */
  write(place: FilePlace, bytes: Uint8Array, wait: SandboxWait): Promise<void>;
  /** Folders that are not there. */
  makeFolder(place: FilePlace, wait: SandboxWait): Promise<void>;
  /** A file or the contents of a folder of this machine, to exactly that place. */
  push(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Transferred>;
  /** A file or the contents of a folder of the sandbox, to exactly that place on this machine. */
  pull(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Transferred>;
}

export interface TransferOptions {
  readonly helpers: HelperKernels;
  readonly clock: Clock;
  /** The text of `python/transfer.py`. */
  source(this: void): Promise<string>;
}

const surveyAnswer = z.object({
  real: z.string(),
  folder: z.boolean(),
  entries: z.array(
    z.object({
      path: z.string(),
      folder: z.boolean(),
      size: z.number(),
      executable: z.boolean(),
    }),
  ),
});
const giveAnswer = z.object({ pieces: z.array(z.string()) });

export function createTransfer(options: TransferOptions): Transfer {
  return new TransferOverKernels(options);
}

class TransferOverKernels implements Transfer {
  readonly #options: TransferOptions;

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  read(place: FilePlace, wait: SandboxWait): Promise<Buffer> {
    return this.#with(place, wait, async (ask, target) => {
      const tree = surveyAnswer.parse(
        await ask({ operation: 'survey', path: target, max_entries: MAX_ENTRIES }),
      );
      if (tree.folder) throw isFolder(target);
      const parts: Buffer[] = [];
      for (const batch of batchesOf(tree.entries))
        parts.push(
          ...(await give(
            ask,
            batch.map((piece) => ({ ...piece, path: tree.real })),
          )),
        );
      return Buffer.concat(parts);
    });
  }

  async write(place: FilePlace, bytes: Uint8Array, wait: SandboxWait): Promise<void> {
    await this.#with(place, wait, (ask, target) => {
      const content = Buffer.from(bytes);
      const entry = { path: '', folder: false, size: content.length, executable: false };
      return put(
        ask,
        [entry],
        () => target,
        wait,
        async ({ offset, length }) => content.subarray(offset, offset + length),
      );
    });
  }

  async makeFolder(place: FilePlace, wait: SandboxWait): Promise<void> {
    await this.#with(place, wait, (ask, target) => ask({ operation: 'folders', paths: [target] }));
  }

  push(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Transferred> {
    return this.#with(place, wait, async (ask, target) => {
      const entries = await surveyLocal(localPath, MAX_ENTRIES);
      const remote = (inner: string): string => (inner === '' ? target : `${target}/${inner}`);
      const folders = entries.filter(({ folder }) => folder).map((entry) => remote(entry.path));
      const isFolderCopy = entries.length !== 1 || entries[0]?.path !== '';
      if (isFolderCopy) await ask({ operation: 'folders', paths: [target, ...folders] });
      return put(ask, entries, remote, wait, (piece) =>
        readPiece(path.join(localPath, piece.path), piece),
      );
    });
  }

  pull(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Transferred> {
    return this.#with(place, wait, async (ask, target) => {
      const tree = surveyAnswer.parse(
        await ask({ operation: 'survey', path: target, max_entries: MAX_ENTRIES }),
      );
      return fetchTree(ask, tree, localPath, wait);
    });
  }

  #with<T>(
    place: FilePlace,
    wait: SandboxWait,
    work: (ask: Ask, target: string) => Promise<T>,
  ): Promise<T> {
    const target = checkedPath(place.path);
    return withProgram({ ...this.#options, mime: MIME }, place.sandboxId, wait, (ask) =>
      work(async (request) => {
        const answer = await ask(request);
        throwRefusal(answer, target, 0);
        return answer;
      }, target),
    );
  }
}

async function give(ask: Ask, pieces: readonly Piece[]): Promise<readonly Buffer[]> {
  const request = pieces.map(({ path: file, offset, length }) => ({ path: file, offset, length }));
  const answer = giveAnswer.parse(await ask({ operation: 'give', pieces: request }));
  const given = await Promise.all(
    answer.pieces.map((data) => inflated(Buffer.from(data, 'base64'))),
  );
  for (const [index, piece] of pieces.entries()) {
    if (given[index]?.length === piece.length) continue;
    throw new GloveboxError('file/changed', `${piece.path} was changed while it was copied.`, {
      hint: 'Copy it again when nobody writes to it.',
    });
  }
  return given;
}

/** Sends files piece by piece; what is left of those that broke off is removed. */
async function put(
  ask: Ask,
  entries: readonly TreeEntry[],
  remote: (inner: string) => string,
  wait: SandboxWait,
  read: (piece: Piece) => Promise<Buffer>,
): Promise<Transferred> {
  const id = newUuid();
  const tell = createProgress(entries, wait);
  const unfinished = new Set<string>();
  let sum = createHash('sha256');
  try {
    for (const batch of batchesOf(entries)) {
      const pieces = [];
      for (const piece of batch) {
        const target = remote(piece.path);
        const bytes = await read(piece);
        sum.update(bytes);
        unfinished.add(target);
        pieces.push({
          path: target,
          id: `${id}-${piece.number}`,
          offset: piece.offset,
          executable: piece.executable,
          data: (await deflated(bytes, { level: 1 })).toString('base64'),
          ...(piece.isLast && { sha256: sum.digest('hex') }),
        });
        if (piece.isLast) sum = createHash('sha256');
      }
      await ask({ operation: 'take', pieces });
      for (const piece of batch) if (piece.isLast) unfinished.delete(remote(piece.path));
      tell(batch);
    }
  } catch (error) {
    await ask({ operation: 'drop', id, paths: [...unfinished] }).catch(() => undefined);
    throw localFailure(error);
  }
  return totalOf(entries);
}

const part = (target: string): string => `${target}.glovebox-part`;

/** Each file is complete beside its place before it is put there. */
async function fetchTree(
  ask: Ask,
  tree: z.output<typeof surveyAnswer>,
  localPath: string,
  wait: SandboxWait,
): Promise<Transferred> {
  const places = tree.entries.map((entry) => placeBelow(localPath, entry.path));
  const tell = createProgress(tree.entries, wait);
  let current: string | undefined;
  try {
    if (tree.folder) await mkdir(localPath, { recursive: true });
    for (const [index, { folder }] of tree.entries.entries())
      if (folder) await mkdir(places[index] ?? localPath, { recursive: true });
    for (const batch of batchesOf(tree.entries)) {
      const wanted = batch.map((piece) => ({
        ...piece,
        path: piece.path === '' ? tree.real : `${tree.real}/${piece.path}`,
      }));
      const given = await give(ask, wanted);
      for (const [index, piece] of batch.entries()) {
        current = places[piece.number] ?? localPath;
        if (piece.offset === 0) await mkdir(path.dirname(current), { recursive: true });
        await writePiece(part(current), piece, given[index] ?? Buffer.alloc(0));
        if (!piece.isLast) continue;
        if (piece.executable) await chmod(part(current), 0o755);
        await rename(part(current), current);
        current = undefined;
      }
      tell(batch);
    }
  } catch (error) {
    if (current !== undefined) await rm(part(current), { force: true });
    throw localFailure(error);
  }
  return totalOf(tree.entries);
}

async function writePiece(file: string, { offset }: Piece, bytes: Buffer): Promise<void> {
  const handle = await open(file, offset === 0 ? 'w' : 'r+');
  try {
    await handle.write(bytes, 0, bytes.length, offset);
  } finally {
    await handle.close();
  }
}

async function readPiece(file: string, { offset, length }: Piece): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead === length) return bytes;
    throw new GloveboxError('file/changed', `${file} was changed while it was copied.`, {
      hint: 'Copy it again when nobody writes to it.',
    });
  } finally {
    await handle.close();
  }
}

function createProgress(
  entries: readonly TreeEntry[],
  wait: SandboxWait,
): (batch: readonly Piece[]) => void {
  const total = totalOf(entries).bytes;
  let done = 0;
  return (batch) => {
    for (const { length } of batch) done += length;
    if (done < total || total > REPORTED_BYTES)
      wait.report({ message: `${renderBytes(done)} of ${renderBytes(total)}`, done, total });
  };
}

function totalOf(entries: readonly TreeEntry[]): Transferred {
  const files = entries.filter(({ folder }) => !folder);
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

const isFolder = (target: string): GloveboxError =>
  new GloveboxError('file/unsupported', `${target} is a folder.`, {
    hint: 'A folder is copied as a whole: download, or sandbox_transfer.',
  });

function localFailure(error: unknown): GloveboxError {
  if (isGloveboxError(error)) return error;
  return new GloveboxError('storage/failed', `The copy broke off: ${messageOf(error)}`, {
    cause: error,
  });
}
