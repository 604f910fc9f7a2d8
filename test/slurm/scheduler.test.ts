/** A scheduler that is silent, slow or moves jobs, on a real cluster: nothing is lost by it that lives. */
import { describe, expect, test } from 'vitest';
import { ask, never } from '../contract/contract-rig.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing())('a ready sandbox', () => {
  const lab = useLab();

  test('S8, Q8.4: goes on while the controller is down, in old and in new processes', async () => {
    const caller = lab.newCaller();
    const old = lab.newBackend();
    await caller.startAndWait(old);
    await lab.rig.cluster.downController();
    try {
      for (const backend of [old, lab.newBackend()]) {
        const status = await backend.state(caller.handle(), never());
        expect(status).toMatchObject({ state: 'ready', generation: 1 });
        const endpoint = await backend.endpoint(caller.handle(), never());
        expect(await ask(endpoint, 'GET', 'api/status')).toMatchObject({ status: 200 });
      }
    } finally {
      await lab.rig.cluster.upController();
    }
    expect(await old.state(caller.handle(), never())).toMatchObject({ state: 'ready' });
    expect(await lab.rig.jobs()).toHaveLength(1);
  });

  test('S1, S8: a slow or frozen scheduler delays an answer by its limit at most, and ends nothing', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    lab.rig.cluster.hinder('squeue', { slowS: 1000 });
    const status = await lab.newBackend().state(caller.handle(), never());
    expect(status.state).toBe('ready');
    expect(status.detail).toMatch(/the scheduler does not answer since/);
    lab.rig.cluster.unhinder('squeue');
    expect(await lab.newBackend().state(caller.handle(), never())).toMatchObject({
      state: 'ready',
      generation: 1,
    });
    const left = await lab.rig.cluster.run(['pgrep', '-f', 'sleep 1000$']);
    expect(left.stdout).toBe('');
  });

  test('S8, S10: is not lost by what a broken squeue may say', async () => {
    const caller = lab.newCaller();
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    const answers = {
      'an error': { failsWith: 'slurm_load_jobs error: Socket timed out on send/recv operation\n' },
      'a word nobody knows': { script: '"$real" "$@" | sed s/RUNNING/LEVITATING/' },
      'nothing at all': { script: 'exit 0' },
      'a page of something else': { script: 'seq 1 2000' },
    };
    for (const [what, how] of Object.entries(answers)) {
      lab.rig.cluster.hinder('squeue', how);
      for (const each of [backend, lab.newBackend()])
        expect((await each.state(caller.handle(), never())).state, what).toBe('ready');
      lab.rig.cluster.unhinder('squeue');
      expect((await backend.state(caller.handle(), never())).state, what).toBe('ready');
    }
    expect(await lab.rig.jobs()).toHaveLength(1);
  });

  test('S8: is suspended and goes on', async () => {
    const caller = lab.newCaller();
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    const { id } = await lab.jobOf(caller);
    await lab.admin('scontrol', 'suspend', `${id}`);
    await seen(caller, backend, 'suspended', /goes on when SLURM lets it/);
    await lab.admin('scontrol', 'resume', `${id}`);
    expect(await seen(caller, backend, 'ready')).toMatchObject({ generation: 1 });
  });

  test('S8, S15: is preempted, queued again, and is another generation on its next node', async () => {
    const caller = lab.newCaller({ partition: 'preempt', requeue: true });
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    const first = await backend.endpoint(caller.handle(), never());
    const other = await lab.rig.cluster.occupy();
    const queued = await seen(caller, backend, 'queued', /its variables are lost/);
    expect(queued.generation).toBe(2);
    await lab.admin('scancel', `${other}`);
    expect(await seen(caller, lab.newBackend(), 'ready')).toMatchObject({ generation: 2 });
    const second = await lab.newBackend().endpoint(caller.handle(), never());
    expect(await ask(second, 'GET', 'api/status')).toMatchObject({ status: 200 });
    expect(second.headers).not.toEqual(first.headers);
    expect(lab.rig.cluster.calls('sbatch').filter((call) => call.includes(caller.id))).toHaveLength(
      1,
    );
    const log = (await backend.logs(caller.handle(), 200, never())).join('\n');
    expect(log).toMatch(/start 0, on[\s\S]*start 1, on/);
  });

  test('S8: is requeued when its node fails, and a process that saw nothing of it learns the same', async () => {
    const caller = lab.newCaller({ requeue: true });
    await caller.startAndWait(lab.newBackend());
    await lab.rig.cluster.failNode('n1');
    await lab.rig.cluster.resume('n1');
    expect(await seen(caller, lab.newBackend(), 'ready', /^/, 45_000)).toMatchObject({
      generation: 2,
    });
  });

  test('S14: says how long it has left when the end is near, also when somebody moves the end', async () => {
    const caller = lab.newCaller({ time: '2:00:00' });
    const backend = lab.newBackend();
    const started = await caller.startAndWait(backend);
    expect(started.detail).not.toContain('time limit');
    const { id } = await lab.jobOf(caller);
    await lab.admin('scontrol', 'update', `jobid=${id}`, 'TimeLimit=4');
    const status = await lab.newBackend().state(caller.handle(), never());
    expect(status).toMatchObject({ state: 'ready' });
    expect(status.detail).toMatch(/its time limit comes in [34] min/);
    expect((status.deadlineMs ?? 0) - Date.now()).toBeLessThan(245_000);
  });

  test('S6: notes the warning signal in its log, and goes on', async () => {
    const caller = lab.newCaller();
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    const { id } = await lab.jobOf(caller);
    await lab.admin('scancel', '--batch', '--signal=USR1', `${id}`);
    await expect
      .poll(async () => (await backend.logs(caller.handle(), 5, never())).join('\n'), {
        timeout: 10_000,
      })
      .toContain('the time limit is near');
    expect((await backend.state(caller.handle(), never())).state).toBe('ready');
  });
});
