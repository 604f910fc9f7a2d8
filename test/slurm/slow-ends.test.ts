/** Ends that SLURM takes its time for: they are waited for at the same time, on nodes of their own. */
import { describe, test } from 'vitest';
import { never } from '../contract/contract-rig.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { expectEnd, seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing()).concurrent('S11, S13: a job that has ended', () => {
  const lab = useLab({ kind: 'plain', nodes: 2 }, false);

  test('came to its time limit', { timeout: 100_000 }, async ({ expect }) => {
    const caller = lab.newCaller({ time: '1', nodelist: 'n1' });
    const started = await caller.startAndWait(lab.newBackend());
    expect((started.deadlineMs ?? 0) - Date.now()).toBeLessThanOrEqual(60_000);
    expect(started.detail).toMatch(/its time limit comes in \d+ s/);
    // The warning was due 5 min before the end, so at once. SLURM looks for jobs that are over twice a minute.
    await lab.admin('scontrol', 'update', `jobid=${(await lab.jobOf(caller)).id}`, 'EndTime=now+5');
    const status = await seen(caller, lab.newBackend(), 'ended', /^/, 70_000);
    expectEnd(status, 'time-limit', /at its time limit/);
    expect(status.end?.logTail).toEqual(
      expect.arrayContaining([expect.stringContaining('the time limit is near')]),
    );
  });

  test('Q5: lost the power of its node: it is not given up before SLURM gives it up', async ({
    expect,
  }) => {
    const caller = lab.newCaller({ nodelist: 'n2' });
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    await lab.rig.cluster.killNode('n2');
    const states = new Set<string>();
    const look = async (): Promise<string> => {
      const { state } = await backend.state(caller.handle(), never());
      states.add(state);
      return state;
    };
    await expect.poll(look, { timeout: 55_000, interval: 500 }).toBe('ended');
    expectEnd(await backend.state(caller.handle(), never()), 'node-failure', /its node failed/);
    for (const state of states) expect(['ready', 'unreachable', 'ended']).toContain(state);
  });
});
