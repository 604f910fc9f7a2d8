/** Identity of real processes: alive, ended, uncollected, recycled, from another boot or host. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { currentIdentity, identityOf, lifeOf, processRow } from './process-identity.ts';
import { argumentsOf, descendantsOf, listProcesses } from './process-list.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startSleeper(): Promise<{ child: ChildProcess; pid: number }> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  return { child, pid: child.pid ?? -1 };
}

describe('identityOf', () => {
  test('names this process completely', () => {
    const me = currentIdentity();
    expect(me).toEqual(identityOf(process.pid));
    expect(me.pid).toBe(process.pid);
    expect(me.uid).toBe(process.getuid?.());
    expect(me.host).not.toBe('');
    expect(me.bootId).not.toBe('');
    expect(me.startTime).not.toBe('');
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 40])('knows nobody under the number %s', (pid) => {
    expect(identityOf(pid)).toBeUndefined();
  });

  test('an ended process that its parent never collects is not there', async () => {
    // It ends when its parent has become a program that collects nobody.
    const ends = '(until [ "$(cat /proc/$$/comm)" = sleep ]; do sleep 0.05; done)';
    const child = spawn('bash', ['-c', `${ends} & echo $!; exec sleep 60`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await expect.poll(() => output, { timeout: 20_000 }).toMatch(/\n/);
    const pid = Number(output);
    await expect.poll(() => processRow(pid)?.state, { timeout: 20_000 }).toBe('zombie');
    expect(identityOf(pid)).toBeUndefined();
  });
});

describe('lifeOf', () => {
  test('tells a running, a stopped and an ended process', async () => {
    const { child, pid } = await startSleeper();
    const identity = identityOf(pid) ?? expect.fail('no identity');
    expect(lifeOf(identity)).toBe('alive');
    child.kill('SIGSTOP');
    await expect.poll(() => processRow(pid)?.state).toBe('stopped');
    expect(lifeOf(identity)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(lifeOf(identity)).toBe('gone');
  });

  test('a number that belongs to a later process counts as gone', () => {
    expect(lifeOf({ ...currentIdentity(), startTime: '1' })).toBe('gone');
  });

  test('nothing survives a boot, and nothing is known about another host', () => {
    expect(lifeOf({ ...currentIdentity(), bootId: 'an earlier boot' })).toBe('gone');
    expect(lifeOf({ ...currentIdentity(), host: 'elsewhere', bootId: 'its boot' })).toBe(
      'elsewhere',
    );
    expect(lifeOf({ ...currentIdentity(), bootId: '' })).toBe('elsewhere');
  });
});

describe('the process table', () => {
  test('finds a grandchild, with what it was started as', async () => {
    const child = spawn('bash', ['-c', 'sleep 61 & wait'], { stdio: 'ignore', detached: true });
    children.push(child);
    const find = (): string[][] =>
      descendantsOf(process.pid)
        .filter((row) => row.groupId === child.pid)
        .map((row) => [...argumentsOf(row.pid)]);
    await expect.poll(find).toContainEqual(['sleep', '61']);
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  });

  test('lists this process and the first one', () => {
    const pids = listProcesses().map((row) => row.pid);
    expect(pids).toContain(process.pid);
    expect(pids).toContain(1);
    expect(argumentsOf(2 ** 22)).toEqual([]);
  });
});
