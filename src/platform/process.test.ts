/** Real programs: results, limits, whole groups, detachment, and signals that never reach a stranger. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import {
  currentIdentity,
  identityOf,
  lifeOf,
  processRow,
  type ProcessIdentity,
} from './process-identity.ts';
import { findProgram, runCommand, spawnDetached, stopProcess } from './process.ts';

const env = { PATH: '/usr/bin:/bin' };
const quick = { env, timeoutMs: 20_000 };
const gentle = { graceMs: 10_000, clock: systemClock };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'process-'));
});
const started: ProcessIdentity[] = [];
afterEach(async () => {
  for (const identity of started.splice(0)) await stopProcess(identity, { ...gentle, graceMs: 0 });
  await rm(folder, { recursive: true });
});

async function detach(script: string): Promise<Awaited<ReturnType<typeof spawnDetached>>> {
  const logFile = path.join(folder, 'log');
  const detached = await spawnDetached(['bash', '-c', script], { cwd: folder, env, logFile });
  started.push(detached.identity);
  return detached;
}

/** The identity of the process whose number the script wrote into a file. */
async function announced(name: string): Promise<ProcessIdentity> {
  const read = (): Promise<string> => readFile(path.join(folder, name), 'utf8').catch(() => '');
  await expect.poll(read, { timeout: 10_000 }).toMatch(/^\d+\n$/);
  const identity = identityOf(Number(await read())) ?? expect.fail(`${name} is not running`);
  started.push(identity);
  return identity;
}

describe('runCommand', () => {
  test('gives code, both outputs and every line, and nothing of our environment', async () => {
    const lines: string[] = [];
    const script = 'echo one; echo two >&2; printf three; cat; env; exit 3';
    const result = await runCommand(['bash', '--norc', '-c', script], {
      ...quick,
      env: { PATH: env.PATH, ONLY: 'this' },
      input: '|fed|',
      onLine: (line) => lines.push(line),
    });
    expect(result).toMatchObject({ code: 3, signal: null, stderr: 'two\n' });
    expect(result.stdout).toMatch(/^one\nthree\|fed\|/);
    expect(result.stdout).toContain('ONLY=this\n');
    expect(result.stdout).not.toContain('HOME=');
    expect(lines).toEqual(expect.arrayContaining(['one', 'two']));
  });

  test('words are not touched by a shell', async () => {
    const { stdout } = await runCommand(['printf', '%s|', '$HOME', 'a b', '; exit 1', '"'], quick);
    expect(stdout).toBe('$HOME|a b|; exit 1|"|');
  });

  test('an end by a signal is a result', async () => {
    expect(await runCommand(['bash', '-c', 'kill -9 $$'], quick)).toMatchObject({
      code: null,
      signal: 'SIGKILL',
    });
  });

  test('a missing program and a missing folder are told apart', async () => {
    await expect(runCommand(['no-such-program-here'], quick)).rejects.toMatchObject({
      code: 'path/not-found',
      message: expect.stringContaining('no-such-program-here'),
    });
    await expect(
      runCommand(['true'], { ...quick, cwd: path.join(folder, 'none') }),
    ).rejects.toMatchObject({
      code: 'path/not-found',
      message: expect.stringContaining('The folder'),
    });
  });

  test('the limit ends the whole group, also members that ignore SIGTERM', async () => {
    const script = `trap '' TERM; (trap '' TERM; echo $BASHPID > '${folder}/member'; exec sleep 60) & wait; sleep 60`;
    const running = runCommand(['bash', '-c', script], { env, timeoutMs: 500 });
    const member = await announced('member');
    await expect(running).rejects.toMatchObject({ code: 'timeout' });
    await expect.poll(() => lifeOf(member)).toBe('gone');
  });

  test('a program that is not there is named, with the package that holds it', async () => {
    const elsewhere = { ...quick, env: { PATH: folder } };
    await expect(runCommand(['ssh', '-V'], elsewhere)).rejects.toMatchObject({
      message: 'The program ssh is not on this machine.',
      hint: expect.stringContaining('apt install openssh-client'),
    });
    await expect(runCommand(['/no/such/tool'], quick)).rejects.toMatchObject({
      hint: 'Install tool, or put its folder on the PATH.',
    });
  });

  test('an abort ends the group, and one before the start starts nothing', async () => {
    const controller = new AbortController();
    const script = `(echo $BASHPID > '${folder}/member'; exec sleep 60) & wait`;
    const running = runCommand(['bash', '-c', script], { ...quick, signal: controller.signal });
    const member = await announced('member');
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => lifeOf(member)).toBe('gone');
    const again = runCommand(['touch', `${folder}/made`], { ...quick, signal: controller.signal });
    await expect(again).rejects.toMatchObject({ code: 'cancelled' });
    await expect(stat(`${folder}/made`)).rejects.toThrow('ENOENT');
  });

  test('does not wait for what the program left behind with our pipes', async () => {
    const script = `sleep 60 & echo $! > '${folder}/left'; echo done`;
    const result = await runCommand(['bash', '-c', script], quick);
    expect(result).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(lifeOf(await announced('left'))).toBe('alive');
  });

  test('what still runs ends with this process, in an orderly exit', async () => {
    const module = path.join(import.meta.dirname, 'process.ts');
    const inner = `import { runCommand } from ${JSON.stringify(module)};
      void runCommand(['bash', '-c', 'echo $$ > ${folder}/child; exec sleep 60'], { env: ${JSON.stringify(env)}, timeoutMs: 60000 });
      process.stdin.once('data', () => process.exit(0));`;
    const tsx = path.resolve('node_modules/tsx/dist/loader.mjs');
    const parent = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', inner], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const child = await announced('child');
    parent.stdin.write('end\n');
    await once(parent, 'exit');
    await expect.poll(() => lifeOf(child)).toBe('gone');
  });
});

