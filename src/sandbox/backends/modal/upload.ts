/** Puts files of the project into a Modal sandbox: into its workspace, and where else somebody wants them. */
import { GloveboxError } from '#core/errors.ts';
import { packTar, type TarEntry } from '#sandbox/tar.ts';
import type { ModalSdk } from './sdk.ts';

const UNPACK_LIMIT_MS = 300_000;

/**
 * Fixed text: the folders are arguments, the archive comes in through standard input. What it makes is given to whoever has the
 * workspace; folders that were there stay whose they are.
 */
const UNPACK = `
import os, sys, tarfile
folder = os.path.abspath(sys.argv[1])
owner = os.stat(sys.argv[2]).st_uid
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
    for member in archive:
        place = os.path.normpath(os.path.join(folder, member.name))
        if os.path.commonpath([place, folder]) != folder:
            raise SystemExit("refused: " + member.name)
        made = [place]
        while not os.path.lexists(os.path.dirname(made[-1])):
            made.append(os.path.dirname(made[-1]))
        archive.extract(member, folder)
        for each in made if os.geteuid() == 0 else []:
            os.lchown(each, owner, owner)
`.trim();

const isElsewhere = ({ name }: TarEntry): boolean => name.startsWith('/');

/** @throws `sandbox/start-failed` with what the sandbox said. */
export async function uploadFiles(
  entries: readonly TarEntry[],
  { modalId, workspace }: { readonly modalId: string; readonly workspace: string },
  sdk: ModalSdk,
  signal: AbortSignal,
): Promise<void> {
  const elsewhere = entries
    .filter(isElsewhere)
    .map((entry) => ({ ...entry, name: entry.name.slice(1) }));
  const below = entries.filter((entry) => !isElsewhere(entry));
  for (const [folder, some] of [
    [workspace, below],
    ['/', elsewhere],
  ] as const) {
    if (some.length === 0) continue;
    const argv = ['python3', '-I', '-c', UNPACK, folder, workspace];
    const { code, stderr } = await sdk.exec(modalId, argv, {
      stdin: packTar(some),
      timeoutMs: UNPACK_LIMIT_MS,
      signal,
    });
    if (code !== 0) throw failed(code, stderr);
  }
}

const failed = (code: number, stderr: string): GloveboxError =>
  new GloveboxError(
    'sandbox/start-failed',
    `Files could not be put into the sandbox (exit code ${code}): ${stderr.trim().slice(-2000)}`,
  );
