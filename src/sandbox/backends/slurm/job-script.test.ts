/** The script of a job is constant, whole, and valid for bash; what it carries arrives byte by byte (S6). */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadJobScript, renderJobScript } from './job-script.ts';

const pythonDir = path.resolve(import.meta.dirname, '../../../../python');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gb-script-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (script: string, args: readonly string[]) =>
  spawnSync('bash', ['-s', '--', ...args], {
    input: script,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: folder, SLURM_JOB_ID: '7' },
  });
/** As the back end gives them, with the parts a test is about. */
const args = (more: {
  jobDir?: string;
  python?: string;
  setup?: readonly string[];
  modules?: readonly string[];
}) => [
  'n0nce',
  folder,
  more.jobDir ?? '/no/such/folder',
  '/',
  more.python ?? 'no-such-python',
  '5',
  'fetch',
  '',
  '0-0',
  '',
  '',
  '1',
  '0',
  '{}',
  String(more.modules?.length ?? 0),
  ...(more.modules ?? []),
  ...(more.setup ?? []),
];

test('the real one is valid, the same every time, and named after its text', async () => {
  const script = await loadJobScript(pythonDir);
  expect(await loadJobScript(pythonDir)).toEqual(script);
  expect(script.fileName).toMatch(/^job-[0-9a-f]{16}\.sh$/);
  expect(spawnSync('bash', ['-n'], { input: script.text }).status).toBe(0);
  for (const name of ['serve.py', 'offline_buffer.py', 'handlers.py', 'launch_kernel.py'])
    expect(script.text).toContain(readFileSync(path.join(pythonDir, name), 'utf8'));
  expect(script.text).not.toContain('# GLOVEBOX FILES');
});

test('files arrive as they are, whatever a shell would make of them', () => {
  const text = `$HOME \`id\` \\ "quoted" 'single' $& $1\n# GLOVEBOX FILES\n`;
  const { text: script } = renderJobScript(`private=${folder}\n# GLOVEBOX FILES\nexit 0\n`, [
    ['a file', text],
  ]);
  expect(run(script, []).status).toBe(0);
  expect(readFileSync(path.join(folder, 'a file'), 'utf8')).toBe(text);
});

test('a missing Python is one line with the reason and exit code 78, and nothing is left', async () => {
  const { text } = await loadJobScript(pythonDir);
  const { status, stdout } = run(text, args({}));
  expect(stdout).toMatch(/^GLOVEBOX-FAIL There is no Python no-such-python on \S+\.$/m);
  expect(status).toBe(78);
  expect(readdirSync(folder)).toEqual([]);
});

test('a value with blanks, quotes and dollars is a value', async () => {
  const { text } = await loadJobScript(pythonDir);
  const python = `/x y/$(touch ${folder}/injected)/'"python`;
  const { stdout } = run(text, args({ python }));
  expect(stdout).toContain(`There is no Python ${python} on`);
  expect(readdirSync(folder)).toEqual([]);
});

test('set-up lines run in order, see none of our arguments, and a failing one is named', async () => {
  const { text } = await loadJobScript(pythonDir);
  const setup = ['echo "first $#"', 'false && true', 'echo never'];
  const { status, stdout } = run(text, args({ setup }));
  expect(stdout).toContain('first 0');
  expect(stdout).toContain('GLOVEBOX-FAIL This set-up line failed with code 1: false && true');
  expect(stdout).not.toContain('never');
  expect(status).toBe(78);
});

test('modules without a module command are a clear error (X126)', async () => {
  const { text } = await loadJobScript(pythonDir);
  const { status, stdout } = run(text, args({ modules: ['cuda/12.1', 'python'] }));
  expect(stdout).toMatch(/GLOVEBOX-FAIL Modules were asked for \(cuda\/12\.1 python\)/);
  expect(status).toBe(78);
});

test('S17: without a shared folder a failure waits until its log was read, but not for somebody who ends it', async () => {
  const { text } = await loadJobScript(pythonDir);
  const env = { PATH: '/usr/bin:/bin', HOME: folder, SLURM_JOB_ID: '7' };
  const inFolder = (name: string): string => path.join(folder, 'gb-7-0-n0nce', name);
  for (const how of ['read', 'ended'] as const) {
    const script = spawn('bash', ['-s', '--', ...args({ jobDir: '' })], { env });
    script.stdin.end(text);
    const ended = once(script, 'exit');
    await expect.poll(() => existsSync(inFolder('failed')), { timeout: 10_000 }).toBe(true);
    expect(readFileSync(inFolder('exit'), 'utf8')).toMatch(/^78 /);
    if (how === 'read') writeFileSync(inFolder('read'), '');
    else script.kill('SIGTERM');
    expect(await ended).toEqual([78, null]);
    expect(readdirSync(folder)).toEqual([]);
  }
});

test('a folder that somebody prepared is not used', async () => {
  const { text } = await loadJobScript(pythonDir);
  spawnSync('mkdir', [path.join(folder, 'gb-7-0-n0nce')]);
  const { status, stdout } = run(text, args({}));
  expect(stdout).toMatch(/^GLOVEBOX-FAIL The folder .* cannot be made/m);
  expect(status).toBe(78);
});
