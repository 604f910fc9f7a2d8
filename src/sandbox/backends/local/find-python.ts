/** Chooses the interpreter that kernels run on, and says what to do when it cannot. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { pathExists } from '#platform/files.ts';
import { findProgram } from '#platform/process.ts';
import { checkPythonVersion } from '#sandbox/own-machine.ts';
import { kernelMissing } from './kernel-missing.ts';
import { hasModule, probePython, versionText, type Python } from './probe-python.ts';
import type { LocalOptions, LocalSettings } from './settings.ts';

/** `managed`: Glovebox's own environment; it need not exist yet. */
export type KernelPython =
  | { readonly kind: 'managed' }
  | { readonly kind: 'found'; readonly python: Python; readonly source: string };

const MANAGED = 'managed';
const MANAGED_CHOICE: KernelPython = { kind: 'managed' };

/**
 * The option or `GLOVEBOX_PYTHON`, else the project's `.venv`, else the active virtual or conda environment, else managed.
 * Nothing is installed into an interpreter that belongs to somebody.
 *
 * @throws `python/missing` for a named interpreter that does not work, `python/kernel-missing` with the command that helps;
 *   `config/invalid` for one of another version than was asked for.
 */
export async function findKernelPython(
  options: LocalOptions,
  settings: LocalSettings,
  projectDir: string,
  signal: AbortSignal,
): Promise<KernelPython> {
  const found = await chooseKernelPython(options, settings, projectDir, signal);
  // A managed one is made of the version that was asked for.
  if (found.kind === 'found') {
    const version = versionText(found.python);
    checkPythonVersion(options.python_version, { version, where: found.source });
  }
  return found;
}

async function chooseKernelPython(
  options: LocalOptions,
  settings: LocalSettings,
  projectDir: string,
  signal: AbortSignal,
): Promise<KernelPython> {
  const { environment } = settings;
  const named = options.python ?? settings.python;
  if (named === MANAGED) return MANAGED_CHOICE;
  if (named !== undefined) {
    const program = await locate(named, projectDir, environment['PATH']);
    const source = options.python === undefined ? 'GLOVEBOX_PYTHON' : 'the option python';
    return withKernel(program, source, settings, projectDir, signal);
  }
  const inProject = await interpreterIn(path.join(projectDir, '.venv'));
  if (inProject !== undefined) {
    return withKernel(inProject, 'the .venv of the project', settings, projectDir, signal);
  }
  const active = await interpreterIn(environment['VIRTUAL_ENV']);
  if (active !== undefined) {
    return withKernel(active, 'the active virtual environment', settings, projectDir, signal);
  }
  const conda = await interpreterIn(environment['CONDA_PREFIX']);
  if (conda === undefined) return MANAGED_CHOICE;
  // Conda makes its base environment active everywhere, so it is no sign that anybody wants kernels there.
  if (environment['CONDA_DEFAULT_ENV'] === 'base') {
    const python = await probePython(conda, environment, 'open', signal);
    if (!hasModule(python, 'ipykernel')) return MANAGED_CHOICE;
  }
  return withKernel(conda, 'the active conda environment', settings, projectDir, signal);
}

async function withKernel(
  program: string,
  source: string,
  settings: LocalSettings,
  projectDir: string,
  signal: AbortSignal,
): Promise<KernelPython> {
  const python = await probePython(program, settings.environment, 'open', signal);
  if (hasModule(python, 'ipykernel') && !isTooOld(python.modules['ipykernel'])) {
    // As it was named: the path of a virtual environment, not of the program it links to.
    return {
      kind: 'found',
      source,
      python: { ...python, executable: chosenPath(program, python) },
    };
  }
  throw await kernelMissing(python, source, projectDir, settings.environment['PATH']);
}

// A stand-in of a version manager is slow and depends on the folder, so the program behind it is used.
function chosenPath(program: string, python: Python): string {
  return program.includes('/shims/') ? python.executable : program;
}

/** Before version 6 kernels answer nothing while they run code. */
function isTooOld(version: string | undefined): boolean {
  const major = Number(version?.split('.')[0]);
  return Number.isFinite(major) && version !== '' && major < 6;
}

async function locate(
  named: string,
  projectDir: string,
  searchPath: string | undefined,
): Promise<string> {
  const program = named.includes('/') ? path.resolve(projectDir, named) : named;
  const found = await findProgram(program, searchPath);
  if (found !== undefined) return found;
  const inFolder = await interpreterIn(program.includes('/') ? program : undefined);
  if (inFolder !== undefined) return inFolder;
  throw new GloveboxError('python/missing', `The Python interpreter ${named} was not found.`, {
    hint: 'Set GLOVEBOX_PYTHON to the path of a Python, of its environment, or to "managed".',
  });
}

async function interpreterIn(prefix: string | undefined): Promise<string | undefined> {
  if (prefix === undefined || !path.isAbsolute(prefix)) return undefined;
  const interpreter = path.join(prefix, 'bin', 'python');
  return (await pathExists(interpreter)) ? interpreter : undefined;
}
