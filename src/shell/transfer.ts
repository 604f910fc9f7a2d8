/** Copies files and folders into a sandbox and out of it for programs: any place of this machine, and what is in the way is replaced. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { GloveboxError } from '#core/errors.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import { placeBelow, readAnyTree } from './any-tree.ts';
import type { Ask } from './ask-kernel.ts';
import { checkedPath, type FilePlace } from './files.ts';
import { Arrivals, localHash } from './local-target.ts';
import { fileOf, hashFile, readPiece } from '#platform/local-tree.ts';
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

export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Files that are the same already are not copied again. Links and devices in folders are left out. Where a copy fails, the files at
 * its target are as they were, unless the last step, the renaming of complete files, was under way.
 *
 * All failures: `sandbox/pending`, `sandbox/ended`, `shell/unavailable`, `path/not-found`, `path/not-allowed`, `file/unsupported`,
 * `file/changed`, `input/too-large` for more than 20,000 files, `storage/failed`, `kernel/unresponsive`, `cancelled`.
 */
export interface Transfer {
  /** All bytes of one file. */
  read(place: FilePlace, wait: SandboxWait): Promise<Buffer>;
  /** One file. Folders above it are made. */
  write(place: FilePlace, bytes: Uint8Array, wait: SandboxWait): Promise<void>;
  /** Folders that are not there. */
  makeFolder(place: FilePlace, wait: SandboxWait): Promise<void>;
  /** A file or the contents of a folder of this machine, to exactly that place. */
  push(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Copied>;
  /** A file or the contents of a folder of the sandbox, to exactly that place on this machine. */
  pull(place: FilePlace, localPath: string, wait: SandboxWait): Promise<Copied>;
}

export function createTransfer(options: TransferOptions): Transfer {
  const at = <T>(
    place: FilePlace,
    wait: SandboxWait,
    work: (ask: Ask, path: string) => Promise<T>,
  ): Promise<T> => {
    const path = checkedPath(place.path);
    return withTransfer(options, place.sandboxId, wait, (ask) => work(ask, path));
  };

  return {
    read: (place, wait) =>
      at(place, wait, async (ask, path) => {
        const found = await look(ask, path, []);
        if (found.is_folder) throw isFolder(path);
        const files = await hashed(ask, found);
        const parts: Buffer[] = [];
        const take = (_file: MovedFile, part: Buffer): void => void parts.push(part);
        await fetchFiles(ask, { real: found.real, files, wait, take });
        return Buffer.concat(parts);
      }),

    async write(place, bytes, wait) {
      const content = Buffer.from(bytes);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const file = { index: 0, name: '', size: content.length, isExecutable: false, sha256 };
      await at(place, wait, (ask, path) =>
        sendFiles(ask, {
          path,
          isFolder: false,
          files: [file],
          wait,
          read: async (_file, { offset, length }) => content.subarray(offset, offset + length),
          agree: () => undefined,
        }),
      );
    },

    async makeFolder(place, wait) {
      await at(place, wait, (ask, path) => ask({ operation: 'folders', path, paths: [path] }));
    },

    async push(place, localPath, wait) {
      const { isFolder: isFolderCopy, files: found, folders } = await readAnyTree(localPath);
      const files: MovedFile[] = [];
      for (const [index, file] of found.entries()) {
        const sha256 = await hashFile(fileOf(localPath, file.name), wait.signal);
        files.push({ ...file, index, sha256 });
      }
      return at(place, wait, async (ask, path) => {
        const { real } = await sendFiles(ask, {
          path,
          isFolder: isFolderCopy,
          files,
          wait,
          read: ({ name }, piece) => readPiece(fileOf(localPath, name), piece),
          agree: () => undefined,
        });
        const paths = [real, ...folders.map((name) => `${real}/${name}`)];
        if (isFolderCopy) await ask({ operation: 'folders', path: real, paths });
        return copied(files);
      });
    },

    pull: (place, localPath, wait) =>
      at(place, wait, async (ask, path) => {
        const found = await look(ask, path, []);
        // They come from the sandbox and are not trusted.
        for (const { name } of found.files) placeBelow(localPath, name);
        for (const name of found.folders) await mkdir(placeBelow(localPath, name), MAKE);
        if (found.is_folder) await mkdir(localPath, MAKE);
        const files = await hashed(ask, found);
        await fetchInto(ask, found, files, localPath, wait);
        return copied(files);
      }),
  };
}

const MAKE = { recursive: true } as const;

async function fetchInto(
  ask: Ask,
  { real }: Found,
  files: readonly MovedFile[],
  target: string,
  wait: SandboxWait,
): Promise<void> {
  const wanted: MovedFile[] = [];
  for (const file of files) {
    const there = await localHash(fileOf(target, file.name), wait.signal);
    if (there === 'folder' || there?.sha256 !== file.sha256) wanted.push(file);
  }
  if (wanted.length === 0) return;
  const arrivals = await Arrivals.open(target);
  try {
    const take = ({ index }: MovedFile, part: Buffer): Promise<void> =>
      arrivals.append(index, part);
    await fetchFiles(ask, { real, files: wanted, wait, take });
    await arrivals.place(wanted, async (place) => place);
  } finally {
    await arrivals.close();
  }
}

const copied = (files: readonly MovedFile[]): Copied => ({
  files: files.length,
  bytes: bytesOf(files),
});

const isFolder = (target: string): GloveboxError =>
  new GloveboxError('file/unsupported', `${target} is a folder.`, {
    hint: 'A folder is copied as a whole: download, or sandbox_transfer.',
  });
