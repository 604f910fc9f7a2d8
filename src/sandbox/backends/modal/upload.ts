/** Gathers files of the project before anything is rented, and puts them into the workspace of a sandbox. */
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, messageOf } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { ModalOptions } from './options.ts';
import type { ModalSdk } from './sdk.ts';
import { packTar, type TarEntry } from './tar.ts';

/** Made anew by their own tools, and large. */
const LEFT_OUT = new Set(['.git', '.venv', 'node_modules', '__pycache__', '.ipynb_checkpoints']);
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
 * Reads everything that is to be uploaded.
 *
 * @throws `path/not-found`, `path/not-allowed` for what lies outside the project, `input/too-large`.
 */
export async function gatherFiles(
  files: ModalOptions['files'],
  projectDir: string,
  signal: AbortSignal,
): Promise<readonly TarEntry[]> {
  const found: TarEntry[] = [];
  let bytes = 0;
  const add = async (from: string, to: string): Promise<void> => {
    throwIfAborted(signal);
    const facts = await lstat(from).catch((error: unknown) => {
      throw new GloveboxError('path/not-found', `${from} cannot be read: ${messageOf(error)}`, {
        hint: 'Correct files in the options of the sandbox.',
      });
    });
    if (facts.isDirectory()) {
      const names = (await readdir(from)).filter((name) => !LEFT_OUT.has(name)).toSorted();
      for (const name of names) await add(path.join(from, name), path.posix.join(to, name));
    } else if (facts.isFile()) {
      bytes += facts.size;
      if (bytes > MAX_BYTES) throw tooLarge();
      const isExecutable = (facts.mode & 0o111) !== 0;
      found.push({ name: to, content: await readFile(from), isExecutable });
    }
  };
  for (const { from, to } of files) {
    const target = path.posix.normalize(to);
    if (path.posix.isAbsolute(target) || target.startsWith('..')) throw outside(to, 'workspace');
    await add(await insideProject(from, projectDir), target);
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

async function insideProject(from: string, projectDir: string): Promise<string> {
  const place = path.resolve(projectDir, from);
  const [real, root] = await Promise.all([
    realpath(place).catch(() => place),
    realpath(projectDir),
  ]);
  if (real === root || real.startsWith(`${root}${path.sep}`)) return real;
  throw outside(from, 'project');
}

const outside = (place: string, what: string): GloveboxError =>
  new GloveboxError('path/not-allowed', `${place} lies outside the ${what}.`, {
    hint: `Only what lies in the ${what} can be named in files.`,
  });

const tooLarge = (): GloveboxError =>
  new GloveboxError('input/too-large', `files are more than ${renderBytes(MAX_BYTES)}.`, {
    hint: 'Put data of that size on a volume (option volumes).',
  });
