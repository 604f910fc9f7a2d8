/** Reads the Python that kernels of every back end can import: it lies at the end of their search path, and costs nothing unused. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const MODULES = ['glovebox_models.py', 'glovebox_keep_alive.py'];
const PACKAGE = 'glovebox_interp';

/** By their names below the folder on the search path, with `/`. @param pythonDir the folder with all our Python. */
export async function readKernelFiles(
  pythonDir: string,
): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(path.join(pythonDir, PACKAGE));
  const wanted = names.filter((name) => /\.(py|typed)$/.test(name)).toSorted();
  const files = [...MODULES, ...wanted.map((name) => `${PACKAGE}/${name}`)];
  const read = files.map(
    async (name) => [name, await readFile(path.join(pythonDir, name), 'utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}
