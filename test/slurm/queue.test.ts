/** Before a job runs, on a real cluster: it waits, is refused, or is kept from starting, and a person learns why. */
import { describe, expect, test } from 'vitest';
import { failureOf, never } from '../contract/contract-rig.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { expectEnd, seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing())('before the job runs', () => {
  const lab = useLab();

  describe('S4, Q5: what SLURM refuses is refused before anything is made, in its own words', () => {
    test.each([
      ['a partition there is not', { partition: 'nowhere' }, /Invalid partition name specified/],
      [
        'more GPUs than any node has',
        { gres: 'gpu:9' },
        /Requested node configuration is not available/,
      ],
      [
        'more memory than any node has',
        { mem: '900G' },
        /Requested node configuration|Memory specification/,
      ],
      ['a time above the limit', { time: '3:00:00' }, /Requested time limit is invalid/],
      ['a feature no node has', { constraint: 'quantum' }, /Invalid feature specification/],
      ['a node there is not', { nodelist: 'n9' }, /Invalid node name specified/],
      ['a reservation there is not', { reservation: 'nobody' }, /[Rr]eservation/],
      ['a cluster, where there is no database', { cluster: 'other' }, /[Cc]luster|database/],
    ])('%s', async (_what, options, words) => {
      const caller = lab.newCaller(options);
      const failure = await failureOf(caller.start(lab.newBackend()));
      expect(failure.code).toBe('sandbox/start-failed');
      expect(failure.message).toMatch(words);
      expect(await lab.rig.jobs()).toEqual([]);
      expectEnd(await lab.newBackend().state(caller.handle(), never()), 'start-failed', words);
    });

    test('also what it refuses only at the submission', async () => {
      lab.rig.cluster.hinder('sbatch', {
        script:
          'case " $* " in *" --test-only "*) exec "$real" "$@";; esac\n' +
          'echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1',
      });
      const caller = lab.newCaller();
      const failure = await failureOf(caller.start(lab.newBackend()));
      expect(failure).toMatchObject({
        code: 'sandbox/start-failed',
        message: expect.stringContaining('QOSMaxSubmitJobPerUserLimit'),
      });
      const status = await lab.newBackend().state(caller.handle(), never());
      expectEnd(status, 'start-failed', /QOSMaxSubmitJobPerUserLimit/);
      lab.rig.cluster.unhinder('sbatch');
      expect(await caller.startAndWait(lab.newBackend())).toMatchObject({ generation: 2 });
    });
  });

  test('S8, S12: it waits with the reason, is kept when nobody waits, and starts when there is room', async () => {
    const other = await lab.rig.cluster.occupy();
    const caller = lab.newCaller();
    const first = await caller.start(lab.newBackend());
    expect(first.state).toBe('queued');
    const waiting = await seen(caller, lab.newBackend(), 'queued', /(Resources|Priority): \w+/);
    expect(waiting.detail).toContain('waiting in the queue');
    // Another process, that asks for the same thing, joins in.
    expect((await caller.start(lab.newBackend())).state).toBe('queued');
    expect(await lab.rig.jobs()).toHaveLength(2);
    await lab.admin('scancel', `${other}`);
    expect(await caller.waitFor(lab.newBackend(), 'ready')).toMatchObject({ generation: 1 });
    expect(lab.rig.cluster.calls('sbatch').filter((call) => call.includes(caller.id))).toHaveLength(
      1,
    );
  });

  test('S12: a partition that is down needs somebody to act, and nothing is cancelled by itself', async () => {
    const caller = lab.newCaller({ partition: 'closed' });
    await caller.start(lab.newBackend());
    await seen(caller, lab.newBackend(), 'queued', /needs somebody to act: PartitionDown: /);
    expect((await lab.jobOf(caller)).state).toBe('PENDING');
    await lab.newBackend().stop(caller.handle(), never());
    expect(await lab.rig.jobs()).toEqual([]);
  });

  test('S12: so does a node that is drained; the job starts when it is back', async () => {
    const other = await lab.rig.cluster.occupy();
    const caller = lab.newCaller();
    await caller.start(lab.newBackend());
    await lab.rig.cluster.drain('n1', 'new disks');
    await lab.admin('scancel', `${other}`);
    await seen(caller, lab.newBackend(), 'queued', /needs somebody to act: .*(drained|DRAINED)/);
    // A test submission says "not available" then, which is not the whole truth.
    const failure = await failureOf(lab.newCaller().start(lab.newBackend()));
    expect(failure.message).toContain('Partition gpu takes no jobs now');
    await lab.rig.cluster.resume('n1');
    expect((await caller.waitFor(lab.newBackend(), 'ready')).generation).toBe(1);
  });

  test('S12: and a job that is held', async () => {
    const other = await lab.rig.cluster.occupy();
    const caller = lab.newCaller();
    await caller.start(lab.newBackend());
    await lab.admin('scontrol', 'hold', `${(await lab.jobOf(caller)).id}`);
    await seen(caller, lab.newBackend(), 'queued', /needs somebody to act: JobHeld\w+: /);
    await lab.admin('scontrol', 'release', `${(await lab.jobOf(caller)).id}`);
    await lab.admin('scancel', `${other}`);
    await caller.waitFor(lab.newBackend(), 'ready');
  });

  test('S11: cancelled by somebody else while it waits, it has ended, and says so', async () => {
    const other = await lab.rig.cluster.occupy();
    const caller = lab.newCaller();
    await caller.start(lab.newBackend());
    await lab.admin('scancel', `${(await lab.jobOf(caller)).id}`);
    expectEnd(await seen(caller, lab.newBackend(), 'ended'), 'cancelled', /not by Glovebox/);
    await lab.admin('scancel', `${other}`);
  });

  test('S5: the survey tells what there is, and what is free now', async () => {
    const offers = await lab.newBackend().offers(never());
    expect(offers.map(({ name }) => name).toSorted()).toEqual(['closed', 'gpu', 'preempt']);
    const [gpu] = offers.filter(({ name }) => name === 'gpu');
    expect(gpu).toMatchObject({
      gpus: [{ name: expect.stringMatching(/a100/i), count: 2 }],
      cpus: 4,
    });
    const [closed] = offers.filter(({ name }) => name === 'closed');
    expect(JSON.stringify(closed)).toMatch(/down/i);
  });

  test('Q6: no accounting is no obstacle', async () => {
    const { code, stderr } = await lab.rig.cluster.run(['sacctmgr', '-nP', 'show', 'assoc']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/accounting/i)]);
    const caller = lab.newCaller({ account: 'physics', qos: 'any' });
    expect((await caller.startAndWait(lab.newBackend())).state).toBe('ready');
  });

  test('S8.10: ten looks in a queue that does not move cost fewer questions, each for all who wait', async () => {
    await lab.rig.cluster.occupy();
    const callers = [lab.newCaller(), lab.newCaller(), lab.newCaller()];
    const backend = lab.newBackend();
    for (const caller of callers) await caller.start(backend);
    for (const caller of callers) await seen(caller, backend, 'queued', /Resources|Priority/);
    const patient = lab.newBackend({ pollMinMs: 60_000 });
    const questions = (): number =>
      lab.rig.cluster.calls('squeue').filter((call) => call.includes(' -j ')).length;
    const before = questions();
    for (let look = 0; look < 10; look += 1)
      await Promise.all(callers.map((caller) => patient.state(caller.handle(), never())));
    // The first look of each may be too late for the question of another one.
    expect(questions() - before).toBeLessThanOrEqual(3);
  });
});
