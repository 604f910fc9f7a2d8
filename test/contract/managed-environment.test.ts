/** The managed Python environment is made whole or not at all, from the machine's own index, with whatever Python there is. */
import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GloveboxError } from '#core/errors.ts';
import { systemClock } from '#platform/clock.ts';
import { findProgram, runCommand } from '#platform/process.ts';
import {
  ensureManagedEnvironment,
  findEnvironmentWith,
} from '#sandbox/backends/local/managed-environment.ts';
import { startPackageIndex, type PackageIndex } from '../rigs/package-index.ts';
import { testPython } from '../rigs/python.ts';
import { isMissing } from '../rigs/require.ts';
import { environmentsIn, output } from './environment-checks.ts';
import { failureOf, never } from './contract-rig.ts';

const pythonDir = path.resolve(import.meta.dirname, '../../python');
let shared: string;
let index: PackageIndex;
/** A real Python on a PATH of its own. */
let pythonOnPath: string;
/** The same without ensurepip, as Debian has it without python3-venv. */
let withoutEnsurepip: string;

beforeAll(async () => {
  shared = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-env-')));
  index = await startPackageIndex(path.join(shared, 'index'));
  const env = { PATH: process.env['PATH'] ?? '' };
  const script =
    'import sys, os; print(os.path.realpath(sys.executable), os.path.dirname(os.__file__))';
  const { stdout } = await runCommand([testPython(), '-c', script], { env, timeoutMs: 20_000 });
  const [executable = '', library = ''] = stdout.trim().split(' ');
  pythonOnPath = path.join(shared, 'bin');
  await mkdir(pythonOnPath);
  await symlink(executable, path.join(pythonOnPath, 'python3'));
  withoutEnsurepip = path.join(shared, 'poor');
  const library2 = path.join(withoutEnsurepip, 'lib', path.basename(library));
  await mkdir(path.join(withoutEnsurepip, 'bin'), { recursive: true });
  await mkdir(library2, { recursive: true });
  await copyFile(executable, path.join(withoutEnsurepip, 'bin', 'python3'));
  for (const name of await readdir(library)) {
    if (name === 'ensurepip' || name === 'site-packages') continue;
    await symlink(path.join(library, name), path.join(library2, name));
  }
}, 120_000);
afterAll(async () => {
  await index.close();
  await rm(shared, { recursive: true, force: true });
});

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-envs-')));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));

interface Changes {
  readonly requirements?: readonly string[];
  readonly imports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
  readonly reports?: string[];
}

function make(changes: Changes = {}): Promise<string> {
  const { requirements = ['gbfirst>=1,<2'], imports = ['gbfirst'], reports = [] } = changes;
  return ensureManagedEnvironment({
    envsDir: path.join(folder, 'envs'),
    pythonDir,
    requirements,
    imports,
    environment: {
      PATH: pythonOnPath,
      HOME: folder,
      PIP_INDEX_URL: index.url,
      ...changes.environment,
    },
    offline: changes.offline ?? false,
    clock: systemClock,
    signal: changes.signal ?? never(),
    report: ({ message }) => reports.push(message),
  });
}

const left = (): Promise<readonly string[]> => environmentsIn(path.join(folder, 'envs'));

describe('making it', () => {
  test('L2: with venv and pip; found again at once, also by who needs less; its scripts work', async () => {
    const reports: string[] = [];
    const python = await make({ reports });
    expect(python).toMatch(/envs\/[0-9a-f]{12}-py3\.\d+\/bin\/python$/);
    expect(await output([python, '-c', 'import gbfirst, gbsecond; print(gbsecond.value)'])).toBe(
      '1',
    );
    expect(reports).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^making a Python 3\.\d+ environment with venv and pip$/),
        expect.stringMatching(/^collecting gbsecond, 2 packages so far$/),
        expect.stringMatching(/^installing 2 packages$/),
        'testing the Python environment',
      ]),
    );
    const environment = path.dirname(path.dirname(python));
    // Not moved after it was made: what people type as !pip still finds its interpreter.
    expect(await output([path.join(environment, 'bin/pip'), '--version'])).toContain(environment);
    const before = index.requests.length;
    expect(await make({ environment: { PATH: '/nowhere' } })).toBe(python);
    expect(index.requests.length).toBe(before);
    const envsDir = path.join(folder, 'envs');
    expect(await findEnvironmentWith(envsDir, [])).toBe(python);
    expect(await findEnvironmentWith(envsDir, ['gbother'])).toBeUndefined();
    // Neither one that was left unfinished, nor one whose base Python was removed, is used.
    await rename(python, `${python}.away`);
    await symlink('/no/such/python', python);
    expect(await findEnvironmentWith(envsDir, [])).toBeUndefined();
    await rename(`${python}.away`, python);
    await rm(path.join(environment, 'glovebox-environment.json'));
    expect(await findEnvironmentWith(envsDir, [])).toBeUndefined();
  });

  test('L2: where Python came without ensurepip, pip is fetched from the index of pip.conf, with its hash checked', async () => {
    const PATH = path.join(withoutEnsurepip, 'bin');
    const usual = await runCommand(
      [path.join(PATH, 'python3'), '-m', 'venv', path.join(folder, 'v')],
      {
        env: { PATH },
        timeoutMs: 60_000,
      },
    );
    expect(usual.code, 'the rig must really lack ensurepip').not.toBe(0);
    await mkdir(path.join(folder, '.config/pip'), { recursive: true });
    await writeFile(
      path.join(folder, '.config/pip/pip.conf'),
      `[global]\nindex-url = ${index.url}\n`,
    );
    const python = await make({ environment: { PATH, PIP_INDEX_URL: '' } });
    expect(await output([python, '-c', 'import gbfirst; print(gbfirst.value)'])).toBe('1');
    expect(index.requests).toContain('/simple/pip/');
  });

  test('X126: several at once make one, over what an earlier attempt left, with a broken Python first on the PATH and settings that would install elsewhere', async () => {
    const shims = path.join(folder, 'shims');
    await mkdir(shims);
    const broken = '#!/bin/sh\necho "pyenv: python3: command not found" >&2\nexit 127\n';
    await writeFile(path.join(shims, 'python3'), broken, { mode: 0o700 });
    const version = await output([
      path.join(pythonOnPath, 'python3'),
      '-c',
      'import sys; print("%d.%d" % sys.version_info[:2])',
    ]);
    const key = createHash('sha256').update('gbfirst').digest('hex').slice(0, 12);
    const unfinished = path.join(folder, 'envs', `${key}-py${version}`);
    await mkdir(unfinished, { recursive: true });
    await writeFile(path.join(unfinished, 'left-over'), '');
    const environment = {
      PATH: `${shims}:${pythonOnPath}`,
      PIP_TARGET: path.join(folder, 'elsewhere'),
      PIP_USER: '1',
      PIP_REQUIRE_VIRTUALENV: '1',
      PYTHONPATH: '/trap',
    };
    const before = index.requests.filter((url) => url === '/simple/gbfirst/').length;
    const changes = { environment, requirements: ['gbfirst'] };
    const made = await Promise.all([make(changes), make(changes), make(changes)]);
    expect(new Set(made)).toEqual(new Set([path.join(unfinished, 'bin/python')]));
    expect(index.requests.filter((url) => url === '/simple/gbfirst/').length).toBe(before + 1);
    expect(await left()).toHaveLength(1);
    expect(await readdir(unfinished)).not.toContain('left-over');
    expect(await readdir(folder)).not.toContain('elsewhere');
  });
});

