/** Files and folders between the project and any sandbox for agents: nothing leaves the project, and nothing is replaced unasked. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { Ask } from './ask-kernel.ts';
import { checkedPath } from './files.ts';
import { Arrivals, checkName, localHash, localTarget } from './local-target.ts';
import { fileOf, hashFile, NEVER_MOVED, readLocalTree, readPiece } from '#platform/local-tree.ts';
import type { Found } from './transfer-answers.ts';
import {
  bytesOf,
  fetchFiles,
  hashed,
  look,
  sendFiles,
  withTransfer,
  type MovedFile,
  type TransferOptions,
} from './transfer-wire.ts';

const MAX_BYTES = 4 * 1024 * 1024 * 1024;

export interface TransferRequest {
  readonly sandboxId: string | undefined;
  /** Below the project; relative to it or absolute. */
  readonly localPath: string;
  /** Absolute, from `~`, or relative to the root of the sandbox's server. */
  readonly remotePath: string;
  /** Whether files that differ and that were not put there by a transfer of this process may be replaced. */
  readonly overwrite: boolean;
  /** More is refused. Default: 4 GiB. */
  readonly maxBytes?: number;
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

export interface ProjectTransferOptions extends TransferOptions {
  readonly projectDir: string;
}

export function createProjectTransfer(options: ProjectTransferOptions): ProjectTransfer {
  return new TransferOverKernels(options);
}

class TransferOverKernels implements ProjectTransfer {
  readonly #options: ProjectTransferOptions;
  /** SHA-256 of what this process put somewhere last: replacing that loses nothing. */
  readonly #put = new Map<string, string>();

  constructor(options: ProjectTransferOptions) {
    this.#options = options;
  }

  async push(request: TransferRequest, wait: SandboxWait): Promise<Transferred> {
    const path = checkedPath(request.remotePath);
    const { signal } = wait;
    const tree = await readLocalTree(request.localPath, this.#options.projectDir, signal);
    refuseSize(tree.files, request);
    const files: MovedFile[] = [];
    for (const [index, file] of tree.files.entries())
      files.push({ ...file, index, sha256: await hashFile(fileOf(tree.root, file.name), signal) });
    return withTransfer(this.#options, request.sandboxId, wait, async (ask, sandboxId) => {
      const keyOf = (real: string, { name }: MovedFile): string => `${sandboxId}\n${real}\n${name}`;
      const { real, sent } = await sendFiles(ask, {
        path,
        isFolder: tree.isFolder,
        // A file goes into a folder that is there, as `cp` does it.
        ...(!tree.isFolder && { name: basename(tree.root) }),
        files,
        wait,
        read: ({ name }, piece) => readPiece(fileOf(tree.root, name), piece),
        agree: (place, replaced) => {
          const isLost = (file: MovedFile): boolean =>
            replaced.has(file.index) &&
            this.#put.get(keyOf(place, file)) !== replaced.get(file.index);
          refuseLoss(files.filter(isLost), request, 'the sandbox');
        },
      });
      for (const file of files) this.#put.set(keyOf(real, file), file.sha256);
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
    const path = checkedPath(request.remotePath);
    return withTransfer(this.#options, request.sandboxId, wait, async (ask, sandboxId) => {
      const found = await look(ask, path, NEVER_MOVED);
      for (const { name } of found.files) if (found.is_folder) checkName(name, name);
      refuseSize(found.files, request);
      const target = await this.#pullTarget(request.localPath, found);
      const files = await hashed(ask, found);
      const wanted: MovedFile[] = [];
      const lost: MovedFile[] = [];
      for (const file of files) {
        const place = fileOf(target, file.name);
        const there = await localHash(place, wait.signal);
        const sha256 = there === 'folder' ? there : there?.sha256;
        if (sha256 === file.sha256) continue;
        wanted.push(file);
        if (sha256 !== undefined && this.#put.get(place) !== sha256) lost.push(file);
      }
      refuseLoss(lost, request, 'the project');
      if (wanted.length > 0) await this.#fetch(ask, found.real, target, wanted, wait);
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

  async #fetch(
    ask: Ask,
    real: string,
    target: string,
    files: readonly MovedFile[],
    wait: SandboxWait,
  ): Promise<void> {
    const arrivals = await Arrivals.open(target);
    try {
      const take = ({ index }: MovedFile, part: Buffer): Promise<void> =>
        arrivals.append(index, part);
      await fetchFiles(ask, { real, files, wait, take });
      // A link may have come onto the way meanwhile.
      await arrivals.place(files, (place) => localTarget(place, this.#options.projectDir));
    } finally {
      await arrivals.close();
    }
  }

  async #pullTarget(requested: string, found: Found): Promise<string> {
    const { projectDir } = this.#options;
    if (found.is_folder) return folderTarget(requested, projectDir);
    const name = posix.basename(found.real);
    const place = resolve(await realpath(projectDir), requested);
    const isFolder = requested.endsWith('/') || (await localHash(place, never())) === 'folder';
    return localTarget(isFolder ? join(place, name) : requested, projectDir);
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

const never = (): AbortSignal => new AbortController().signal;

function summaryOf(
  files: readonly MovedFile[],
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

/** @throws `input/too-large`, naming the largest. */
function refuseSize(
  files: readonly { readonly name: string; readonly size: number }[],
  { maxBytes = MAX_BYTES }: TransferRequest,
): void {
  const bytes = bytesOf(files);
  if (bytes <= maxBytes) return;
  const largest = files
    .toSorted((a, b) => b.size - a.size)
    .slice(0, 10)
    .map(({ name, size }) => `${name} (${renderBytes(size)})`);
  throw new GloveboxError(
    'input/too-large',
    `That is ${renderBytes(bytes)} in ${files.length} files, the largest: ${largest.join(', ')}.`,
    {
      hint: `At most ${renderBytes(maxBytes)} are moved at once: move parts, or fetch it inside the sandbox.`,
    },
  );
}

/** @throws `path/exists`. */
function refuseLoss(lost: readonly MovedFile[], request: TransferRequest, where: string): void {
  if (lost.length === 0 || request.overwrite) return;
  const names = lost.slice(0, 10).map(({ name }) => name || request.remotePath);
  const more = lost.length > 10 ? ` and ${lost.length - 10} more` : '';
  throw new GloveboxError(
    'path/exists',
    `These are there in ${where} with other content: ${names.join(', ')}${more}. Nothing was moved.`,
    { hint: 'overwrite=true replaces them; or name another place.' },
  );
}
