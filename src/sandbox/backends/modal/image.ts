/** Plans the image of a sandbox as layers of Dockerfile commands, from what rarely changes to what often does. Pure. */
import { KERNEL_PACKAGES, SERVER_PACKAGES } from '#sandbox/kernel-packages.ts';
import type { PinnedRepository } from '#sandbox/repositories.ts';
import type { ModalOptions } from './options.ts';

export const baseImageOf = (options: ModalOptions): string =>
  options.base_image ?? `python:${options.python_version}-slim-bookworm`;

/**
 * Every command is a list of words, which no shell looks at: nothing in an option can become a command of its own.
 */
export function planImage(
  options: ModalOptions,
  repositories: readonly PinnedRepository[],
): readonly (readonly string[])[] {
  const system = new Set(options.system_packages);
  if (repositories.length > 0) system.add('git').add('ca-certificates');
  const layers = [
    system.size === 0 ? [] : aptLayer([...system].toSorted()),
    [pip(SERVER_PACKAGES)],
    pipLayer(kernelPackages(options)),
    pipLayer(options.python_packages),
    ...repositories.map(repositoryLayer),
    options.setup_commands.map(run),
  ];
  return layers.filter((layer) => layer.length > 0);
}

/** What an image that was kept by a snapshot still lacks. */
export const planOnSnapshot = (options: ModalOptions): readonly (readonly string[])[] =>
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

const pipLayer = (requirements: readonly string[]): readonly string[] =>
  requirements.length === 0 ? [] : [pip(requirements)];

function repositoryLayer({
  url,
  commit,
  folder,
  install,
  installLimitS,
}: PinnedRepository): readonly string[] {
  const git = (...words: readonly string[]): string => run(['git', ...words]);
  const commands = [
    git('init', '--quiet', folder),
    git('-C', folder, 'fetch', '--quiet', '--depth', '1', '--', url, commit),
    git('-C', folder, 'checkout', '--quiet', '--detach', 'FETCH_HEAD'),
  ];
  if (install === undefined) return commands;
  // `env -C` runs it in the repository without a shell.
  return [...commands, run(['timeout', String(installLimitS), 'env', '-C', folder, ...install])];
}
