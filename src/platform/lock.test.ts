import { EventEmitter, once } from 'node:events';
import { createHash } from 'node:crypto';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runProgram } from '../../test/rigs/program.ts';
import { systemClock, type Clock } from './clock.ts';
import { withFileLock } from './lock.ts';
import { currentIdentity } from './process-identity.ts';

let dir = '';
let file = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'gb-lock-'));
  file = path.join(dir, 'the.lock');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const clock = systemClock;
/** Time passes only while a waiter pauses, by as much as it wanted to pause. `onPause` is called each time. */
function steppingClock(onPause: () => void = () => undefined): Clock {
  let time = 0;
  const later: { due: number; callback: () => void }[] = [];
  return {
    now: () => Date.now(),
    monotonic: () => time,
    after(ms, callback) {
      const timer = { due: time + ms, callback };
      if (ms > 1_000) later.push(timer);
      else {
        setImmediate(() => {
          time = timer.due;
          onPause();
          for (const { due, callback: fire } of later) if (due <= time) fire();
          callback();
        });
      }
      return () => {
        if (later.includes(timer)) later.splice(later.indexOf(timer), 1);
      };
    },
  };
}
const fail = (): Promise<never> => Promise.reject(new Error('no'));
const heldBy = (owner: unknown): Promise<void> =>
  writeFile(file, JSON.stringify({ token: 't', owner }));
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('D5, X128: runs one at a time, in the order asked for, and leaves no file', async () => {
  const order: string[] = [];
  const work = (name: string) => async (): Promise<string> => {
    order.push(`${name} in`);
    await pause();
    order.push(`${name} out`);
    return name;
  };
  const done = ['a', 'b', 'c'].map((name) => withFileLock(file, work(name), { clock }));
  expect(await Promise.all(done)).toEqual(['a', 'b', 'c']);
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  expect(await readdir(dir)).toEqual([]);
});

it('is private, and makes its folder', async () => {
  const deep = path.join(dir, 'locks/x.lock');
  const mode = await withFileLock(deep, async () => (await stat(deep)).mode & 0o777, { clock });
  expect(mode).toBe(0o600);
  expect((await stat(path.join(dir, 'locks'))).mode & 0o777).toBe(0o700);
});

it('is free again after work that failed', async () => {
  await expect(withFileLock(file, fail, { clock })).rejects.toThrow('no');
  expect(await withFileLock(file, () => Promise.resolve('yes'), { clock })).toBe('yes');
});

it('takes over at once from an owner that is gone', async () => {
  const program = runProgram(
    `
    import { withFileLock } from '#platform/lock.ts';
    import { systemClock as clock } from '#platform/clock.ts';
    await withFileLock(process.env.FILE, () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000); }), { clock });
  `,
    { FILE: file },
  );
  await program.printed('held');
  await expect(
    withFileLock(file, () => Promise.resolve(), { clock, timeoutMs: 50 }),
  ).rejects.toMatchObject({
    code: 'lock/timeout',
    message: expect.stringContaining(String(program.process.pid)),
  });
  program.process.kill('SIGKILL');
  await program.ended;
  expect(await withFileLock(file, () => Promise.resolve('mine'), { clock, timeoutMs: 5_000 })).toBe(
    'mine',
  );
  expect(await readdir(dir)).toEqual([]);
});

it('takes over from a number that belongs to another process now', async () => {
  await heldBy({ ...currentIdentity(), startTime: '1' });
  expect(await withFileLock(file, () => Promise.resolve('mine'), { clock, timeoutMs: 5_000 })).toBe(
    'mine',
  );
});

it('waits for an owner on another host until its heartbeat stood still for 30 s', async () => {
  await heldBy({ ...currentIdentity(), host: 'elsewhere' });
  await expect(
    withFileLock(file, () => Promise.resolve(), { clock: steppingClock(), timeoutMs: 25_000 }),
  ).rejects.toMatchObject({ code: 'lock/timeout', retryable: true });
  expect(await withFileLock(file, () => Promise.resolve('mine'), { clock: steppingClock() })).toBe(
    'mine',
  );
});

it('does not take over while the heartbeat goes on, however old the file looks', async () => {
  await heldBy({ ...currentIdentity(), host: 'elsewhere' });
  let pauses = 0;
  const beating = steppingClock(() => {
    pauses += 1;
    if (pauses % 50 === 0) utimesSync(file, pauses, pauses);
  });
  await expect(
    withFileLock(file, () => Promise.resolve(), { clock: beating, timeoutMs: 90_000 }),
  ).rejects.toMatchObject({ code: 'lock/timeout' });
});

