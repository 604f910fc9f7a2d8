/** Finds out which commit a branch or tag of a git repository means now, before an image is built from it. */
import { GloveboxError } from '#core/errors.ts';
import { httpRequest } from '#platform/http.ts';
import type { PinnedRepository } from './image.ts';
import type { ModalOptions } from './options.ts';

const LIMIT_MS = 20_000;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * @throws `remote/not-found` for a repository or a ref that does not exist (or is private), `http/failed`, `timeout`.
 */
export async function pinRepositories(
  repositories: ModalOptions['repos'],
  workspace: string,
  signal: AbortSignal,
): Promise<readonly PinnedRepository[]> {
  return Promise.all(
    repositories.map(async ({ url, ref = 'HEAD', path: place, install }) => {
      const address = url.includes('://') ? url : `https://github.com/${url}.git`;
      const commit = COMMIT.test(ref) ? ref : await commitOf(address, ref, signal);
      return { url: address, commit, folder: `${workspace}/${place ?? nameOf(url)}`, install };
    }),
  );
}

/** `REPO_<NAME>_PATH` for each. */
export function repositoryPaths(
  repositories: readonly PinnedRepository[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    repositories.map(({ folder }) => [`REPO_${variableWord(nameOf(folder))}_PATH`, folder]),
  );
}

export const variableWord = (text: string): string =>
  text.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');

const nameOf = (url: string): string =>
  url
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .at(-1) ?? 'repository';

async function commitOf(url: string, ref: string, signal: AbortSignal): Promise<string> {
  const where = `${url.replace(/\/+$/, '')}/info/refs?service=git-upload-pack`;
  const { status, text } = await httpRequest({
    method: 'GET',
    url: where,
    headers: { 'user-agent': 'git/2.39 glovebox' },
    timeoutMs: LIMIT_MS,
    signal,
  });
  if (status !== 200) {
    throw new GloveboxError('remote/not-found', `The repository ${url} answers with ${status}.`, {
      hint: 'Check its address; it must be public.',
    });
  }
  const found = findRef(text, ref);
  if (found !== undefined) return found;
  throw new GloveboxError('remote/not-found', `The repository ${url} has no "${ref}".`, {
    hint: 'Name a branch, a tag or a whole commit.',
  });
}

/**
 * The commit behind a name in the answer of a git server. Lines look like `LENGTH COMMIT NAME`; of a tag with a message the line
 * with `^{}` names the commit. https://git-scm.com/docs/http-protocol
 */
export function findRef(text: string, ref: string): string | undefined {
  const refs = new Map<string, string>();
  for (const [, commit = '', name = ''] of text.matchAll(/([0-9a-f]{40})[ \t]([^\0\n\s]+)/g))
    refs.set(name, commit);
  const names =
    ref === 'HEAD'
      ? ['HEAD']
      : [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`, ref];
  return names.map((name) => refs.get(name)).find((commit) => commit !== undefined);
}
