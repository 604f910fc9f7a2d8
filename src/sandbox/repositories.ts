/** Git repositories and Python packages of a sandbox: how they are asked for, and which commit a ref means now, before anything is made from it. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { askGitServer, addressOf, type GitTokens } from './git-access.ts';

export const requirement = z
  .string()
  .regex(/^[A-Za-z0-9][^\n\r]*$/, 'must be a requirement, not an option of pip');

const DEFAULT_INSTALL_S = 600;

const repositoryShape = {
  url: z
    .string()
    // Addresses go into records, logs and the pages of providers.
    .regex(
      /^(https:\/\/[^\s/@]+\/\S+|(ssh:\/\/)?git@[\w.-]+[:/]\S+\/\S+|[\w.-]+\/[\w.-]+)$/,
      'must be an https or ssh address without credentials, or owner/name at GitHub',
    )
    .describe('https or ssh address, or owner/name at GitHub.'),
  ref: z
    .string()
    .regex(/^[^-][^\s]*$/)
    .optional()
    .describe('Branch, tag or commit. Default: HEAD.'),
  path: z
    .string()
    .regex(/^(?!\/|.*\.\.)[^\0]+$/)
    .optional()
    .describe('Where it goes, below the workspace.'),
  install: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Command run in it afterwards, e.g. ["pip","install","-e","."].'),
  install_timeout_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe('How long that may take. Default: 600.'),
};

const dockerfile = z
  .string()
  .regex(/^(?![/-]|.*\.\.)[^\0]+$/, 'must be a file below the repository')
  .optional()
  .describe(
    'With docker: a file of the repository, of which an image is built and a container started, named after the repository.',
  );

const refuseSameVariable = (
  repositories: readonly Pick<RepositoryOption, 'url' | 'path'>[],
  context: z.core.$RefinementCtx,
): void => {
  const variables = repositories.map((repository) => variableOf(folderOf(repository)));
  for (const [at, variable] of variables.entries())
    if (variables.indexOf(variable) !== at)
      context.addIssue({ code: 'custom', path: [at], message: `${variable} is another one's` });
};

const repositoryOption = z.strictObject(repositoryShape);
const repositoryWithDockerfile = z.strictObject({ ...repositoryShape, dockerfile });
export const reposOption = z.array(repositoryOption).max(32).superRefine(refuseSameVariable);
/** Of a back end with Docker inside. */
export const reposWithDockerOption = z
  .array(repositoryWithDockerfile)
  .max(32)
  .superRefine(refuseSameVariable);
export type RepositoryOption = z.output<typeof repositoryOption>;

export interface WantedContainer {
  /** Of the container, after its repository. */
  readonly name: string;
  /** What the image is built of. */
  readonly folder: string;
  /** In that folder. */
  readonly dockerfile: string;
  /** The build may take so long. */
  readonly limitS: number;
}

/** In the order of their repositories. */
export const containersOf = (
  repositories: readonly z.output<typeof repositoryWithDockerfile>[],
  workspace: string,
): readonly WantedContainer[] =>
  repositories.flatMap((repository) => {
    const { dockerfile: file, install_timeout_seconds: limitS = DEFAULT_INSTALL_S } = repository;
    if (file === undefined) return [];
    const folder = folderOf(repository);
    // Docker takes no other characters.
    const name = nameOf(folder)
      .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '');
    return [
      { name: name || 'repository', folder: `${workspace}/${folder}`, dockerfile: file, limitS },
    ];
  });

/** A repository at the commit that its `ref` meant when somebody looked. */
export interface PinnedRepository {
  readonly url: string;
  readonly commit: string;
  /** Below the workspace that was given. */
  readonly folder: string;
  readonly install?: readonly string[] | undefined;
  readonly installLimitS: number;
}

const COMMIT = /^[0-9a-f]{40}$/;

export interface PinPlace {
  /** What the folders are put behind. */
  readonly workspace: string;
  /** For servers that say nothing to strangers. Default: none. */
  readonly tokens?: GitTokens;
  readonly signal: AbortSignal;
}

/**
 * @throws `remote/not-found` for a repository or a ref that does not exist (or that the tokens do not open), `http/failed`, `timeout`.
 */
export async function pinRepositories(
  repositories: readonly RepositoryOption[],
  { workspace, tokens = {}, signal }: PinPlace,
): Promise<readonly PinnedRepository[]> {
  return Promise.all(
    repositories.map(async (repository) => {
      const { url, ref = 'HEAD', install, install_timeout_seconds: limitS } = repository;
      const address = addressOf(url);
      const commit = COMMIT.test(ref) ? ref : await commitOf(address, ref, tokens, signal);
      const folder = `${workspace}/${folderOf(repository)}`;
      return { url: address, commit, folder, install, installLimitS: limitS ?? DEFAULT_INSTALL_S };
    }),
  );
}

/** `REPO_<NAME>_PATH` for each. */
export function repositoryPaths(
  repositories: readonly Pick<PinnedRepository, 'folder'>[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(repositories.map(({ folder }) => [variableOf(folder), folder]));
}

/** Of the kernels of its sandbox: the place of the clone. */
export const variableOf = (folder: string): string =>
  `REPO_${nameOf(folder)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '_')}_PATH`;

const folderOf = ({ url, path: place }: RepositoryOption): string => place ?? nameOf(url);

const nameOf = (url: string): string =>
  url
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .at(-1) ?? 'repository';

async function commitOf(
  url: string,
  ref: string,
  tokens: GitTokens,
  signal: AbortSignal,
): Promise<string> {
  const found = findRef(await askGitServer(url, tokens, signal), ref);
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
