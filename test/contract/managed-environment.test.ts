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
import { createLocalHost } from '#platform/local-host.ts';
import { findProgram, runCommand } from '#platform/process.ts';
import {
  ensureManagedEnvironment,
  findEnvironmentWith,
} from '#sandbox/backends/local/managed-environment.ts';
import { equip, placeEquipmentProgram, type Equipped } from '#sandbox/equipment.ts';
import { pinRepositories } from '#sandbox/repositories.ts';
import { startPrivateGit } from '../rigs/private-git.ts';
import { startPackageIndex, type PackageIndex } from '../rigs/package-index.ts';
import { testPython } from '../rigs/python.ts';
import { INSTALL, makeSampleRepository, SAMPLE_URL } from '../rigs/sample-repository.ts';
import { isMissing } from '../rigs/require.ts';
import { failureOf, never } from './contract-rig.ts';
import { filesBelow } from './local-start.ts';

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

async function output(argv: readonly string[]): Promise<string> {
  const result = await runCommand(argv, { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 60_000 });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return result.stdout.trim();
}

const left = async (): Promise<readonly string[]> => {
  const names: string[] = await readdir(path.join(folder, 'envs')).catch(() => []);
  return names.filter((name) => !name.startsWith('.'));
};

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

describe("G7: beside a Python of somebody's own", () => {
  interface Asked {
    readonly packages?: readonly string[];
    readonly commit?: string;
    readonly install?: readonly string[];
    readonly installLimitS?: number;
    readonly env?: Readonly<Record<string, string>>;
    readonly isOffline?: boolean;
    readonly url?: string;
    readonly tokens?: Readonly<Record<string, string>>;
    readonly variables?: Readonly<Record<string, string>>;
    /** By name. */
    readonly files?: Readonly<Record<string, string>>;
  }

  async function equipped(asked: Asked = {}): Promise<Equipped> {
    const { packages = [], commit, install, installLimitS = 60 } = asked;
    const { url = SAMPLE_URL, tokens = {}, variables = {}, files = {} } = asked;
    const at = { url, folder: './lib/sample', install, installLimitS };
    const place = {
      host: createLocalHost({ env: { PATH: process.env['PATH'], HOME: folder, ...asked.env } }),
      environments: path.join(folder, 'envs'),
      pythonDir,
      signal: never(),
    };
    const repositories = commit === undefined ? [] : [{ ...at, commit }];
    const entries = Object.entries(files).map(([name, text]) => ({
      name,
      content: Buffer.from(text),
      isExecutable: name.endsWith('.sh'),
    }));
    return equip(
      { packages, repositories, files: entries },
      {
        ...place,
        tokens,
        variables,
        ...(await placeEquipmentProgram(place)),
        python: testPython(),
        workspace: folder,
        isOffline: asked.isOffline ?? false,
        report: () => undefined,
      },
    );
  }

  test('packages and what a repository installs are in an environment of their own, made once; the Python below is as it was', async () => {
    const sample = makeSampleRepository(shared);
    const wanted = { packages: ['gbfirst'], commit: sample.commit, install: INSTALL };
    const env = { ...sample.env, PIP_INDEX_URL: index.url };
    const { python, variables } = await equipped({ ...wanted, env });
    expect(variables).toEqual({ REPO_SAMPLE_PATH: path.join(folder, 'lib/sample') });
    // Packages of the Python below are seen, and were not installed again.
    const look = 'import gbsecond, gbrepo, numpy; print(gbrepo.value, numpy.__file__)';
    const seen = await output([testPython(), '-c', 'import numpy; print(1, numpy.__file__)']);
    expect(await output([python, '-c', look])).toBe(seen);
    expect(
      await output([
        testPython(),
        '-c',
        'import importlib.util as u; print(u.find_spec("gbfirst"))',
      ]),
    ).toBe('None');
    const before = index.requests.length;
    expect(await equipped({ ...wanted, isOffline: true })).toMatchObject({ python });
    expect(index.requests.length).toBe(before);
    expect(await left()).toEqual([path.basename(path.dirname(path.dirname(python)))]);
  });

  test('what fails is told with the end of its output and leaves no environment; an installation has its time', async () => {
    const sample = makeSampleRepository(path.join(shared, 'failing'));
    const env = { ...sample.env, PIP_INDEX_URL: index.url };
    const unknown = await failureOf(equipped({ packages: ['gbnothing'], env }));
    expect(unknown).toMatchObject({ code: 'python/setup-failed' });
    expect(unknown.message).toMatch(
      /^the installation of python_packages failed: .* exit code 1\.\n/,
    );
    expect(unknown.message).toContain('No matching distribution found for gbnothing');
    const slow = { commit: sample.commit, install: ['sh', '-c', 'echo begun; sleep 60'] };
    const late = await failureOf(equipped({ ...slow, installLimitS: 1, env }));
    expect(late.message).toMatch(/^install of .* took more than 1 s and was ended\.\n.*begun/s);
    const absent = await failureOf(equipped({ packages: ['gbfirst'], isOffline: true }));
    expect(absent.message).toContain('GLOVEBOX_OFFLINE');
    expect(await left()).toEqual([]);
  });

  test('a clone follows the commit that is asked for until somebody works in it; what is no clone is not touched', async () => {
    const sample = makeSampleRepository(path.join(shared, 'moving'));
    const { env, commit } = sample;
    const clone = path.join(folder, 'lib/sample');
    const value = (): Promise<string> => readFile(path.join(clone, 'gbrepo.py'), 'utf8');
    await equipped({ commit, env });
    const next = sample.commitMore();
    await equipped({ commit: next, env });
    expect(await value()).toBe('value = 2\n');
    await writeFile(path.join(clone, 'gbrepo.py'), 'value = 3\n');
    // As after a restart of the sandbox.
    await equipped({ commit: next, env, isOffline: true });
    expect((await failureOf(equipped({ commit, env }))).message).toContain(
      'with work that Glovebox did not put there',
    );
    expect(await value()).toBe('value = 3\n');
    await rm(path.join(clone, '.git'), { recursive: true });
    expect((await failureOf(equipped({ commit, env }))).message).toContain(
      `${clone} is there already and is no clone of`,
    );
  });

  test('3.3: a repository that is not public is fetched with the token of its server, which stands in no argument and no file; what installs sees its secrets', async () => {
    const token = 'token-of-this-server';
    const sample = makeSampleRepository(path.join(shared, 'private'));
    const server = await startPrivateGit(path.join(shared, 'private'), token);
    try {
      const url = `${server.origin}/sample.git/.git`;
      const [pinned] = await pinRepositories([{ url }], {
        workspace: '.',
        tokens: { [server.origin]: token },
        signal: never(),
      });
      const { commit } = sample;
      expect(pinned?.commit).toBe(commit);
      // Somebody else's token is not even sent.
      const elsewhere = { 'https://github.com': 'another-token' };
      const closed = await failureOf(
        pinRepositories([{ url }], { workspace: '.', tokens: elsewhere, signal: never() }),
      );
      expect(closed).toMatchObject({ code: 'remote/not-found' });
      expect(closed.message).toMatch(/ answers with 401\.$/);
      expect((await failureOf(equipped({ url, commit, tokens: elsewhere }))).message).toMatch(
        /^the repository .* failed: git ended with exit code 128\.\n/,
      );
      const install = ['sh', '-c', 'test "$INDEX_KEY" = k && ! env | grep -q token-of'];
      const tokens = { [server.origin]: token };
      const variables = { INDEX_KEY: 'k' };
      // Behind settings that somebody has made in the environment.
      await equipped({ url, commit, tokens, install, variables, env: sample.env });
      expect(await readFile(path.join(folder, 'lib/sample/gbrepo.py'), 'utf8')).toBe('value = 1\n');
      const sent = new Set(server.asked.filter((header) => header !== undefined));
      expect([...sent]).toEqual([expect.stringMatching(/^Basic /)]);
      for (const file of await filesBelow(folder)) {
        const text = await readFile(file, 'latin1');
        for (const secret of [token, ...sent]) expect(text, file).not.toContain(secret);
      }
      // A Job is told the same through two variables, one of which is a secret of it.
      const header = [...sent].map((value) => `Authorization: ${value}`)[0] ?? '';
      const told = { url, commit, folder: './job', variable: 'REPO_JOB_PATH', install: null };
      const env = {
        PATH: process.env['PATH'] ?? '',
        GLOVEBOX_INSTALL: '[]',
        GLOVEBOX_EQUIPMENT: JSON.stringify({
          workspace: '.',
          environments: null,
          packages: [],
          repositories: [told],
        }),
        GLOVEBOX_GIT: JSON.stringify({ [url]: header }),
      };
      const argv = [testPython(), '-I', path.join(pythonDir, 'job_entry.py')];
      const { stdout, stderr } = await runCommand(argv, { env, cwd: folder, timeoutMs: 60_000 });
      // It ends where the machine's own server would begin.
      expect(stderr).toContain("KeyError: 'GLOVEBOX_SPEC'");
      expect(stdout).not.toContain(header);
      expect(await readFile(path.join(folder, 'job/gbrepo.py'), 'utf8')).toBe('value = 1\n');
    } finally {
      await server.close();
    }
  });

  test('files are put into the workspace, all or none; what somebody else has there, or has changed since, is not touched', async () => {
    const at = (name: string): string => path.join(folder, name);
    const text = (name: string): Promise<string> => readFile(at(name), 'utf8');
    await writeFile(at('same.txt'), 'same');
    const first = { 'run/a.txt': 'a1', 'run/go.sh': 'exit 0', 'same.txt': 'same' };
    await equipped({ files: first });
    expect(await Promise.all(Object.keys(first).map(text))).toEqual(Object.values(first));
    expect(await output([at('run/go.sh')])).toBe('');
    // The project has changed since, the copies have not.
    await equipped({ files: { ...first, 'run/a.txt': 'a2' } });
    expect(await text('run/a.txt')).toBe('a2');
    await writeFile(at('run/a.txt'), 'mine');
    await writeFile(at('same.txt'), 'mine too');
    const failure = await failureOf(equipped({ files: { ...first, 'run/new.txt': 'n' } }));
    expect(failure.message).toContain(
      `${at('run/a.txt')}, ${at('same.txt')}: there already, with content that Glovebox did not put there.`,
    );
    expect(await text('run/a.txt')).toBe('mine');
    expect(await readdir(at('run'))).not.toContain('new.txt');
    await symlink(shared, at('out'));
    for (const name of ['out/x', '../x'])
      expect((await failureOf(equipped({ files: { [name]: 'x' } }))).message).toContain(
        `${name} of files lies outside the workspace`,
      );
  });
});
