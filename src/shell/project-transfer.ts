/** Files and folders between the project and any sandbox, byte by byte, in pieces, whole or not at all. */
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { HelperKernels } from '#session/helper-kernels.ts';
import { withProgram, type Ask } from './ask-kernel.ts';
import { batchesOf, type Piece } from './batches.ts';
import { throwRefusal } from './file-answers.ts';
import { checkedPath } from './files.ts';
import { Arrivals, checkName, localHash, localTarget } from './local-target.ts';
import {
  fileOf,
  hashFile,
  MAX_FILES,
  NEVER_MOVED,
  readLocalTree,
  type TreeFile,
} from './local-tree.ts';
import { beginAnswer, hashesAnswer, lookAnswer, pieceAnswer } from './project-transfer-answers.ts';

/** The type under which `python/project_transfer.py` publishes its answers. */
const MIME = 'application/vnd.glovebox.project-transfer+json';
/** Hashing all of it takes that long on a slow disk. */
const ANSWER_MS = 600_000;
const MAX_BYTES = 4 * 1024 * 1024 * 1024;

export interface TransferRequest {
  readonly sandboxId: string | undefined;
  /** Below the project; relative to it or absolute. */
  readonly localPath: string;
  /** Absolute, from `~`, or relative to the root of the sandbox's server. */
  readonly remotePath: string;
  /** Whether files that differ and that were not put there by a transfer of this process may be replaced. */
  readonly overwrite: boolean;
}

export interface Transferred {
  readonly sandboxId: string;
  /** Real paths of both ends. */
  readonly localPath: string;
  readonly remotePath: string;
  readonly isFolder: boolean;
  readonly files: number;
  readonly bytes: number;
  /** Files that were the same already. */
  readonly unchanged: number;
  /** Of a single file; of a folder, of the lines `SHA256  NAME` of its files, sorted by name. */
  readonly sha256: string;
  readonly leftOut: readonly string[];
  /** Absolute places in the sandbox of the files that were replaced or made. */
  readonly changed: readonly string[];
}

/**
 * All failures: those of `HelperKernels.lend`, `path/not-found`, `path/not-allowed`, `path/exists` (files would be replaced),
 * `input/too-large`, `file/unsupported`, `file/changed` (a file changed during the transfer), `storage/failed`,
 * `kernel/unresponsive`, `cancelled`. Where a transfer fails, the files at its target are as they were, unless the last step, the
 * renaming of complete files, was under way.
 */
export interface ProjectTransfer {
  /** Into the sandbox. A folder's content is merged into the one that is there; what `.gitignore` names is left out. */
  push(request: TransferRequest, wait: SandboxWait): Promise<Transferred>;
  /** Into the project. Links are left out. */
  pull(request: TransferRequest, wait: SandboxWait): Promise<Transferred>;
}

export interface TransferOptions {
  readonly helpers: HelperKernels;
  readonly projectDir: string;
  readonly clock: Clock;
  /** The text of `python/project_transfer.py`. */
  source(this: void): Promise<string>;
}

type Hashed = TreeFile & { readonly index: number; readonly sha256: string };

export function createProjectTransfer(options: TransferOptions): ProjectTransfer {
  return new TransferOverKernels(options);
}