describe('spawnDetached', () => {
  test('own group, empty stdin, private log, and the end is told', async () => {
    const { identity, exited } = await detach('cat; echo out; echo err >&2; exit 4');
    expect(await exited).toEqual({ code: 4, signal: null });
    expect(identity).toMatchObject({ host: currentIdentity().host, uid: process.getuid?.() });
    expect(await readFile(path.join(folder, 'log'), 'utf8')).toBe('out\nerr\n');
    expect((await stat(path.join(folder, 'log'))).mode & 0o777).toBe(0o600);
    expect(lifeOf(identity)).toBe('gone');
  });

  test('a program that ends at once still has an identity, and that one is gone', async () => {
    const { identity, exited } = await detach('exit 0');
    await exited;
    expect(identity.startTime).toMatch(/^\d+$|:/);
    expect(lifeOf(identity)).toBe('gone');
  });

  test('survives a SIGKILL of the process that started it: it was detached on purpose', async () => {
    const module = path.join(import.meta.dirname, 'process.ts');
    const inner = `import { spawnDetached } from ${JSON.stringify(module)};
      await spawnDetached(['bash', '-c', 'echo $$ > ${folder}/child; exec sleep 60'],
        { cwd: '/', env: ${JSON.stringify(env)}, logFile: '${folder}/log' });
      setInterval(() => undefined, 1000);`;
    const tsx = path.resolve('node_modules/tsx/dist/loader.mjs');
    const parent = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', inner]);
    const child = await announced('child');
    process.kill(parent.pid ?? 0, 'SIGKILL');
    await once(parent, 'exit');
    expect(lifeOf(child)).toBe('alive');
    expect(processRow(child.pid)?.groupId).toBe(child.pid);
  });

  test('a missing program and a log that cannot be opened are errors', async () => {
    const logFile = path.join(folder, 'log');
    await expect(spawnDetached(['/no/such'], { cwd: folder, env, logFile })).rejects.toMatchObject({
      code: 'path/not-found',
    });
    const unwritable = path.join(folder, 'none', 'log');
    await expect(
      spawnDetached(['true'], { cwd: folder, env, logFile: unwritable }),
    ).rejects.toMatchObject({ code: 'storage/failed' });
  });
});

