/** What a program hands over: a file or a folder of this machine, as it is. */
import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { MAX_FILES, type TreeFile } from '#platform/local-tree.ts';

export interface AnyTree {
  readonly isFolder: boolean;
  readonly files: readonly TreeFile[];
  /** Also those without files in them. */
  readonly folders: readonly string[];
}

/** Links in a folder are left out. @throws `path/not-found`, `file/unsupported`, `input/too-large`. */
export async function readAnyTree(top: string): Promise<AnyTree> {
  const found = await stat(top).catch((error: unknown) => {
    throw new GloveboxError('path/not-found', `${top} cannot be read: ${messageOf(error)}`);
  });
  if (found.isFile()) return { isFolder: false, files: [fileFrom('', found)], folders: [] };
  if (!found.isDirectory())
    throw new GloveboxError('file/unsupported', `${top} is neither a file nor a folder.`);
  const files: TreeFile[] = [];
  const folders: string[] = [];
  const names = await readdir(top, { recursive: true });
  for (const name of names.toSorted()) {
    const inner = await lstat(path.join(top, name));
    const slashed = name.split(path.sep).join('/');
    if (inner.isDirectory()) folders.push(slashed);
    if (inner.isFile()) files.push(fileFrom(slashed, inner));
    if (files.length > MAX_FILES) {
      throw new GloveboxError('input/too-large', `${top} holds more than ${MAX_FILES} files.`, {
        hint: 'Pack it into one file, or copy the parts that are needed.',
      });
    }
  }
  return { isFolder: true, files, folders };
}

const fileFrom = (
  name: string,
  { size, mode }: { readonly size: number; readonly mode: number },
): TreeFile => ({ name, size, isExecutable: (mode & 0o100) !== 0 });

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