class TransferOverKernels implements ProjectTransfer {
  readonly #options: TransferOptions;
  /** SHA-256 of what this process put somewhere last: replacing that loses nothing. */
  readonly #put = new Map<string, string>();

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  async push(request: TransferRequest, wait: SandboxWait): Promise<Transferred> {
    const remotePath = checkedPath(request.remotePath);
    const { signal } = wait;
    const tree = await readLocalTree(request.localPath, this.#options.projectDir, signal);
    refuseSize(tree.files);
    const files: Hashed[] = [];
    for (const [index, file] of tree.files.entries())
      files.push({ ...file, index, sha256: await hashFile(fileOf(tree.root, file.name), signal) });
    return this.#with(request.sandboxId, wait, async (ask, sandboxId) => {
      const begin = {
        operation: 'begin',
        path: remotePath,
        is_folder: tree.isFolder,
        name: path.basename(tree.root),
        files: files.map(({ name, sha256 }) => ({ name, sha256 })),
      };
      const { real, needed, taken } = beginAnswer.parse(await ask(begin));
      const replaced = new Map(taken.map(({ index, sha256 }) => [index, sha256]));
      const keyOf = ({ name }: TreeFile): string => `${sandboxId}\n${real}\n${name}`;
      const lost = files.filter(
        (file) =>
          replaced.has(file.index) && this.#put.get(keyOf(file)) !== replaced.get(file.index),
      );
      refuseLoss(lost, request, 'the sandbox');
      const sent = files.filter(({ index }) => needed.includes(index));
      if (sent.length > 0) await send(ask, { root: tree.root, real, sent, replaced, wait });
      for (const file of files) this.#put.set(keyOf(file), file.sha256);
      return {
        ...summaryOf(files, tree.isFolder),
        sandboxId,
        localPath: tree.root,
        remotePath: real,
        unchanged: files.length - sent.length,
        leftOut: tree.leftOut,
        changed: sent.map(({ name }) => (name === '' ? real : `${real}/${name}`)),
      };
    });
  }

  async pull(request: TransferRequest, wait: SandboxWait): Promise<Transferred> {
    const remotePath = checkedPath(request.remotePath);
    const { projectDir } = this.#options;
    return this.#with(request.sandboxId, wait, async (ask, sandboxId) => {
      const look = {
        operation: 'look',
        path: remotePath,
        left_out: NEVER_MOVED,
        max_files: MAX_FILES,
      };
      const found = lookAnswer.parse(await ask(look));
      for (const { name } of found.files) if (found.is_folder) checkName(name, name);
      refuseSize(found.files);
      const target = await this.#pullTarget(request.localPath, found);
      const names = found.files.map(({ name }) => name);
      const { sha256: hashes } = hashesAnswer.parse(
        await ask({ operation: 'hashes', path: found.real, names }),
      );
      const files = found.files.map(({ name, size, executable }, index): Hashed => {
        const sha256 = hashes[index];
        if (typeof sha256 !== 'string') throw changedMeanwhile(name, found.real);
        return { name, size, isExecutable: executable, index, sha256 };
      });
      const wanted: Hashed[] = [];
      const lost: Hashed[] = [];
      for (const file of files) {
        const place = fileOf(target, file.name);
        const there = await localHash(place, wait.signal);
        const sha256 = there === 'folder' ? there : there?.sha256;
        if (sha256 === file.sha256) continue;
        wanted.push(file);
        if (sha256 !== undefined && this.#put.get(place) !== sha256) lost.push(file);
      }
      refuseLoss(lost, request, 'the project');
      if (wanted.length > 0)
        await fetchAll(ask, { target, projectDir, real: found.real, wanted, wait });
      for (const file of wanted) this.#put.set(fileOf(target, file.name), file.sha256);
      return {
        ...summaryOf(files, found.is_folder),
        sandboxId,
        localPath: target,
        remotePath: found.real,
        unchanged: files.length - wanted.length,
        leftOut: found.left_out,
        changed: [],
      };
    });
  }

  /** A file goes into a folder that is there, as `cp` does it. */
  async #pullTarget(
    requested: string,
    found: { readonly real: string; readonly is_folder: boolean },
  ): Promise<string> {
    const { projectDir } = this.#options;
    if (found.is_folder) return folderTarget(requested, projectDir);
    const name = path.posix.basename(found.real);
    const place = path.resolve(await realpath(projectDir), requested);
    const isFolder = requested.endsWith('/') || (await localHash(place, never())) === 'folder';
    return localTarget(isFolder ? path.join(place, name) : requested, projectDir);
  }

  async #with<T>(
    wanted: string | undefined,
    wait: SandboxWait,
    work: (ask: Ask, sandboxId: string) => Promise<T>,
  ): Promise<T> {
    const program = { ...this.#options, mime: MIME, limitMs: ANSWER_MS };
    try {
      return await withProgram(program, wanted, wait, (ask, sandboxId) =>
        work(async (request, signal) => {
          const answer = await ask(request, signal);
          throwRefusal(answer, String(request['path']), MAX_BYTES);
          return answer;
        }, sandboxId),
      );
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      throw new GloveboxError('storage/failed', `The transfer failed: ${messageOf(error)}`, {
        hint: 'Look at both places; what is incomplete was removed.',
        cause: error,
      });
    }
  }
}

interface Sending {
  readonly root: string;
  readonly real: string;
  readonly sent: readonly Hashed[];
  readonly replaced: ReadonlyMap<number, string>;
  readonly wait: SandboxWait;
}

async function send(ask: Ask, { root, real, sent, replaced, wait }: Sending): Promise<void> {
  const place = { path: real, id: randomBytes(8).toString('hex') };
  const progress = progressOf('pushed', sent, wait);
  const byIndex = new Map(sent.map((file) => [file.index, file]));
  try {
    let isFirst = true;
    for (const pieces of batchesOf(sent)) {
      const data = Buffer.alloc(lengthOf(pieces));
      let at = 0;
      for (const piece of pieces) {
        const name = byIndex.get(piece.index)?.name ?? '';
        await readPiece(fileOf(root, name), piece, data.subarray(at, at + piece.length));
        at += piece.length;
      }
      const write = { operation: 'write', ...place, first: isFirst, pieces };
      await ask({ ...write, data: data.toString('base64') });
      isFirst = false;
      progress(data.length);
    }
    const files = sent.map(({ index, name, sha256, isExecutable }) => ({
      index,
      name,
      sha256,
      executable: isExecutable,
      replaces: replaced.get(index) ?? null,
    }));
    await ask({ operation: 'commit', ...place, files });
  } catch (error) {
    await ask({ operation: 'abort', ...place }, never()).catch(() => undefined);
    throw error;
  }
}

