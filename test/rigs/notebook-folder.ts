/** A folder with notebooks for one test file, and the hands of other writers. */
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { isRecord } from '#core/json.ts';
import type { CellOutput, OpenNotebook } from '#notebook/contract.ts';
import { createNotebooks, type Notebooks } from '#notebook/open-notebook.ts';
import { readNotebookFile } from './read-notebook-file.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';

export const kernel = { name: 'python3', display_name: 'Python 3', language: 'python' };

export const printed = (text: string): readonly CellOutput[] => [
  { output_type: 'stream', name: 'stdout', text },
];

export const sourcesIn = async (file: string): Promise<readonly string[]> =>
  (await readNotebookFile(file)).map(({ source }) => source);

export interface NotebookFolder {
  readonly dir: string;
  readonly locksDir: string;
  readonly notebooks: Notebooks;
  /** What another Glovebox process has: nothing in common but the files. */
  newProcess(): Notebooks;
  /** A saved notebook `a.ipynb` with code cells. */
  withCells(...sources: readonly string[]): Promise<OpenNotebook>;
  /** The names of the files. */
  names(): Promise<readonly string[]>;
}

/** A new folder for each test of the file. */
export function useNotebookFolder(): NotebookFolder {
  let dir = '';
  let notebooks: Notebooks | undefined;
  const newProcess = (): Notebooks =>
    createNotebooks({ locksDir: path.join(dir, '.locks'), clock: systemClock, log: silentLog });
  const opened = (): Notebooks => {
    notebooks ??= newProcess();
    return notebooks;
  };
  beforeEach(async () => {
    dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-notebooks-')));
  });
  afterEach(async () => {
    await notebooks?.closeAll();
    notebooks = undefined;
    await rm(dir, { recursive: true, force: true });
  });
  return {
    get dir() {
      return dir;
    },
    get locksDir() {
      return path.join(dir, '.locks');
    },
    get notebooks() {
      return opened();
    },
    newProcess,
    async withCells(...sources) {
      const notebook = await opened().createFresh(dir, 'a', { kernel });
      for (const source of sources) notebook.insertCell({ type: 'code', source }, { at: 'end' });
      await notebook.flush();
      return notebook;
    },
    names: async () => (await readdir(dir)).filter((name) => name !== '.locks').toSorted(),
  };
}

/** A person's edit with some editor: the whole file, written in place. */
export async function editByHand(
  file: string,
  change: (cells: Record<string, unknown>[]) => void,
): Promise<void> {
  const content: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isRecord(content) || !Array.isArray(content['cells'])) throw new Error('no notebook');
  change(content['cells']);
  await writeFile(file, `${JSON.stringify(content, undefined, 1)}\n`);
}