describe('when it cannot be made', () => {
  const failsWith = async (changes: Changes): Promise<GloveboxError> => {
    const failure = await failureOf(make(changes));
    expect(await left()).toEqual([]);
    return failure;
  };

  test("a package that the index does not have: the end of pip's output and the next step, nothing left", async () => {
    const failure = await failsWith({ requirements: ['gbmissing'] });
    expect(failure).toMatchObject({
      code: 'python/setup-failed',
      message: expect.stringMatching(
        /"ENV\/bin\/python -I -m pip install .*" ended with exit code 1\.[^]*gbmissing/,
      ),
      hint: expect.stringContaining('PIP_INDEX_URL'),
    });
    expect(failure.message.split('\n').length).toBeLessThanOrEqual(42);
  });

  test('an index that does not answer, and whose credentials stay secret', async () => {
    const environment = {
      PIP_INDEX_URL: 'http://me:hush-hush@127.0.0.1:9/simple',
      PIP_RETRIES: '0',
    };
    for (const PATH of [pythonOnPath, path.join(withoutEnsurepip, 'bin')]) {
      const failure = await failsWith({ environment: { ...environment, PATH } });
      expect(failure).toMatchObject({
        code: 'python/setup-failed',
        message: expect.stringContaining('127.0.0.1'),
        hint: expect.stringContaining('PIP_INDEX_URL'),
      });
      expect(`${failure.message} ${failure.hint}`).not.toContain('hush');
    }
  });

  test('a pip that is not the one the index names is not run', async () => {
    const other = await startPackageIndex(path.join(folder, 'index'));
    other.spoil();
    try {
      const environment = { PATH: path.join(withoutEnsurepip, 'bin'), PIP_INDEX_URL: other.url };
      expect(await failsWith({ environment })).toMatchObject({
        message: expect.stringContaining('does not have the sha256'),
      });
    } finally {
      await other.close();
    }
  });

  test('modules that cannot be imported in the end', async () => {
    expect(await failsWith({ imports: ['gbfirst', 'not_there'] })).toMatchObject({
      message: expect.stringContaining('not_there'),
    });
  });

  test('offline nothing is tried', async () => {
    const before = index.requests.length;
    expect(await failsWith({ offline: true })).toMatchObject({
      code: 'python/setup-failed',
      hint: expect.stringContaining('GLOVEBOX_OFFLINE'),
    });
    expect(index.requests.length).toBe(before);
    await expect(readFile(path.join(folder, 'envs'))).rejects.toThrow('ENOENT');
  });

  test('given up in the middle', async () => {
    const abort = new AbortController();
    const reports: string[] = [];
    const making = ensureManagedEnvironment({
      envsDir: path.join(folder, 'envs'),
      pythonDir,
      requirements: ['gbfirst'],
      imports: [],
      environment: { PATH: pythonOnPath, HOME: folder, PIP_INDEX_URL: index.url },
      offline: false,
      clock: systemClock,
      signal: abort.signal,
      report: ({ message }) => {
        reports.push(message);
        if (message.startsWith('making')) abort.abort();
      },
    });
    expect((await failureOf(making)).code).toBe('cancelled');
    expect(await left()).toEqual([]);
  });

  test('uv is used where it is, and knows the index', async (context) => {
    const uv = await findProgram('uv', process.env['PATH']);
    if (uv === undefined) {
      isMissing('uv', false, 'pip install uv');
      return context.skip();
    }
    const environment = {
      PATH: `${path.dirname(uv)}:${pythonOnPath}`,
      UV_DEFAULT_INDEX: index.url,
    };
    const reports: string[] = [];
    const python = await make({ environment, reports });
    expect(reports.join('\n')).toContain('with uv');
    expect(await output([python, '-m', 'pip', '--version'])).toContain('pip');
    return undefined;
  });
});