async function readPiece(file: string, { offset }: Piece, into: Buffer): Promise<void> {
  const handle = await open(file, 'r');
  try {
    for (let at = 0; at < into.length;) {
      const { bytesRead } = await handle.read(into, at, into.length - at, offset + at);
      if (bytesRead === 0) throw changedMeanwhile(file, '');
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

interface Fetching {
  readonly target: string;
  readonly projectDir: string;
  readonly real: string;
  readonly wanted: readonly Hashed[];
  readonly wait: SandboxWait;
}

async function fetchAll(ask: Ask, fetching: Fetching): Promise<void> {
  const { target, projectDir, real, wanted, wait } = fetching;
  const progress = progressOf('pulled', wanted, wait);
  const byIndex = new Map(wanted.map((file) => [file.index, file]));
  const digests = new Map(wanted.map(({ index }) => [index, createHash('sha256')]));
  const arrivals = await Arrivals.open(target);
  try {
    for (const pieces of batchesOf(wanted)) {
      const request = {
        operation: 'read',
        path: real,
        pieces: pieces.map(({ index, ...piece }) => ({
          ...piece,
          name: byIndex.get(index)?.name ?? '',
        })),
      };
      const { data, lengths } = pieceAnswer.parse(await ask(request));
      const bytes = Buffer.from(data, 'base64');
      let at = 0;
      for (const [number, piece] of pieces.entries()) {
        if (lengths[number] !== piece.length)
          throw changedMeanwhile(byIndex.get(piece.index)?.name ?? '', real);
        const part = bytes.subarray(at, at + piece.length);
        await arrivals.append(piece.index, part);
        digests.get(piece.index)?.update(part);
        at += piece.length;
      }
      progress(bytes.length);
    }
    for (const { index, name, sha256 } of wanted)
      if (digests.get(index)?.digest('hex') !== sha256) throw changedMeanwhile(name, real);
    await arrivals.place(wanted, projectDir);
  } finally {
    await arrivals.close();
  }
}

async function folderTarget(requested: string, projectDir: string): Promise<string> {
  const target = await localTarget(requested, projectDir);
  const there = await localHash(target, never());
  if (there === undefined || there === 'folder') return target;
  throw new GloveboxError('path/exists', `${target} is there already, as a file.`, {
    hint: 'Name another place for the folder.',
  });
}

const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);

const never = (): AbortSignal => new AbortController().signal;

function summaryOf(
  files: readonly Hashed[],
  isFolder: boolean,
): Pick<Transferred, 'isFolder' | 'files' | 'bytes' | 'sha256'> {
  const lines = files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  const sha256 = isFolder
    ? createHash('sha256').update(lines.join('')).digest('hex')
    : (files[0]?.sha256 ?? '');
  return { isFolder, files: files.length, bytes: bytesOf(files), sha256 };
}

const bytesOf = (files: readonly { readonly size: number }[]): number =>
  files.reduce((sum, { size }) => sum + size, 0);

/** @throws `input/too-large`. */
function refuseSize(files: readonly { readonly size: number }[]): void {
  const bytes = bytesOf(files);
  if (bytes <= MAX_BYTES) return;
  throw new GloveboxError('input/too-large', `That is ${renderBytes(bytes)}.`, {
    hint: `At most ${renderBytes(MAX_BYTES)} are moved at once: move parts, or fetch it inside the sandbox.`,
  });
}

/** @throws `path/exists`. */
function refuseLoss(lost: readonly TreeFile[], request: TransferRequest, where: string): void {
  if (lost.length === 0 || request.overwrite) return;
  const names = lost.slice(0, 10).map(({ name }) => name || request.remotePath);
  const more = lost.length > 10 ? ` and ${lost.length - 10} more` : '';
  throw new GloveboxError(
    'path/exists',
    `These are there in ${where} with other content: ${names.join(', ')}${more}. Nothing was moved.`,
    { hint: 'overwrite=true replaces them; or name another place.' },
  );
}

function progressOf(
  verb: string,
  files: readonly { readonly size: number }[],
  wait: SandboxWait,
): (bytes: number) => void {
  const total = bytesOf(files);
  let done = 0;
  return (bytes) => {
    done += bytes;
    wait.report({ message: `${verb} ${renderBytes(done)} of ${renderBytes(total)}`, done, total });
  };
}

const changedMeanwhile = (name: string, folder: string): GloveboxError =>
  new GloveboxError(
    'file/changed',
    `${[folder, name].filter(Boolean).join('/')} changed while it was moved; nothing was replaced.`,
    { hint: 'Move it when nobody writes it any more.' },
  );
