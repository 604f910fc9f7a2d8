/** Gathers files of the project before anything is rented, and puts them into the workspace of a sandbox. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { fileOf, readLocalTree } from '#platform/local-tree.ts';
import type { ModalOptions } from './options.ts';
import type { ModalSdk } from './sdk.ts';
import { packTar, type TarEntry } from './tar.ts';

const MAX_BYTES = 256 * 1024 * 1024;
const UNPACK_LIMIT_MS = 300_000;

/** Fixed text: the folder is an argument, the archive comes in through standard input. */
const UNPACK = `
import os, sys, tarfile
folder = os.path.abspath(sys.argv[1])
owner = os.stat(folder).st_uid
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
    for member in archive:
        place = os.path.normpath(os.path.join(folder, member.name))
        if os.path.commonpath([place, folder]) != folder:
            raise SystemExit("refused: " + member.name)
        archive.extract(member, folder)
        while os.geteuid() == 0 and place != folder:
            os.lchown(place, owner, owner)
            place = os.path.dirname(place)
`.trim();

/**
 * Reads everything that is to be uploaded: of folders what git would not ignore, without what `ignore` names.
 *
 * @throws `path/not-found`, `path/not-allowed` for what lies outside the project, `file/unsupported`, `input/too-large`.
 */
export async function gatherFiles(
  files: ModalOptions['files'],
  projectDir: string,
  signal: AbortSignal,
): Promise<readonly TarEntry[]> {
  const found: TarEntry[] = [];
  let bytes = 0;
  for (const { from, to, ignore } of files) {
    const target = path.posix.normalize(to);
    if (path.posix.isAbsolute(target) || target.startsWith('..')) throw outside(to);
    const tree = await readLocalTree(from, projectDir, signal, ignore);
    bytes += tree.files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_BYTES) throw tooLarge();
    for (const { name, isExecutable } of tree.files) {
      throwIfAborted(signal);
      const content = await readFile(fileOf(tree.root, name));
      found.push({ name: path.posix.join(target, name), content, isExecutable });
    }
  }
  return found;
}

/** @throws `sandbox/start-failed` with what the sandbox said. */
export async function uploadFiles(
  entries: readonly TarEntry[],
  { modalId, workspace }: { readonly modalId: string; readonly workspace: string },
  sdk: ModalSdk,
  signal: AbortSignal,
): Promise<void> {
  if (entries.length === 0) return;
  const { code, stderr } = await sdk.exec(modalId, ['python3', '-I', '-c', UNPACK, workspace], {
    stdin: packTar(entries),
    timeoutMs: UNPACK_LIMIT_MS,
    signal,
  });
  if (code === 0) return;
  throw new GloveboxError(
    'sandbox/start-failed',
    `Files could not be put into the sandbox (exit code ${code}): ${stderr.trim().slice(-2000)}`,
  );
}

const outside = (place: string): GloveboxError =>
  new GloveboxError('path/not-allowed', `${place} lies outside the workspace.`, {
    hint: 'Name a place below the workspace in files.',
  });

const tooLarge = (): GloveboxError =>
  new GloveboxError('input/too-large', `files are more than ${renderBytes(MAX_BYTES)}.`, {
    hint: 'Put data of that size on a volume (option volumes).',
  });