it('leaves the lock of a waiter that was faster, however stale the one was that it replaced', async () => {
  await heldBy({ ...currentIdentity(), host: 'elsewhere' });
  const inner = steppingClock();
  let isReplaced = false;
  const raced: Clock = {
    ...inner,
    // Asked between looking at the lock and taking it over.
    monotonic() {
      const time = inner.monotonic();
      if (time >= 30_000 && !isReplaced) {
        isReplaced = true;
        rmSync(file);
        writeFileSync(file, JSON.stringify({ token: 'faster', owner: currentIdentity() }));
      }
      return time;
    },
  };
  await expect(
    withFileLock(file, () => Promise.resolve(), { clock: raced, timeoutMs: 50_000 }),
  ).rejects.toMatchObject({ code: 'lock/timeout' });
  expect(await readFile(file, 'utf8')).toContain('faster');
});

it('takes over even when an earlier one died while it took over', async () => {
  const content = JSON.stringify({ token: 't', owner: { ...currentIdentity(), startTime: '1' } });
  await writeFile(file, content);
  const marker = `${file}.${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
  await writeFile(marker, '');
  await expect(
    withFileLock(file, () => Promise.resolve(), { clock, timeoutMs: 50 }),
  ).rejects.toMatchObject({ code: 'lock/timeout' });
  await utimes(marker, 1, 1);
  expect(await withFileLock(file, () => Promise.resolve('mine'), { clock })).toBe('mine');
  expect(await readdir(dir)).toEqual([]);
});

it('recovers from a lock that was never filled', async () => {
  await writeFile(file, '');
  expect(await withFileLock(file, () => Promise.resolve('mine'), { clock: steppingClock() })).toBe(
    'mine',
  );
});

it('beats while it is held', async () => {
  const hurried: Clock = {
    ...systemClock,
    after: (ms, callback, options) => systemClock.after(ms / 1000, callback, options),
  };
  const beaten = await withFileLock(
    file,
    async () => {
      await utimes(file, 1, 1);
      return vi.waitUntil(async () => (await stat(file)).mtimeMs > 1_000_000, { timeout: 5_000 });
    },
    { clock: hurried, timeoutMs: 10_000_000 },
  );
  expect(beaten).toBe(true);
});

it('does not remove the lock of whoever took it over', async () => {
  await withFileLock(file, () => heldBy('somebody else'), { clock });
  expect(await readFile(file, 'utf8')).toContain('somebody else');
});

it.each([true, false])(
  'does not remove a new lock in the place of its own, however soon (quick: %s)',
  async (isQuick) => {
    const take = async (): Promise<void> => {
      rmSync(file);
      await heldBy('somebody else');
    };
    await withFileLock(file, take, { clock, isQuick });
    expect(await readFile(file, 'utf8')).toContain('somebody else');
    rmSync(file);
    await withFileLock(file, () => Promise.resolve(), { clock, isQuick });
    expect(await readdir(dir)).toEqual([]);
  },
);

it('stops waiting when the caller cancels, without disturbing the line', async () => {
  const events = new EventEmitter();
  const entered = once(events, 'entered');
  const work = async (): Promise<void> => {
    const leave = once(events, 'leave');
    events.emit('entered');
    await leave;
  };
  const first = withFileLock(file, work, { clock });
  const giveUp = new AbortController();
  const second = withFileLock(file, () => Promise.resolve(), { clock, signal: giveUp.signal });
  const third = withFileLock(file, () => Promise.resolve('third'), { clock });
  giveUp.abort();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  await entered;
  events.emit('leave');
  await first;
  expect(await third).toBe('third');
});

it('is handed on by processes that die with it in hand', async () => {
  const count = path.join(dir, 'count');
  await writeFile(count, '0');
  await heldBy({ ...currentIdentity(), startTime: '1' });
  const code = `
    import { readFile, writeFile } from 'node:fs/promises';
    import { withFileLock } from '#platform/lock.ts';
    import { systemClock as clock } from '#platform/clock.ts';
    for (let n = 0; n < 20; n++) await withFileLock(process.env.FILE, async () => {
      const before = Number(await readFile(process.env.COUNT, 'utf8'));
      await writeFile(process.env.COUNT, String(before + 1));
      // Dies with the lock in hand: the others must come to terms with that as well.
      if (n === 19) process.kill(process.pid, 'SIGKILL');
    }, { clock });`;
  const programs = Array.from({ length: 4 }, () => runProgram(code, { FILE: file, COUNT: count }));
  const ends = await Promise.all(programs.map((program) => program.ended));
  expect(ends.map((end) => end.signal + end.output)).toEqual(
    Array.from({ length: 4 }, () => 'SIGKILL'),
  );
  expect(await readFile(count, 'utf8')).toBe('80');
}, 30_000);
