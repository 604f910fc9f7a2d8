/** G7: what a sandbox is given on a machine that is somebody's own: packages and repositories beside a Python, and files. */
import { mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLocalHost } from '#platform/local-host.ts';
import { runCommand } from '#platform/process.ts';
import { equip, placeEquipmentProgram, planEquipment, type Equipped } from '#sandbox/equipment.ts';
import { KERNEL_PACKAGES } from '#sandbox/kernel-packages.ts';
import { pinRepositories } from '#sandbox/repositories.ts';
import { startPackageIndex, type PackageIndex } from '../rigs/package-index.ts';
import { startPrivateGit } from '../rigs/private-git.ts';
import { testPython } from '../rigs/python.ts';
import { INSTALL, makeSampleRepository, SAMPLE_URL } from '../rigs/sample-repository.ts';
import { environmentsIn, output } from './environment-checks.ts';
import { failureOf, never } from './contract-rig.ts';
import { filesBelow } from './local-start.ts';

const pythonDir = path.resolve(import.meta.dirname, '../../python');
let shared: string;
let index: PackageIndex;
beforeAll(async () => {
  shared = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-equip-')));
  index = await startPackageIndex(path.join(shared, 'index'));
});
afterAll(async () => {
  await index.close();
  await rm(shared, { recursive: true, force: true });
});

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-envs-')));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));

const left = (): Promise<readonly string[]> => environmentsIn(path.join(folder, 'envs'));

interface Asked {
  readonly packages?: readonly string[];
  readonly commit?: string;
  readonly install?: readonly string[];
  readonly installLimitS?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly isOffline?: boolean;
  readonly setupCommands?: readonly (readonly string[])[];
  readonly url?: string;
  readonly tokens?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  /** By name. */
  readonly files?: Readonly<Record<string, string>>;
}

async function equipped(asked: Asked = {}): Promise<Equipped> {
  const { packages = [], commit, install, installLimitS = 60 } = asked;
  const { url = SAMPLE_URL, tokens = {}, variables = {}, files = {}, setupCommands = [] } = asked;
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
    { packages, repositories, files: entries, setupCommands },
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
    await output([testPython(), '-c', 'import importlib.util as u; print(u.find_spec("gbfirst"))']),
  ).toBe('None');
  const before = index.requests.length;
  expect(await equipped({ ...wanted, isOffline: true })).toMatchObject({ python });
  expect(index.requests.length).toBe(before);
  expect(await left()).toEqual([path.basename(path.dirname(path.dirname(python)))]);
});

test('G7: a set of packages is asked for as on a rented machine', async () => {
  const place = { projectDir: folder, workspace: folder, folder, tokens: {}, signal: never() };
  const planned = await planEquipment({ kernel_packages: 'api', python_packages: ['a>=1'] }, place);
  expect(planned?.packages).toEqual([...KERNEL_PACKAGES.api, 'a>=1']);
  expect(await planEquipment({ kernel_packages: 'auto' }, place)).toBeUndefined();
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
    const setupCommands = [['sh', '-c', 'echo "$INDEX_KEY" >>set-up; test -n "$VIRTUAL_ENV"']];
    const whole = { url, commit, tokens, install, variables, setupCommands, env: sample.env };
    await equipped(whole);
    // Once, as what installs.
    await equipped(whole);
    expect(await readFile(path.join(folder, 'set-up'), 'utf8')).toBe('k\n');
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

test('L10: a node takes the variables of its job out of the folder, unless a later start of the job needs them', async () => {
  const look = [
    'import sys, json, pathlib',
    'sys.path.insert(0, sys.argv[1])',
    'import slurm_node',
    'print(json.dumps(slurm_node.take_variables(pathlib.Path(sys.argv[2]))))',
  ].join('\n');
  const take = () => {
    const argv = [testPython(), '-B', '-c', look, pythonDir, folder];
    return runCommand(argv, { env: { PATH: '/usr/bin:/bin' }, timeoutMs: 60_000 });
  };
  const file = path.join(folder, 'variables.json');
  const told = { env: { A: 'a' }, kernel: { B: 'b' }, installing: {} };
  expect(JSON.parse((await take()).stdout)).toEqual({ env: {}, kernel: {}, installing: {} });
  await writeFile(file, JSON.stringify({ ...told, keep: true }), { mode: 0o600 });
  expect(JSON.parse((await take()).stdout)).toEqual(told);
  expect(JSON.parse((await take()).stdout)).toEqual(told);
  await writeFile(file, JSON.stringify({ ...told, keep: false }));
  expect(JSON.parse((await take()).stdout)).toEqual(told);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ taken: true });
  const again = await take();
  expect(again).toMatchObject({ code: 78 });
  expect(again.stdout).toContain(
    'GLOVEBOX-FAIL An earlier start of this job has taken its variables',
  );
});
