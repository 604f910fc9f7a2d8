/** Which interpreter kernels get, and what is said when it cannot run them. */
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Environment } from '#platform/environment.ts';
import { findBuilders } from './environment-builder.ts';
import { findKernelPython } from './find-python.ts';
import type { LocalOptions, LocalSettings } from './settings.ts';

let folder: string;
let project: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'find-')));
  project = path.join(folder, 'a project');
  await mkdir(project);
});
afterEach(() => rm(folder, { recursive: true }));

/** A program that answers the question as a Python in `prefix` with these modules would. */
async function makePython(
  prefix: string,
  modules: Readonly<Record<string, string>>,
): Promise<string> {
  const program = path.join(prefix, 'bin', 'python');
  const answer = {
    executable: program,
    version: [3, 12, 1],
    implementation: 'cpython',
    prefix,
    isVirtual: true,
    modules,
  };
  await mkdir(path.dirname(program), { recursive: true });
  // A builtin of the shell, as some of these tests have nothing else on the PATH.
  await writeFile(program, `#!/bin/sh\nprintf '%s' '${JSON.stringify(answer)}'\n`);
  await chmod(program, 0o700);
  return program;
}

const FULL = { ipykernel: '7.0.0', pip: '25.0' };

async function find(
  environment: Environment = {},
  options: LocalOptions = {},
  python?: string,
): Promise<string> {
  const settings: LocalSettings = {
    dir: folder,
    pythonDir: folder,
    environment: { PATH: '/usr/bin:/bin', ...environment },
    python,
    packages: [],
    offline: true,
    bindIp: '127.0.0.1',
    idleMs: 0,
    passEnvironment: [],
    hubUrl: 'http://127.0.0.1:1',
  };
  const found = await findKernelPython(options, settings, project, new AbortController().signal);
  return found.kind === 'managed' ? 'managed' : found.python.executable;
}

async function failure(call: Promise<string>): Promise<GloveboxError> {
  const outcome: unknown = await call.catch((error: unknown) => error);
  return outcome instanceof GloveboxError
    ? outcome
    : expect.fail(`no error but ${String(outcome)}`);
}

describe('G7: a version that was asked for', () => {
  test('is that of the interpreter that was found, or nothing starts', async () => {
    const named = await makePython(path.join(folder, 'named'), FULL);
    expect(await find({}, { python: named, python_version: '3.12' })).toBe(named);
    await makePython(path.join(project, '.venv'), FULL);
    expect(await failure(find({}, { python_version: '3.11' }))).toMatchObject({
      code: 'config/invalid',
      message:
        'python_version is 3.11, and the Python of kernels is 3.12.1 (the .venv of the project).',
      hint: expect.stringContaining('python="managed" makes an environment of Python 3.11'),
    });
    expect(await find({}, { python: 'managed', python_version: '3.11' })).toBe('managed');
  });

  test('is what a managed environment is made of: by a Python of that version, or by uv, which fetches it', async () => {
    const python = await makePython(path.join(folder, 'named'), { ...FULL, venv: '' });
    const { signal } = new AbortController();
    const builders = (pythonVersion: string) =>
      findBuilders({
        environment: { PATH: path.dirname(python), HOME: folder },
        pythonDir: folder,
        pythonVersion,
        signal,
      });
    expect((await builders('3.12')).map(({ tool, version }) => [tool, version])).toEqual([
      ['venv and pip', '3.12'],
    ]);
    await expect(builders('3.9')).rejects.toThrow('No Python 3.9 with the module venv');
    const uv = path.join(path.dirname(python), 'uv');
    await writeFile(uv, '#!/bin/sh\n', { mode: 0o700 });
    const [builder] = await builders('3.9');
    expect([builder?.version, builder?.make('F')]).toEqual([
      '3.9',
      [[uv, 'venv', '--no-project', '--python', '3.9', 'F']],
    ]);
  });
});

