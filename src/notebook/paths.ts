/** Keeps tools to the notebooks of the project: where a path leads, and what is said about one that leads nowhere (D9). */
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';

const EXTENSION = '.ipynb';
const MOST_NAMES = 5;
/** How far the search for near names goes. */
const MOST_ENTRIES = 2_000;
const DEEPEST = 4;

export interface NotebookPathRequest {
  /** As the caller wrote it. A relative path counts from the notebook folder, then from the project. */
  readonly requested: string;
  readonly notebookDir: string;
  readonly projectDir: string;
}

/**
 * The real path of an existing notebook. Only exact names are taken.
 *
 * @throws GloveboxError `path/not-allowed` when it leads outside of both folders, `path/not-found` with near names in
 *   the hint, `notebook/invalid` when it is no regular `.ipynb` file.
 */
export async function resolveNotebookPath(request: NotebookPathRequest): Promise<string> {
  const { requested, notebookDir, projectDir } = request;
  const roots = [notebookDir, projectDir];
  if (requested.trim() === '' || requested.includes('\0')) {
    throw new GloveboxError('input/invalid', 'The path of the notebook is empty or no path.', {
      hint: await hintFor(request),
    });
  }
  // Also the paths as they are written: a folder may be named through a link.
  const candidates = [...new Set(roots.map((root) => path.resolve(root, requested)))];
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  const isAllowed = (file: string): boolean => realRoots.some((root) => isInside(file, root));
  for (const candidate of candidates) {
    const real = await realpath(candidate).catch(() => undefined);
    if (real === undefined) continue;
    if (!isAllowed(real)) throw notAllowed(requested, realRoots);
    await checkNotebook(candidate, real, request);
    return real;
  }
  const written = [...roots, ...realRoots];
  if (!candidates.some((candidate) => written.some((root) => isInside(candidate, root)))) {
    throw notAllowed(requested, realRoots);
  }
  throw new GloveboxError('path/not-found', `There is no notebook ${requested}.`, {
    hint: await hintFor(request),
  });
}

async function checkNotebook(
  candidate: string,
  real: string,
  request: NotebookPathRequest,
): Promise<void> {
  const isFile = (await stat(real)).isFile();
  if (isFile && real.endsWith(EXTENSION)) return;
  const what = isFile ? `has no name that ends in ${EXTENSION}` : 'is no regular file';
  throw new GloveboxError('notebook/invalid', `${candidate} ${what}, so it is no notebook.`, {
    hint: await hintFor(request),
  });
}

/** By whole components: `/a/notebooks-2` is not inside of `/a/notebooks`. */
function isInside(file: string, root: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

const notAllowed = (requested: string, roots: readonly string[]): GloveboxError =>
  new GloveboxError(
    'path/not-allowed',
    `${requested} leads outside of ${[...new Set(roots)].join(' and ')}.`,
    { hint: 'Move the notebook into the project, or set GLOVEBOX_NOTEBOOK_DIR to its folder.' },
  );

async function hintFor({
  requested,
  notebookDir,
  projectDir,
}: NotebookPathRequest): Promise<string> {
  const names = new Set<string>();
  for (const file of await notebooksBelow(notebookDir)) names.add(path.relative(notebookDir, file));
  for (const file of await notebooksBelow(projectDir)) {
    if (isInside(file, notebookDir)) continue;
    const name = path.relative(projectDir, file);
    // One of the same name in the folder of notebooks would be taken for it.
    names.add(names.has(name) ? path.relative(notebookDir, file) : name);
  }
  const wanted = stemOf(requested);
  const near = [...names]
    .map((name) => ({ name, distance: distanceOf(wanted, stemOf(name)) }))
    .toSorted((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, MOST_NAMES)
    .map(({ name }) => `"${name}"`);
  if (near.length === 0) {
    return 'There are no notebooks in the project yet; start_new_notebook makes one.';
  }
  return `Name it exactly. There are: ${near.join(', ')}.`;
}

const stemOf = (file: string): string => path.basename(file, EXTENSION).toLowerCase();

/** Breadth first, without hidden folders and those of packages. */
async function notebooksBelow(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  let level = [root];
  let seen = 0;
  for (let depth = 0; depth < DEEPEST && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        seen += 1;
        if (seen > MOST_ENTRIES) return found;
        if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
        const file = path.join(folder, entry.name);
        if (entry.isDirectory()) next.push(file);
        else if (entry.name.endsWith(EXTENSION)) found.push(file);
      }
    }
    level = next;
  }
  return found;
}

/** How many letters must be changed; fewer when one name holds the other. */
function distanceOf(a: string, b: string): number {
  if (a !== '' && (b.includes(a) || a.includes(b))) return Math.abs(a.length - b.length) / 1_000;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
