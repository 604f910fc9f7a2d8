/** Docker inside, with a stand-in for its programs that runs what it is asked to run as processes of this machine. */
import { execFile, type ExecFileException } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../../../../test/rigs/processes.ts';
import { testPython } from '../../../../test/rigs/python.ts';
import { startContainers } from './containers.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const STAND_INS = path.join(root, 'test/fixtures/stand-ins/docker');
const env = {
  PATH: [STAND_INS, path.dirname(testPython()), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
};

let machine: string;
beforeEach(() => {
  machine = realpathSync(mkdtempSync(path.join(tmpdir(), 'gb-docker-')));
  mkdirSync(path.join(machine, 'workspace/lib'), { recursive: true });
});
afterEach(() => rmSync(machine, { recursive: true, force: true, maxRetries: 5 }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(argv: readonly string[], more: object = {}, stdin = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const ended = (error: ExecFileException | null, stdout: string, stderr: string): void =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    const options = { cwd: machine, env: { ...env, ...more }, encoding: 'utf8' } as const;
    execFile(testPython(), argv.slice(1), options, ended).stdin?.end(stdin);
  });
}

const wanted = (limitS = 60) => ({
  docker: true,
  repos: [{ url: 'org/lib', dockerfile: 'Dockerfile', install_timeout_seconds: limitS }],
});

function start(options: Parameters<typeof startContainers>[0]): Promise<readonly string[]> {
  const reports: string[] = [];
  const layout = {
    workspace: 'workspace',
    state: 'state',
    models: 'models',
    cache: 'cache',
    ip: '127.0.0.1',
    port: 1,
  };
  return startContainers(options, {
    modalId: 'sb-1',
    layout,
    pythonDir: path.join(root, 'python'),
    sdk: {
      exec: (_id, argv, { stdin }) =>
        run(argv, { GLOVEBOX_TOKEN: 'of the server' }, Buffer.from(stdin ?? []).toString()),
    },
    signal: new AbortController().signal,
    report: ({ message }) => reports.push(message),
  }).then(() => reports);
}

const dockerfile = (...lines: readonly string[]): void =>
  writeFileSync(path.join(machine, 'workspace/lib/Dockerfile'), ['FROM x', ...lines].join('\n'));

/** What the kernel's module does, as a program. */
async function inContainer(code: string): Promise<unknown> {
  const source = `import json, sys\nsys.path.insert(0, 'state/lib')\nfrom glovebox_containers import *\nprint(json.dumps(${code}, default=vars))`;
  const ended = await run(['python3', '-c', source], {
    GLOVEBOX_CONTAINERS: path.join(machine, 'state/docker'),
  });
  if (ended.code !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout);
}

test('3.3: an image is built of the Dockerfile of a repository, and commands run in its container', async () => {
  writeFileSync(path.join(machine, 'workspace/lib/own.txt'), 'of the repository');
  dockerfile('COPY own.txt own.txt', 'RUN mkdir deep && echo built > deep/made.txt');
  expect(await start(wanted())).toEqual([
    'starting the Docker engine',
    'building the image of lib, and starting its container',
  ]);
  // Again, as after a snapshot.
  await start(wanted());
  const commands = [
    'container_exec("lib", ["cat", "own.txt", "deep/made.txt"])',
    'container_exec("lib", ["sh", "-c", "cat; echo $WORD >&2; pwd; exit 3"], stdin="in", cwd="deep", env={"WORD": "a b"})',
    'container_exec("lib", ["sh", "-c", "sleep 300 & echo $!; wait"], timeout=1)',
    'list_containers()',
  ];
  const ended = await inContainer(`[${commands.join(', ')}]`);
  expect(ended).toEqual([
    { stdout: 'of the repositorybuilt\n', stderr: '', exit_code: 0, timed_out: false },
    {
      stdout: expect.stringMatching(/^in\/.*\/deep\n$/),
      stderr: 'a b\n',
      exit_code: 3,
      timed_out: false,
    },
    { stdout: expect.stringMatching(/^\d+\n$/), stderr: '', exit_code: 137, timed_out: true },
    ['lib'],
  ]);
  const slow = /\{"stdout":"(\d+)\\n"/.exec(JSON.stringify(ended))?.[1] ?? expect.fail();
  await expect.poll(() => isAlive(Number(slow)), { timeout: 30_000 }).toBe(false);
  await expect(inContainer('container_exec("other", ["ls"])')).rejects.toThrow(
    "no container for 'other'; there are: lib",
  );
  await expect(inContainer('container_exec("lib", "ls")')).rejects.toThrow('list of words');
});

test('3.3: a build that fails, is too slow, or has no Dockerfile is an error with its output', async () => {
  await expect(start(wanted())).rejects.toThrow('the repository lib has no Dockerfile');
  dockerfile('RUN echo compiling && echo no such header >&2 && false');
  await expect(start(wanted())).rejects.toMatchObject({
    code: 'sandbox/image-failed',
    message: expect.stringMatching(
      /^glovebox: the image of lib failed: docker build ended with exit code 1\.\n[^]*no such header\n/,
    ),
  });
  dockerfile('RUN sleep 300');
  await expect(start(wanted(1))).rejects.toThrow(
    'the image of lib took more than 1 s and was ended',
  );
});

test('an engine that does not start says why; without docker nothing is asked for', async () => {
  expect(await start({ docker: false, repos: [] })).toEqual([]);
  mkdirSync(path.join(machine, 'state/docker'), { recursive: true });
  writeFileSync(path.join(machine, 'state/docker/broken'), '');
  await expect(start(wanted())).rejects.toThrow(
    /^glovebox: the Docker engine does not start here\.[^]*overlay is not supported here/,
  );
});
