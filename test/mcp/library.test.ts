/** The library over a real local Jupyter, in this process: what programs and set-up scripts call. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '#core/version.ts';
import { Sandbox } from '#library/sandbox.ts';
import { Library } from '#workspace/library.ts';
import type { Session } from '#library/session.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { provideWorld } from '../rigs/library-engine.ts';

let world: World;
let sandbox: Sandbox;
let session: Session;
const created: string[] = [];

const newProgram = (): void => provideWorld(world, (id) => void created.push(id));

const living = async (): Promise<readonly string[]> =>
  (await Sandbox.list()).map(({ id }) => id).toSorted();

beforeAll(async () => {
  world = createWorld();
  writeFileSync(
    path.join(world.projectDir, 'glovebox.toml'),
    '[sandbox.quiet]\nbackend = "local"\nidle_h = 2\nkernel_transport = "tcp"\n',
  );
  newProgram();
  const made = await Sandbox.createAll({ backend: 'local', name: 'lab' }, { count: 1 });
  sandbox = made[0] ?? expect.fail('there is none');
  session = await sandbox.startNotebook({ name: 'probe' });
}, 240_000);
afterAll(() => world.end());

describe('a workspace', () => {
  it('W1, W4, acceptance 18: a notebook with a library of source and hidden code, and functions that are exposed', async () => {
    const library = Library.fromCode('numbers_of_mine', 'PRIMES = [2, 3, 5]\n', 'Some primes.');
    const begun = await sandbox.startNotebook({
      name: 'workspace',
      libraries: [library],
      imports: ['numbers_of_mine'],
      initCode: 'total = sum(numbers_of_mine.PRIMES)',
    });
    expect((await begun.exec('total')).text).toContain('10');
    const file = path.join(world.projectDir, 'facts.py');
    writeFileSync(file, '@expose\ndef layers() -> int:\n    "How deep it is."\n    return 12\n');
    const served = await sandbox.serve(file, { expose: 'library' });
    expect(served).toMatchObject({ name: 'facts', functions: [{ name: 'layers' }] });
    expect(served.description).toContain('facts.layers: How deep it is.');
    const answer = await begun.exec('import facts\nfacts.layers()');
    expect(answer.text).toContain('12');
    await sandbox.stopServing('facts');
    await begun.shutdown();
  });
});

describe('a sandbox', () => {
  it('L11, acceptance 16: exec gives back both streams and the exit code, of words and of a line for the shell', async () => {
    const words = [
      'sh',
      '-c',
      'printf "%s|" "$@"; echo err >&2; exit 3',
      'sh',
      'a b',
      '$HOME',
      "it's",
    ];
    const seen: string[] = [];
    const result = await sandbox.exec(words, { onStdout: (text) => void seen.push(text) });
    expect(result).toEqual({
      stdout: "a b|$HOME|it's|",
      stderr: 'err\n',
      exitCode: 3,
      signal: null,
      timedOut: false,
    });
    expect(seen.join('')).toBe(result.stdout);
    const line = await sandbox.exec('cat | tr a-z A-Z', { stdin: 'loud\n' });
    expect(line).toMatchObject({ stdout: 'LOUD\n', exitCode: 0 });
    await expect(sandbox.exec(['false'], { check: true })).rejects.toMatchObject({
      code: 'shell/failed',
      exitCode: 1,
      stdout: '',
    });
    const late = await sandbox.exec(['sleep', '60'], { timeoutSeconds: 0.3 });
    expect(late).toMatchObject({ timedOut: true });
  });

  it('L11: what a command prints comes back whole and as it was, however much it is', async () => {
    const result = await sandbox.execPython(
      'import sys\nsys.stdout.write("0123456789abcdef\\r\\n" * 40_000)\nprint("end", sys.argv[1:])',
      { args: ['--x', 'a b'] },
    );
    expect(result.stdout.length).toBe(18 * 40_000 + "end ['--x', 'a b']\n".length);
    expect(result.stdout.endsWith("abcdef\r\nend ['--x', 'a b']\n")).toBe(true);
  });

  it('L11, acceptance 16: execPython runs a megabyte of source, with the interpreter of the kernels', async () => {
    const source = `text = """${'x'.repeat(1_000_000)}"""\nimport sys\nprint(len(text), sys.prefix)\n`;
    const { stdout, exitCode } = await sandbox.execPython(source);
    const inKernel = await session.exec('import sys; print(sys.prefix)', { hidden: true });
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`1000000 ${inKernel.text.trim()}\n`);
  });

  it('reads and writes files of any bytes and size', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7919) % 251));
    await sandbox.writeFile('data/deep/blob.bin', bytes);
    expect((await sandbox.readFile('data/deep/blob.bin')).equals(bytes)).toBe(true);
    await sandbox.writeFile('data/deep/blob.bin', 'grüße');
    expect(await sandbox.readFile('data/deep/blob.bin', { encoding: 'utf8' })).toBe('grüße');
    await sandbox.writeFile('data/empty', '');
    expect(await sandbox.readFile('data/empty', { encoding: 'utf8' })).toBe('');
    await sandbox.ensureDir('data/deep');
    await expect(sandbox.readFile('data')).rejects.toMatchObject({ code: 'file/unsupported' });
    await expect(sandbox.readFile('data/nothing')).rejects.toMatchObject({
      code: 'path/not-found',
      hint: expect.stringContaining('empty'),
    });
    expect((await sandbox.exec('ls -A data data/deep')).stdout).not.toContain('.glovebox-part');
  });

  it('copies folders in and out, and what is executable stays so', async () => {
    const from = path.join(world.projectDir, '..', 'from');
    mkdirSync(path.join(from, 'empty/inner'), { recursive: true });
    mkdirSync(path.join(from, 'many'));
    for (let at = 0; at < 300; at += 1)
      writeFileSync(path.join(from, 'many', `${at}.txt`), `${at}`);
    writeFileSync(path.join(from, 'run.sh'), '#!/bin/sh\necho ran', { mode: 0o755 });
    await sandbox.upload(from, 'copied');
    expect((await sandbox.exec(['copied/run.sh'])).stdout).toBe('ran\n');
    const back = path.join(world.projectDir, '..', 'back');
    await sandbox.download('copied', back);
    expect(readFileSync(path.join(back, 'many/299.txt'), 'utf8')).toBe('299');
    expect(statSync(path.join(back, 'run.sh')).mode & 0o100).not.toBe(0);
    expect(statSync(path.join(back, 'empty/inner')).isDirectory()).toBe(true);
    await sandbox.download('copied/run.sh', path.join(back, 'one/here.sh'));
    expect(readFileSync(path.join(back, 'one/here.sh'), 'utf8')).toContain('echo ran');
    await expect(sandbox.upload(path.join(from, 'nothing'), 'x')).rejects.toMatchObject({
      code: 'path/not-found',
    });
  });

  it('tells how it stands, in the names that it was made with, and without credentials', async () => {
    const info = await sandbox.info();
    expect(info).toMatchObject({
      id: sandbox.id,
      name: 'lab',
      backend: 'local',
      state: 'ready',
      sessions: [{ id: session.id, notebookPath: session.notebookPath }],
    });
    // L3: so does the notebook, for whoever reads it later.
    const { metadata } = JSON.parse(readFileSync(session.notebookPath, 'utf8'));
    expect(metadata.glovebox.sandbox).toMatchObject({
      id: sandbox.id,
      name: 'lab',
      backend: 'local',
      glovebox: VERSION,
      config: {},
    });
    expect(info.jupyterUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect((await sandbox.logs({ lines: 5 })).length).toBeGreaterThan(0);
    expect(await sandbox.keepAlive()).toEqual({});
    await expect(sandbox.snapshot({ description: 'x' })).rejects.toMatchObject({
      code: 'backend/unavailable',
    });
  });

  it('has its name for itself as long as it lives', async () => {
    await expect(Sandbox.create({ backend: 'local', name: 'lab' })).rejects.toMatchObject({
      code: 'sandbox/name-taken',
    });
    // P7: of several, all or none.
    const several = ['one', 'lab'].map((name) => ({ backend: 'local', name }) as const);
    await expect(Sandbox.createAll(several)).rejects.toMatchObject({ code: 'sandbox/name-taken' });
    await expect(Sandbox.createAll([...several, ...several])).rejects.toMatchObject({
      code: 'config/invalid',
    });
    await expect(Sandbox.createAll({ backend: 'local' }, { count: 0 })).rejects.toMatchObject({
      code: 'config/invalid',
    });
    // By choice, what became of each: here each name is that of one that lives, or too long.
    const each = await Sandbox.createEach([
      { backend: 'local', name: 'lab' },
      { backend: 'local', name: 'x'.repeat(64) },
    ]);
    expect(each).toMatchObject([
      { status: 'rejected', reason: { code: 'sandbox/name-taken' } },
      { status: 'rejected', reason: { code: 'config/invalid' } },
    ]);
    expect(await living()).toEqual([sandbox.id]);
    expect((await Sandbox.fromName('lab')).id).toBe(sandbox.id);
    await expect(Sandbox.fromName('nobody')).rejects.toMatchObject({ code: 'sandbox/unknown' });
  });

  it('L1, G3, F13: is not made of a config with mistakes, all of which are named', async () => {
    const wrong = {
      backend: 'local',
      idleH: -1,
      kernelTransport: 'smoke',
      cpuLimit: 2,
      nothing: 1,
    };
    const failure = await Sandbox.create(JSON.parse(JSON.stringify(wrong))).catch(String);
    expect(failure).toContain('idleH: ');
    expect(failure).toContain('kernelTransport: ');
    expect(failure).toContain('cpuLimit: the local back end cannot do this; slurm, modal can');
    expect(failure).toContain('nothing: is not an option.');
    expect(await living()).toEqual([sandbox.id]);
  });

  it('L2, F13: takes a profile, below what is said beside it, and ends with its block', async () => {
    let id = '';
    {
      await using other = await Sandbox.create({ profile: 'quiet', idleH: 3 });
      ({ id } = other);
      expect((await other.info()).config).toEqual({ idleH: 3, kernelTransport: 'tcp' });
      expect(other.name).toMatch(/^gbx-\w{6}$/);
      expect(created.at(-1)).toBe(id);
    }
    expect(await living()).toEqual([sandbox.id]);
    await expect(Sandbox.fromId(id)).rejects.toMatchObject({
      code: 'sandbox/ended',
      message: expect.stringMatching(/ended at .*: It was stopped on request/),
    });
  });

  it('of a call that was cancelled nothing stays', async () => {
    const stop = new AbortController();
    const creating = Sandbox.create(
      { backend: 'local' },
      { signal: stop.signal, onProgress: () => stop.abort() },
    );
    await expect(creating).rejects.toMatchObject({ code: 'cancelled' });
    expect(await living()).toEqual([sandbox.id]);
  });
});

describe('a session', () => {
  it('runs code in cells, and hidden code in none', async () => {
    const first = await session.exec('x = 6\nprint("six")\nx * 7');
    expect(first).toMatchObject({ state: 'ok', executionCount: 1 });
    expect(first.text).toContain('six\n');
    expect(first.text).toContain('42');
    expect(first.outputs.map(({ output_type }) => output_type)).toEqual([
      'stream',
      'execute_result',
    ]);
    const hidden = await session.exec('y = x + 1; print(y)', { hidden: true });
    expect(hidden).toMatchObject({ state: 'ok', text: '7\n', executionCount: null });
    expect(hidden).not.toHaveProperty('cellId');
    const failed = await session.exec('1 / 0');
    expect(failed).toMatchObject({ state: 'error', error: { name: 'ZeroDivisionError' } });
    await expect(session.exec('1 / 0', { check: true })).rejects.toMatchObject({
      code: 'code/failed',
      message: expect.stringContaining('ZeroDivisionError'),
    });
    const notebook = readFileSync(session.notebookPath, 'utf8');
    expect(notebook).toContain('x * 7');
    expect(notebook).not.toContain('y = x + 1');
  });

  it('runs a file, and F16: fails at once in code that asks', async () => {
    const file = path.join(world.projectDir, 'part.py');
    writeFileSync(file, 'print("from a file")\n');
    expect((await session.execFile(file)).text).toBe('from a file\n');
    const asking = await session.exec('input("name? ")');
    expect(asking.error?.name).toBe('StdinNotImplementedError');
  });

  it('is interrupted by a cancelled call, by a limit and by name; variables are kept', async () => {
    const stop = new AbortController();
    const endless = 'import time\nwhile True: time.sleep(0.05)';
    const running = session.exec(endless, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect((await session.exec(endless, { timeoutSeconds: 0.3 })).state).toBe('interrupted');
    const again = session.exec(endless, { onProgress: () => void session.interrupt() });
    expect((await again).state).toBe('interrupted');
    expect((await session.exec('x')).text).toContain('6');
  });

  it('L12, acceptance 17: is found by another program, which knows nothing but an id', async () => {
    newProgram();
    const found = await Sandbox.fromId(sandbox.id);
    expect((await found.info()).sessions).toEqual([
      { id: session.id, notebookPath: session.notebookPath },
    ]);
    const [again] = await found.sessions();
    expect(again).toMatchObject({
      id: session.id,
      notebookPath: session.notebookPath,
      jupyterUrl: session.jupyterUrl,
      models: [],
    });
    expect((await again?.exec('x'))?.text).toContain('6');
  });

  it('starts afresh, and ends with its block, while the sandbox lives', async () => {
    await session.restart();
    expect((await session.exec('x')).error?.name).toBe('NameError');
    let id = '';
    {
      await using other = await sandbox.startNotebook({ name: 'brief' });
      ({ id } = other);
    }
    expect((await sandbox.info()).sessions.map((one) => one.id)).not.toContain(id);
  });

  it('L14: is saved when its sandbox is terminated, which may be said twice', async () => {
    await session.exec('print("last words")');
    expect(await sandbox.terminate()).toEqual({ notebooks: [session.notebookPath], notes: [] });
    expect(readFileSync(session.notebookPath, 'utf8')).toContain('last words');
    expect(await sandbox.terminate()).toEqual({ notebooks: [], notes: [] });
    expect(await living()).toEqual([]);
    await expect(session.exec('1')).rejects.toMatchObject({ code: 'session/ended' });
  });
});
