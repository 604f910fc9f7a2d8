/** Deaths of kernels and jumps of the clock, with a session in this process: the words about them are right. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock, type Clock } from '#platform/clock.ts';
import type { Run } from '#session/run.ts';
import type { Session } from '#session/session.ts';
import { startJupyterServer, type RunningJupyterServer } from '../rigs/jupyter-server.ts';
import { cageMemory } from '../rigs/memory-cage.ts';
import { openRawSession } from '../rigs/raw-session.ts';
import { killKernel } from './lane.ts';

let jupyter: RunningJupyterServer;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-kernel-cases-'));
  jupyter = await startJupyterServer();
}, 60_000);
afterAll(async () => {
  await jupyter.stop();
  rmSync(dir, { recursive: true, force: true });
});

const newSession = (clock?: Clock): Promise<Session> =>
  openRawSession(jupyter.endpoint, dir, clock);

const printed = (run: Run): string =>
  run
    .view()
    .outputs.map((output) => (output.output_type === 'stream' ? output.text : ''))
    .join('');

async function ended(run: Run): Promise<Run> {
  await run.whenFinal();
  return run;
}

const pidOf = async (session: Session): Promise<number> =>
  Number(printed(await ended(session.scratch('import os; print(os.getpid())'))));

describe('a kernel that is killed', () => {
  it('for its memory: the text has the last reading', async () => {
    const session = await newSession();
    const pid = await pidOf(session);
    const run = session.scratch('import time\nprint("begun", flush=True)\ntime.sleep(600)');
    await expect.poll(() => printed(run), { timeout: 20_000 }).toContain('begun');
    await session.link?.readMemory();
    killKernel(pid);
    await ended(run);
    expect(run.view()).toMatchObject({ state: 'lost', loss: 'kernel_restarted' });
    expect(run.view().explanation).toMatch(/its last memory reading was [\d.]+ [KMG]iB/);
    await session.disconnect();
  });

  it('because the machine has no memory left for it: the run is lost, and the next one works', async () => {
    const session = await newSession();
    const pid = await pidOf(session);
    const go = path.join(dir, 'go');
    const run = session.scratch(
      [
        'import os, time',
        `while not os.path.exists(${JSON.stringify(go)}): time.sleep(0.01)`,
        'taken = [b"x" * 1_000_000 for _ in range(500)]',
      ].join('\n'),
    );
    const cage = cageMemory(pid, 50_000_000);
    onTestFinished(() => cage.release());
    writeFileSync(go, '');
    await ended(run);
    expect(run.view()).toMatchObject({ state: 'lost', loss: 'kernel_restarted' });
    const next = await ended(session.scratch('print("taken" in globals())'));
    expect(printed(next)).toBe('False\n');
    await session.disconnect();
  });

  it('and restarted by another client soon after: the second loss is noticed too', async () => {
    const session = await newSession();
    killKernel(await pidOf(session));
    await expect.poll(() => session.record.generation, { timeout: 20_000 }).toBe(2);
    const run = session.scratch('import time\nprint("begun", flush=True)\ntime.sleep(600)');
    await expect.poll(() => printed(run), { timeout: 20_000 }).toContain('begun');
    await session.server.restartKernel(session.record.kernelId);
    await session.link?.channel.pingControl(10_000);
    await ended(run);
    expect(['lost', 'error']).toContain(run.state);
    const next = await ended(session.scratch('print("run" in globals())'));
    expect(printed(next)).toBe('False\n');
    expect(session.record.generation).toBe(3);
    await session.disconnect();
  });
});

describe('a wall clock that jumps', () => {
  it.each([
    ['a day ahead', 86_400_000],
    ['a day back', -86_400_000],
  ])('%s in a run with a limit: it is not interrupted, and its time is right', async (_way, ms) => {
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
    const session = await newSession(clock);
    const run = session.scratch('import time\nprint("begun", flush=True)\ntime.sleep(3)', 60_000);
    await expect.poll(() => printed(run), { timeout: 20_000 }).toContain('begun');
    offsetMs = ms;
    await ended(run);
    expect(run.state).toBe('ok');
    expect(run.view().elapsedMs).toBeGreaterThanOrEqual(3000);
    expect(run.view().elapsedMs).toBeLessThan(3_600_000);
    const stored = readFileSync(path.join(dir, 'runs', `${run.id}.jsonl`), 'utf8');
    expect(stored).toContain('"state":"ok"');
    const next = await ended(session.scratch('print("on")'));
    expect(printed(next)).toBe('on\n');
    await session.disconnect();
  });
});
