/** How sandboxes end on a real cluster: each end tells its true cause, with the last lines of the log. */
import { describe, expect, test } from 'vitest';
import { ask, codeOf, never } from '../contract/contract-rig.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { expectEnd, seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing())('S11: a job that has ended', () => {
  const lab = useLab();
  const log = expect.arrayContaining([expect.stringMatching(/glovebox: job \d+, start 0, on /)]);

  test('was cancelled by somebody else', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    await lab.admin('scancel', `${(await lab.jobOf(caller)).id}`);
    const status = await seen(caller, lab.newBackend(), 'ended');
    expectEnd(
      status,
      'cancelled',
      /^SLURM job \d+ was cancelled, not by Glovebox\. Its log on .*: \//,
    );
    expect(status.end?.logTail).toEqual(log);
  });

  test('was ended on request, and that is told, not that SLURM cancelled it', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    await lab.newBackend().stop(caller.handle(), never());
    expectEnd(await lab.newBackend().state(caller.handle(), never()), 'stopped', /on request/);
  });

  test('lost its node', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    await lab.rig.cluster.failNode('n1');
    const status = await seen(caller, lab.newBackend(), 'ended');
    expectEnd(status, 'node-failure', /^SLURM ended job \d+ on n1 because its node failed/);
    expect(status.end?.logTail).toEqual(log);
    await lab.rig.cluster.resume('n1');
    expect(await caller.startAndWait(lab.newBackend())).toMatchObject({ generation: 2 });
  });

  test('was preempted', async () => {
    const caller = lab.newCaller({ partition: 'preempt' });
    await caller.startAndWait(lab.newBackend());
    const other = await lab.rig.cluster.occupy();
    const status = await seen(caller, lab.newBackend(), 'ended');
    expectEnd(status, 'preempted', /to make room for a job that goes first/);
    expect(status.end?.logTail).toEqual(log);
    await lab.admin('scancel', `${other}`);
  });

  test('had a server that died', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    const { id } = await lab.jobOf(caller);
    const step = ['srun', `--jobid=${id}`, '--overlap', '-n1', 'pkill', '-KILL', '-f'];
    expect(await lab.rig.cluster.run([...step, `[s]erve.py.*gb-${id}-`])).toMatchObject({
      code: 0,
    });
    const status = await seen(caller, lab.newBackend(), 'ended');
    expectEnd(status, 'failed', /exit code 137|signal 9/);
    expect(status.end?.logTail?.join('\n')).toContain('the server ended with code 137');
  });

  test('had a server that was asked to end', async () => {
    const caller = lab.newCaller();
    const backend = lab.newBackend();
    await caller.startAndWait(backend);
    const endpoint = await backend.endpoint(caller.handle(), never());
    // A server that goes may take the answer with it.
    await ask(endpoint, 'POST', 'api/shutdown').catch((error: unknown) => {
      expect(codeOf(error)).toBe('http/failed');
    });
    expectEnd(await seen(caller, lab.newBackend(), 'ended'), 'stopped', /ended by itself/);
  });

  test.each([
    ['a Python there is not', { python: '/no/such/python' }, /no Python|not there|no such/i],
    ['a module there is not', { modules: ['cuda/99'] }, /module/i],
    ['a set-up line that fails', { setup: ['false'] }, /set-up line failed with code 1: false/],
  ])('could not start for want of %s', async (_what, options, message) => {
    const caller = lab.newCaller(options);
    await caller.start(lab.newBackend()).catch(() => undefined);
    expectEnd(await seen(caller, lab.newBackend(), 'ended'), 'start-failed', message);
    expect(await lab.rig.jobs()).toEqual([]);
  });

  test('could not start because its server never listens: cancelled, once its time is over', async () => {
    const caller = lab.newCaller({ setup: ['sleep 1000'] });
    // Less than nothing, because there is a margin of 30 s on top.
    const backend = lab.newBackend({ readyMs: -28_000 });
    await caller.start(backend);
    const status = await seen(caller, backend, 'ended');
    expectEnd(status, 'start-failed', /did not answer within .*The job was cancelled/s);
    expect(status.end?.logTail).toEqual(log);
  });

  test('Q8.8: leaves nothing on the node', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    // Not by the number of the job, which other clusters on this machine have too.
    const nonce = (await lab.jobOf(caller)).comment.split(':')[1] ?? 'none';
    const { cluster } = lab.rig;
    const found = async (): Promise<string> => {
      const folders = await cluster.run([
        'find',
        '/tmp',
        '-maxdepth',
        '1',
        '-name',
        `gb-*${nonce}*`,
      ]);
      const processes = await cluster.run(['pgrep', '-f', nonce]);
      return folders.stdout + processes.stdout;
    };
    expect(await found()).not.toBe('');
    await lab.newBackend().stop(caller.handle(), never());
    await expect.poll(found, { timeout: 15_000 }).toBe('');
  });
});
