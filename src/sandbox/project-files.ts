/** Files of the project that a sandbox is given: how they are asked for, and everything that is read before anything is made. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { fileOf, readLocalTree } from '#platform/local-tree.ts';
import type { TarEntry } from './tar.ts';

export const filesOption = z
  .array(
    z.strictObject({
      from: z.string().min(1).describe('File or folder on this machine, below the project.'),
      to: z.string().min(1).describe('Where it goes, below the workspace.'),
      ignore: z
        .array(z.string().min(1))
        .max(100)
        .optional()
        .describe('What to leave out of a folder, as in .gitignore, beside what git ignores.'),
    }),
  )
  .max(100);

const MAX_BYTES = 256 * 1024 * 1024;

export interface FilesPlace {
  readonly projectDir: string;
  /** In the sandbox, absolute. */
  readonly workspace: string;
  /** Folders there that are Glovebox's own. Undefined: the machine is shared with others, and nothing outside of the workspace is touched. */
  readonly reserved?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads everything that is to be put there: of folders what git would not ignore, without what `ignore` names.
 *
 * @returns names relative to the workspace; absolute ones for what somebody wants elsewhere on a machine of the sandbox's own.
 * @throws `path/not-found`; `path/not-allowed` for what lies outside the project, or goes where nothing may be put;
 *   `file/unsupported`, `input/too-large`.
 */
export async function gatherFiles(
  files: z.output<typeof filesOption>,
  place: FilesPlace,
): Promise<readonly TarEntry[]> {
  const { projectDir, signal } = place;
  const targets = files.map(({ to }) => targetOf(to, place));
  const found = new Map<string, TarEntry>();
  let bytes = 0;
  for (const [at, { from, ignore }] of files.entries()) {
    const tree = await readLocalTree(from, projectDir, signal, ignore);
    bytes += tree.files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_BYTES) throw tooLarge();
    for (const { name: below, isExecutable } of tree.files) {
      throwIfAborted(signal);
      const content = await readFile(fileOf(tree.root, below));
      const name = path.posix.join(targets[at] ?? '', below);
      found.set(name, { name, content, isExecutable });
    }
  }
  // Of two for one place the later counts.
  return [...found.values()];
}

function targetOf(to: string, { workspace, reserved }: FilesPlace): string {
  const below = path.posix.relative(workspace, path.posix.resolve(workspace, to));
  if (!below.startsWith('..')) return below;
  if (reserved === undefined || !path.posix.isAbsolute(to)) throw outside(to, workspace);
  const target = path.posix.normalize(to).replace(/\/+$/, '');
  const taken = [...reserved, '/proc', '/sys', '/dev'].find(
    (folder) => `${target}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(`${target}/`),
  );
  if (taken !== undefined) throw notThere(to, taken);
  return target;
}

const outside = (to: string, workspace: string): GloveboxError =>
  new GloveboxError('path/not-allowed', `${to} lies outside the workspace ${workspace}.`, {
    hint: `In files, "to" names a place below ${workspace}, relative to it or absolute; a machine of its own (modal) takes absolute ones elsewhere too.`,
  });

const notThere = (to: string, taken: string): GloveboxError =>
  new GloveboxError('path/not-allowed', `Nothing is put into ${to}: ${taken} is not the user's.`, {
    hint: 'In files, name a place below the workspace, or a folder of your own such as /data.',
  });

const tooLarge = (): GloveboxError =>
  new GloveboxError('input/too-large', `files are more than ${renderBytes(MAX_BYTES)}.`, {
    hint: 'Put data of that size on a volume, or on a disk that the sandbox sees.',
  });
