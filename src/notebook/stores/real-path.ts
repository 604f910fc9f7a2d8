/** Where a notebook really is: the path without symbolic links, by which it is known. */
import { mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';

/** The path without symbolic links. @throws GloveboxError `path/not-found` or `notebook/invalid` when it is no file. */
export async function resolveFile(file: string): Promise<string> {
  try {
    const real = await realpath(file);
    if ((await stat(real)).isFile()) return real;
  } catch (error) {
    throw new GloveboxError('path/not-found', `There is no file ${file}.`, {
      hint: 'Check the path; start_new_notebook makes a new notebook.',
      cause: error,
    });
  }
  throw new GloveboxError('notebook/invalid', `${file} is no regular file.`, {
    hint: 'Name an .ipynb file.',
  });
}

/** The real path that a new file will have. Makes missing folders. */
export async function resolveNewFile(file: string): Promise<string> {
  const folder = path.dirname(path.resolve(file));
  try {
    await mkdir(folder, { recursive: true });
    return path.join(await realpath(folder), path.basename(file));
  } catch (error) {
    throw new GloveboxError(
      'storage/failed',
      `Cannot use the folder ${folder}: ${messageOf(error)}`,
      {
        hint: 'Name a folder that can be written to.',
        cause: error,
      },
    );
  }
}