describe('stopProcess', () => {
  test('asks first: a program that ends itself on SIGTERM is not killed', async () => {
    const { identity, exited } = await detach(
      `trap 'exit 7' TERM; echo $$ > ready; while :; do sleep 0.05; done`,
    );
    await announced('ready');
    expect(await stopProcess(identity, gentle)).toBe('gone');
    expect(await exited).toEqual({ code: 7, signal: null });
  });

  test('kills the whole group when asking does not help', async () => {
    const script = `trap '' TERM; (trap '' TERM; echo $BASHPID > member; while :; do sleep 1; done) & while :; do sleep 1; done`;
    const { identity, exited } = await detach(script);
    const member = await announced('member');
    expect(await stopProcess(identity, { ...gentle, graceMs: 200 })).toBe('gone');
    expect(await exited).toMatchObject({ signal: 'SIGKILL' });
    await expect.poll(() => lifeOf(member)).toBe('gone');
  });

  test('a member of the group that outlives its leader is ended too', async () => {
    const { identity } = await detach(
      `(trap '' TERM; echo $BASHPID > member; while :; do sleep 1; done) & wait`,
    );
    const member = await announced('member');
    expect(await stopProcess(identity, gentle)).toBe('gone');
    await expect.poll(() => lifeOf(member)).toBe('gone');
  });

  test('a stopped process hears the polite signal', async () => {
    const { identity, exited } = await detach(
      `trap 'exit 7' TERM; echo $$ > ready; while :; do sleep 0.05; done`,
    );
    await announced('ready');
    process.kill(-identity.pid, 'SIGSTOP');
    expect(await stopProcess(identity, gentle)).toBe('gone');
    expect(await exited).toEqual({ code: 7, signal: null });
  });

  test('L6: a number that somebody else has now gets no signal', async () => {
    const { identity } = await detach('sleep 60');
    expect(await stopProcess({ ...identity, startTime: '1' }, gentle)).toBe('gone');
    expect(lifeOf(identity)).toBe('alive');
  });

  test('L6: a process of another host or user is not ours and gets no signal', async () => {
    const { identity } = await detach('sleep 60');
    expect(await stopProcess({ ...identity, host: 'elsewhere', bootId: 'x' }, gentle)).toBe(
      'not-ours',
    );
    expect(await stopProcess({ ...identity, uid: identity.uid + 1 }, gentle)).toBe('not-ours');
    expect(lifeOf(identity)).toBe('alive');
  });

  test('is done at once with one that ended, and can be given up', async () => {
    const { identity, exited } = await detach('exit 0');
    await exited;
    expect(await stopProcess(identity, gentle)).toBe('gone');
    const stubborn = await detach(`trap '' TERM; echo $$ > ready; while :; do sleep 0.05; done`);
    await announced('ready');
    const stopping = stopProcess(stubborn.identity, {
      ...gentle,
      signal: AbortSignal.timeout(100),
    });
    await expect(stopping).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('findProgram', () => {
  test('takes the first executable file of the PATH', async () => {
    await writeFile(path.join(folder, 'tool'), '#!/bin/sh\n');
    expect(await findProgram('tool', folder)).toBeUndefined();
    await chmod(path.join(folder, 'tool'), 0o700);
    expect(await findProgram('tool', `relative::${folder}:/bin`)).toBe(path.join(folder, 'tool'));
    expect(await findProgram('tool', undefined)).toBeUndefined();
    expect(await findProgram(path.join(folder, 'tool'), undefined)).toBe(path.join(folder, 'tool'));
  });
});
