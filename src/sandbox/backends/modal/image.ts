/** Plans the image of a sandbox as layers of Dockerfile commands, from what rarely changes to what often does. Pure. */
import { KERNEL_PACKAGES, SERVER_PACKAGES } from '#sandbox/kernel-packages.ts';
import { gitEnvironment, type GitHeaders } from '#sandbox/git-access.ts';
import type { PinnedRepository } from '#sandbox/repositories.ts';
import { DOCKER_PACKAGES } from './containers.ts';
import type { ModalOptions } from './options.ts';
import type { ImageLayer } from './sdk-specs.ts';

export const baseImageOf = (options: ModalOptions): string =>
  options.base_image ?? `python:${options.python_version}-slim-bookworm`;

/**
 * Every command is a list of words, which no shell looks at: nothing in an option can become a command of its own.
 */
export function planImage(
  options: ModalOptions,
  repositories: readonly PinnedRepository[],
  gitHeaders: GitHeaders = {},
): readonly ImageLayer[] {
  const system = new Set(options.system_packages);
  if (repositories.length > 0) system.add('git').add('ca-certificates');
  if (options.docker) for (const name of DOCKER_PACKAGES) system.add(name);
  const layers: readonly ImageLayer[] = [
    { commands: system.size === 0 ? [] : aptLayer([...system].toSorted()) },
    { commands: [pip(SERVER_PACKAGES)] },
    pipLayer(kernelPackages(options)),
    pipLayer(options.python_packages),
    ...repositories.flatMap((repository) => repositoryLayers(repository, gitHeaders)),
    { commands: options.setup_commands.map(run) },
  ];
  return layers.filter(({ commands }) => commands.length > 0);
}

/** What an image that was kept by a snapshot still lacks. */
export const planOnSnapshot = (options: ModalOptions): readonly ImageLayer[] =>
  options.python_packages.length === 0 ? [] : [pipLayer(options.python_packages)];

export function kernelPackages(options: ModalOptions): readonly string[] {
  const wanted = options.kernel_packages;
  if (typeof wanted !== 'string') return wanted;
  if (wanted !== 'auto') return KERNEL_PACKAGES[wanted];
  if (options.gpu !== undefined || options.models.length > 0) return KERNEL_PACKAGES.torch;
  return KERNEL_PACKAGES[options.mode === 'shell' ? 'minimal' : 'api'];
}

/** The form with brackets runs a program with exactly these words. */
function run(argv: readonly string[]): string {
  return `RUN ${JSON.stringify(argv)}`;
}

function aptLayer(packages: readonly string[]): readonly string[] {
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  return [run(['apt-get', 'update']), run(install)];
}

function pip(requirements: readonly string[]): string {
  return run([
    ...'python3 -m pip install --no-cache-dir --disable-pip-version-check --'.split(' '),
    ...requirements,
  ]);
}

const pipLayer = (requirements: readonly string[]): ImageLayer => ({
  commands: requirements.length === 0 ? [] : [pip(requirements)],
});

/** What fetches is a layer of its own, so that nothing else sees the token. */
function repositoryLayers(
  { url, commit, folder, install, installLimitS }: PinnedRepository,
  gitHeaders: GitHeaders,
): readonly ImageLayer[] {
  const header = gitHeaders[url];
  const git = (...words: readonly string[]): string => run(['git', ...words]);
  const commands = [
    git('init', '--quiet', folder),
    git('-C', folder, 'fetch', '--quiet', '--depth', '1', '--', url, commit),
    git('-C', folder, 'checkout', '--quiet', '--detach', 'FETCH_HEAD'),
  ];
  const clone =
    header === undefined ? { commands } : { commands, secrets: gitEnvironment({ [url]: header }) };
  if (install === undefined) return [clone];
  // `env -C` runs it in the repository without a shell.
  const words = ['timeout', String(installLimitS), 'env', '-C', folder, ...install];
  return [clone, { commands: [run(words)] }];
}
