/** Chooses what a managed environment is made with: uv, a Python of this machine with venv and pip, or first the one and then the other. */
import path from 'node:path';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { Environment } from '#platform/environment.ts';
import { pathExists, readTextIfExists } from '#platform/files.ts';
import { findProgram } from '#platform/process.ts';
import { hasModule, probePython, type Python } from './probe-python.ts';

/** Commands as words, to be run one after another. */
export interface Builder {
  readonly tool: 'uv' | 'venv and pip';
  /** Major and minor version of the Python it makes. */
  readonly version: string;
  make(folder: string): readonly (readonly string[])[];
  install(folder: string, requirements: readonly string[]): readonly string[];
}

interface Search {
  /** As this process got it. */
  readonly environment: Environment;
  readonly pythonDir: string;
  /** `3.11`; undefined: any that works. */
  readonly pythonVersion?: string | undefined;
  readonly signal: AbortSignal;
}

const OLDEST: readonly [number, number] = [3, 9];
const NAMES = [
  'python3',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python3.14',
  'python3.9',
  'python',
];
/** Programs with a window pass on a short PATH, so the usual places are looked at too. */
const USUAL_FOLDERS = ['/usr/local/bin', '/opt/homebrew/bin', '/usr/bin', '/bin'];
/** What uv makes when the machine has no Python. */
const UV_VERSION = '3.12';

/** In the order in which they are to be tried; at least one. @throws `python/missing` when there is none. */
export async function findBuilders(search: Search): Promise<readonly Builder[]> {
  const { environment } = search;
  const uv = await findProgram('uv', environment['PATH']);
  const base = await findBasePython(search);
  const withUv = uv === undefined ? [] : [uvBuilder(uv, base, search.pythonVersion)];
  const withPip = base === undefined ? [] : [pipBuilder(base, search.pythonDir)];
  const builders = (await onlyPipKnowsTheIndex(environment))
    ? [...withPip, ...withUv]
    : [...withUv, ...withPip];
  if (builders.length > 0) return builders;
  const { pythonVersion } = search;
  if (pythonVersion !== undefined)
    throw new GloveboxError(
      'python/missing',
      `No Python ${pythonVersion} with the module venv was found on this machine.`,
      {
        hint: `Install Python ${pythonVersion}, or uv, which fetches it; or leave python_version out.`,
      },
    );
  throw new GloveboxError(
    'python/missing',
    'No Python 3.9 or later with the module venv was found on this machine.',
    {
      hint: 'Install Python 3 (on Debian and Ubuntu: apt install python3 python3-venv) or uv, or set GLOVEBOX_PYTHON.',
    },
  );
}

/** Neither PYTHONPATH nor the user's own site-packages count. */
const isolated = (program: string, ...args: string[]): string[] => [program, '-I', ...args];
const inside = (folder: string): string => path.join(folder, 'bin', 'python');

function uvBuilder(uv: string, base: Python | undefined, wanted = UV_VERSION): Builder {
  const version = base === undefined ? wanted : shortVersion(base);
  const python = base?.executable ?? wanted;
  return {
    tool: 'uv',
    version,
    make: (folder) => [[uv, 'venv', '--no-project', '--python', python, folder]],
    install: (folder, requirements) => [
      uv,
      'pip',
      'install',
      '--compile-bytecode',
      '--python',
      inside(folder),
      // People type %pip install.
      'pip',
      ...requirements,
    ],
  };
}

function pipBuilder(base: Python, pythonDir: string): Builder {
  return {
    tool: 'venv and pip',
    version: shortVersion(base),
    // Debian keeps ensurepip in a package of its own, which is often not installed.
    make: (folder) =>
      hasModule(base, 'ensurepip')
        ? [isolated(base.executable, '-m', 'venv', folder)]
        : [
            isolated(base.executable, '-m', 'venv', '--without-pip', folder),
            isolated(inside(folder), path.join(pythonDir, 'bootstrap_pip.py')),
          ],
    install: (folder, requirements) =>
      isolated(
        inside(folder),
        '-m',
        'pip',
        'install',
        '--progress-bar=off',
        '--no-warn-script-location',
        ...requirements,
      ),
  };
}

async function findBasePython({
  environment,
  pythonVersion,
  signal,
}: Search): Promise<Python | undefined> {
  for (const program of await candidates(environment['PATH'])) {
    try {
      const python = await probePython(program, environment, 'isolated', signal);
      const isWanted = pythonVersion === undefined || shortVersion(python) === pythonVersion;
      if (isWanted && isUsable(python)) return python;
    } catch (error) {
      if (!isGloveboxError(error, 'python/missing')) throw error;
    }
  }
  return undefined;
}

/** Every interpreter, not only the first: a version manager's stand-in without a version may hide one that works. */
async function candidates(searchPath: string | undefined): Promise<readonly string[]> {
  const folders = [...(searchPath ?? '').split(path.delimiter), ...USUAL_FOLDERS];
  const found = new Set<string>();
  for (const folder of folders.filter((entry) => path.isAbsolute(entry))) {
    for (const name of NAMES) {
      const program = await findProgram(name, folder);
      if (program !== undefined && !(await opensAnInstaller(program))) found.add(program);
    }
  }
  return [...found];
}

/** On a Mac without developer tools this program only opens a window that offers to install them. */
async function opensAnInstaller(program: string): Promise<boolean> {
  if (process.platform !== 'darwin' || !program.startsWith('/usr/bin/')) return false;
  return !(await pathExists('/Library/Developer/CommandLineTools'));
}

function isUsable(python: Python): boolean {
  const [major, minor] = python.version;
  const isNewEnough = major === OLDEST[0] && minor >= OLDEST[1];
  return isNewEnough && python.implementation === 'cpython' && hasModule(python, 'venv');
}

const shortVersion = ({ version }: Python): string => `${version[0]}.${version[1]}`;

/** uv does not read pip's configuration, so with it a machine that has its own index would be asked for the public one. */
async function onlyPipKnowsTheIndex(environment: Environment): Promise<boolean> {
  const names = Object.keys(environment);
  if (names.some((name) => /^UV_(DEFAULT_)?INDEX|^UV_FIND_LINKS|^UV_CONFIG_FILE/.test(name)))
    return false;
  if (names.some((name) => /^PIP_(EXTRA_)?INDEX_URL$|^PIP_FIND_LINKS$|^PIP_NO_INDEX$/.test(name)))
    return true;
  const home = environment['HOME'] ?? '/';
  const files = [
    environment['PIP_CONFIG_FILE'],
    '/etc/pip.conf',
    '/etc/xdg/pip/pip.conf',
    path.join(home, '.pip/pip.conf'),
    path.join(environment['XDG_CONFIG_HOME'] ?? path.join(home, '.config'), 'pip/pip.conf'),
    path.join(home, 'Library/Application Support/pip/pip.conf'),
  ];
  for (const file of files) {
    if (file === undefined || !path.isAbsolute(file)) continue;
    const text = (await readTextIfExists(file).catch(() => undefined)) ?? '';
    if (/^\s*((extra-)?index-url|find-links|no-index)\s*[=:]/m.test(text)) return true;
  }
  return false;
}