describe('the order (L1)', () => {
  test('option, GLOVEBOX_PYTHON, .venv, active environment, conda, managed', async () => {
    const conda = await makePython(path.join(folder, 'conda'), FULL);
    const active = await makePython(path.join(folder, 'active'), FULL);
    const named = await makePython(path.join(folder, 'named'), FULL);
    const asked = await makePython(path.join(folder, 'asked'), FULL);
    const condaOnly = { CONDA_PREFIX: path.join(folder, 'conda') };
    const both = { ...condaOnly, VIRTUAL_ENV: path.join(folder, 'active') };
    expect(await find()).toBe('managed');
    expect(await find(condaOnly)).toBe(conda);
    expect(await find(both)).toBe(active);
    const venv = await makePython(path.join(project, '.venv'), FULL);
    expect(await find(both)).toBe(venv);
    expect(await find(both, {}, named)).toBe(named);
    expect(await find(both, { python: asked }, named)).toBe(asked);
    expect(await find(both, { python: 'managed' }, named)).toBe('managed');
  });

  test('a name is looked up on the PATH, a folder is an environment, a relative path is in the project', async () => {
    const program = await makePython(path.join(project, 'env'), FULL);
    expect(await find({ PATH: path.dirname(program) }, { python: 'python' })).toBe(program);
    expect(await find({}, { python: 'env/bin/python' })).toBe(program);
    expect(await find({}, { python: path.join(project, 'env') })).toBe(program);
  });

  test('a base environment of conda without a kernel is no choice of anybody', async () => {
    await makePython(path.join(folder, 'base'), { pip: '25.0' });
    const prefix = { CONDA_PREFIX: path.join(folder, 'base') };
    expect(await find({ ...prefix, CONDA_DEFAULT_ENV: 'base' })).toBe('managed');
    expect((await failure(find({ ...prefix, CONDA_DEFAULT_ENV: 'mine' }))).code).toBe(
      'python/kernel-missing',
    );
  });
});

describe('an interpreter that does not do', () => {
  test('one that is not there, or breaks, is an error that names it', async () => {
    expect(await failure(find({}, { python: '/no/such/python' }))).toMatchObject({
      code: 'python/missing',
      message: expect.stringContaining('/no/such/python'),
    });
    const broken = path.join(folder, 'broken');
    await writeFile(broken, '#!/bin/sh\necho "no module named encodings" >&2; exit 1\n', {
      mode: 0o700,
    });
    expect(await failure(find({}, {}, broken))).toMatchObject({
      code: 'python/missing',
      message: expect.stringMatching(/broken cannot be used: no module named encodings/),
      hint: expect.stringContaining('GLOVEBOX_PYTHON'),
    });
    const liar = path.join(folder, 'liar');
    await writeFile(liar, '#!/bin/sh\necho hello\n', { mode: 0o700 });
    expect((await failure(find({}, {}, liar))).message).toContain('not that of a Python 3');
  });

  const hintFor = async (
    prefix: string,
    modules: Readonly<Record<string, string>>,
    environment: Environment = {},
  ): Promise<string> => {
    const program = await makePython(prefix, modules);
    const error = await failure(find(environment, { python: program }));
    expect(error).toMatchObject({
      code: 'python/kernel-missing',
      message: expect.stringContaining(program),
    });
    expect(error.hint).toContain('GLOVEBOX_PYTHON=managed');
    return error.hint?.split('\n')[0] ?? '';
  };

  test('pip is named where it is, quoted for a shell', async () => {
    const prefix = path.join(folder, 'with blank');
    expect(await hintFor(prefix, { pip: '25.0' })).toBe(
      `Run: '${prefix}/bin/python' -m pip install 'ipykernel>=6.29,<8'`,
    );
  });

  test('one that is too old says which it has', async () => {
    const program = await makePython(path.join(folder, 'old'), { ipykernel: '5.5.6', pip: '25.0' });
    expect((await failure(find({}, { python: program }))).message).toContain(
      'ipykernel 5.5.6, which is too old',
    );
  });

  test('uv is named for what uv made, and for its projects', async () => {
    const prefix = path.join(folder, 'uvenv');
    await mkdir(prefix);
    await writeFile(path.join(prefix, 'pyvenv.cfg'), 'home = /usr/bin\nuv = 0.9.0\n');
    expect(await hintFor(prefix, {})).toBe(
      `Run: uv pip install --python ${prefix}/bin/python 'ipykernel>=6.29,<8'`,
    );
    await writeFile(path.join(project, 'uv.lock'), '');
    expect(await hintFor(path.join(project, '.venv'), { pip: '25.0' })).toBe(
      `Run: uv add --project '${project}' --dev 'ipykernel>=6.29,<8'`,
    );
  });

  test('conda is named for conda, and ensurepip where there is nothing', async () => {
    const prefix = path.join(folder, 'condaenv');
    await mkdir(path.join(prefix, 'conda-meta'), { recursive: true });
    expect(await hintFor(prefix, { pip: '25.0' })).toBe(
      `Run: conda install --prefix ${prefix} 'ipykernel>=6.29,<8'`,
    );
    const bare = path.join(folder, 'bare');
    const python = `${bare}/bin/python`;
    expect(await hintFor(bare, {}, { PATH: folder })).toBe(
      `Run: ${python} -m ensurepip && ${python} -m pip install 'ipykernel>=6.29,<8'`,
    );
  });
});
