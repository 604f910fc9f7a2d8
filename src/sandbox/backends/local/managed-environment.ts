/** Makes the Python environment that Glovebox owns: once, under a lock, whole or not at all. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { Clock } from '#platform/clock.ts';
import { childEnvironment, type Environment } from '#platform/environment.ts';
import {
  ensurePrivateFolder,
  pathExists,
  readTextIfExists,
  writeFileAtomic,
} from '#platform/files.ts';
import { withFileLock } from '#platform/lock.ts';
import { runCommand } from '#platform/process.ts';
import type { Progress } from '#sandbox/backend.ts';
import { findBuilders, type Builder } from './environment-builder.ts';
import { watchInstallation } from './install-progress.ts';

/** People open the notebook in JupyterLab; kernels of the managed environment run beside it. */
export const SERVER_REQUIREMENTS: readonly string[] = ['jupyterlab>=4.2,<5', 'ipykernel>=6.29,<8'];
const SERVER_IMPORTS: readonly string[] = [
  'jupyterlab.labapp',
  'jupyter_server.serverapp',
  'ipykernel',
];

export interface EnvironmentRequest {
  /** Folder of all managed environments. */
  readonly envsDir: string;
  /** Folder with `bootstrap_pip.py`. */
  readonly pythonDir: string;
  readonly requirements: readonly string[];
  /** `3.11`. Default: whichever there is. */
  readonly pythonVersion?: string | undefined;
  /** Modules that must be importable before the environment counts. Default: those of the server. */
  readonly imports?: readonly string[];
  readonly environment: Environment;
  readonly offline: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

/** Written last; a folder without it is a failed attempt, which nobody may use. */
const MARKER = 'glovebox-environment.json';
const INSTALL_LIMIT_MS = 30 * 60_000;
const IMPORT_LIMIT_MS = 3 * 60_000;
const TAIL_LINES = 40;

/**
 * The interpreter of an environment with these requirements, made when there is none: `uv` where it is and knows the machine's
 * package index, else `venv` and pip. Several processes make one; the others wait and see that.
 *
 * @throws `python/setup-failed` with the end of the installer's output, `python/missing` without any base Python, `cancelled`.
 *   Nothing half-made is left.
 */
export async function ensureManagedEnvironment(request: EnvironmentRequest): Promise<string> {
  const { envsDir, offline, clock, signal, report } = request;
  const key = keyOf(request.requirements, request.pythonVersion);
  const ready = await findReady(envsDir, key);
  if (ready !== undefined) return ready;
  if (offline) {
    throw new GloveboxError(
      'python/setup-failed',
      'The managed Python environment is not there yet, and GLOVEBOX_OFFLINE forbids to make it.',
      {
        hint: 'Run once without GLOVEBOX_OFFLINE, or set GLOVEBOX_PYTHON to a Python that has jupyterlab and ipykernel.',
      },
    );
  }
  await ensurePrivateFolder(envsDir);
  const tellWaiting = clock.after(500, () =>
    report({ message: 'another process is making the Python environment' }),
  );
  try {
    const make = async (): Promise<string> => {
      tellWaiting();
      return (await findReady(envsDir, key)) ?? (await build(request, key));
    };
    return await withFileLock(path.join(envsDir, `.${key}.lock`), make, {
      clock,
      timeoutMs: INSTALL_LIMIT_MS,
      signal,
    });
  } finally {
    tellWaiting();
  }
}

/** An environment that is ready and has at least these requirements. */
export async function findEnvironmentWith(
  envsDir: string,
  requirements: readonly string[],
): Promise<string | undefined> {
  const exact = await findReady(envsDir, keyOf(requirements));
  if (exact !== undefined) return exact;
  for (const name of await names(envsDir)) {
    const has = await readMarker(path.join(envsDir, name));
    if (has !== undefined && requirements.every((wanted) => has.includes(wanted))) {
      return interpreterOf(path.join(envsDir, name));
    }
  }
  return undefined;
}

function keyOf(requirements: readonly string[], version?: string): string {
  const python = version === undefined ? [] : [`python ${version}`];
  const text = [...new Set([...requirements, ...python])].toSorted().join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

async function findReady(envsDir: string, key: string): Promise<string | undefined> {
  for (const name of await names(envsDir)) {
    if (!name.startsWith(`${key}-`)) continue;
    const folder = path.join(envsDir, name);
    if ((await readMarker(folder)) !== undefined) return interpreterOf(folder);
  }
  return undefined;
}

async function names(envsDir: string): Promise<readonly string[]> {
  const found: string[] = await readdir(envsDir).catch(() => []);
  return found.toSorted().toReversed();
}

/** The requirements of a finished environment whose base Python is still there. */
async function readMarker(folder: string): Promise<readonly string[] | undefined> {
  const text = await readTextIfExists(path.join(folder, MARKER));
  if (text === undefined || !(await pathExists(interpreterOf(folder)))) return undefined;
  try {
    const marker: unknown = JSON.parse(text);
    const list = isRecord(marker) ? marker['requirements'] : undefined;
    return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : undefined;
  } catch {
    return undefined;
  }
}

const interpreterOf = (folder: string): string => path.join(folder, 'bin', 'python');

async function build(request: EnvironmentRequest, key: string): Promise<string> {
  const { environment, pythonDir, signal, report } = request;
  report({ message: 'looking for a Python to make the environment from' });
  const { pythonVersion } = request;
  const builders = await findBuilders({ environment, pythonDir, pythonVersion, signal });
  const failures: string[] = [];
  for (const builder of builders) {
    try {
      return await buildWith(builder, request, key);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      failures.push(error.message);
    }
  }
  throw setupFailed(failures, builders);
}

async function buildWith(
  builder: Builder,
  request: EnvironmentRequest,
  key: string,
): Promise<string> {
  const { envsDir, environment, requirements, clock, signal, report } = request;
  const env = installerEnvironment(environment);
  const folder = path.join(envsDir, `${key}-py${builder.version}`);
  try {
    report({ message: `making a Python ${builder.version} environment with ${builder.tool}` });
    await rm(folder, { recursive: true, force: true });
    for (const step of builder.make(folder)) await run(step, env, folder, signal, INSTALL_LIMIT_MS);
    const progress = watchInstallation({ folder, report, clock });
    try {
      const install = builder.install(folder, requirements);
      await run(install, env, folder, signal, INSTALL_LIMIT_MS, progress.onLine);
    } finally {
      progress.stop();
    }
    report({ message: 'testing the Python environment' });
    const imports = (request.imports ?? SERVER_IMPORTS).join(', ');
    const test = [interpreterOf(folder), '-I', '-c', imports === '' ? 'pass' : `import ${imports}`];
    await run(test, env, folder, signal, IMPORT_LIMIT_MS);
    const marker = { requirements, tool: builder.tool, madeMs: clock.now() };
    await writeFileAtomic(path.join(folder, MARKER), `${JSON.stringify(marker)}\n`);
    return interpreterOf(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

class StepFailure extends Error {}

async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  folder: string,
  signal: AbortSignal,
  timeoutMs: number,
  onLine?: (line: string) => void,
): Promise<void> {
  const lines: string[] = [];
  const collect = (line: string): void => {
    lines.push(line);
    if (lines.length > TAIL_LINES) lines.shift();
    onLine?.(line);
  };
  const what = argv.map((word) => word.replace(folder, 'ENV')).join(' ');
  const options = { env, timeoutMs, signal, onLine: collect };
  const result = await runCommand(argv, options).catch((error: unknown) => {
    if (!isGloveboxError(error) || error.code === 'cancelled') throw error;
    throw new StepFailure([error.message, ...lines].join('\n'), { cause: error });
  });
  if (result.code === 0) return;
  const end = result.signal === null ? `exit code ${result.code}` : `signal ${result.signal}`;
  throw new StepFailure(
    [`"${what}" ended with ${end}. The end of its output:`, ...lines].join('\n'),
  );
}

function setupFailed(failures: readonly string[], builders: readonly Builder[]): GloveboxError {
  const text = failures.join('\n\n');
  const tools = builders.map((builder) => builder.tool).join(' nor ');
  const otherwise =
    'set GLOVEBOX_PYTHON to a Python that has jupyterlab and ipykernel, together with GLOVEBOX_OFFLINE=1';
  const isNetwork =
    /connection|resolve|timed? ?out|certificate|ssl|no matching distribution|could not find a version|not found in the package registry|no index|network|404/i;
  return new GloveboxError(
    'python/setup-failed',
    `The managed Python environment could not be made: ${text}`,
    {
      hint: isNetwork.test(text)
        ? `The package index could not be reached or lacks a package: check PIP_INDEX_URL, pip.conf, proxy and PIP_CERT. Or ${otherwise}.`
        : `The next call tries again. If neither ${tools} can work here, ${otherwise}.`,
    },
  );
}

/** Index, certificate and proxy settings pass, with their credentials; what would send packages to another place does not. */
export function installerEnvironment(environment: Environment): Record<string, string> {
  const elsewhere = new Set([
    'PIP_USER',
    'PIP_TARGET',
    'PIP_PREFIX',
    'PIP_ROOT',
    'PIP_PYTHON',
    'PIP_REQUIRE_VIRTUALENV',
    'PIP_LOG',
    'UV_PYTHON',
    'UV_SYSTEM_PYTHON',
    'UV_PROJECT_ENVIRONMENT',
  ]);
  const env = childEnvironment(environment, {
    pass: ['PIP_*', 'UV_*', 'PYENV_*', 'ASDF_*', 'MISE_*'],
    extra: { PYTHONNOUSERSITE: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' },
  });
  return Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.has(name)));
}
