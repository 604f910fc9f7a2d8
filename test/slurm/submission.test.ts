/** One start, one job, on a real cluster: whoever starts, whatever breaks in between, and whenever somebody stops it. */
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeOf, failureOf, never } from '../contract/contract-rig.ts';
import { runProgram, type Program } from '../rigs/program.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { expectEnd, seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing())('a submission', () => {
  const lab = useLab();
  const submissions = (id: string): readonly string[] =>
    lab.rig.cluster
      .calls('sbatch')
      .filter((call) => call.includes(id) && !call.includes('--test-only'));

  /** Another process that starts the sandbox of that id and tells each thing it is told to remember. */
  function otherProcess(id: string): Program {
    const { settings, projectDir, cluster } = lab.rig;
    return runProgram(`
      import { readFile } from 'node:fs/promises';
      import { createSlurmBackend } from '#sandbox/backends/slurm/index.ts';
      import { systemClock } from '#platform/clock.ts';
      import { createLocalHost } from '#platform/local-host.ts';
      import { silentLog } from '#platform/log.ts';
      import { openRelay } from '#platform/relay.ts';
      const settings = ${JSON.stringify(settings)};
      const env = ${JSON.stringify(cluster.env)};
      const backend = createSlurmBackend({
        settings: () => settings,
        host: async () => createLocalHost({ env }),
        nodeHost: async () => { throw new Error('nobody asked for it'); },
        openRelay: async (host, options) => openRelay(host, { ...options, source: await readFile(settings.pythonDir + '/relay.py', 'utf8') }),
        clock: systemClock,
        log: silentLog,
      });
      setInterval(() => undefined, 1000);
      const status = await backend.start({}, {
        id: ${JSON.stringify(id)},
        projectDir: ${JSON.stringify(projectDir)},
        signal: new AbortController().signal,
        report: ({ message }) => console.log('report:', message),
        remember: async (data) => console.log('remember:', JSON.stringify(data)),
      });
      console.log('started:', JSON.stringify(status));
    `);
  }

  test('S31: several starts of one sandbox, from several processes, are one job', async () => {
    const one = lab.newCaller();
    const programs = [otherProcess(one.id), otherProcess(one.id)];
    try {
      const started = await one.startAndWait(lab.newBackend());
      for (const program of programs) await program.printed('started:');
      expect(started).toMatchObject({ state: 'ready', generation: 1 });
      expect(submissions(one.id)).toHaveLength(1);
      expect(await lab.rig.jobs()).toHaveLength(1);
    } finally {
      for (const program of programs) program.process.kill('SIGKILL');
    }
  });

  test('S8: killed between sbatch and the record, the job is found by its nonce, and no second one is made', async () => {
    const { cluster } = lab.rig;
    // The job is made, and the answer never comes.
    cluster.hinder('sbatch', {
      script:
        'case " $* " in *" --test-only "*) exec "$real" "$@";; esac\n' +
        `"$real" "$@" >/dev/null; sleep 100`,
    });
    const caller = lab.newCaller();
    const program = otherProcess(caller.id);
    await expect.poll(() => lab.rig.jobs(), { timeout: 20_000 }).toHaveLength(1);
    program.process.kill('SIGKILL');
    await program.ended;
    cluster.unhinder('sbatch');
    expect(await caller.startAndWait(lab.newBackend())).toMatchObject({ generation: 1 });
    expect(submissions(caller.id)).toHaveLength(1);
    expect(await lab.rig.jobs()).toHaveLength(1);
    expect((await lab.jobOf(caller)).comment).toMatch(/^glovebox:[0-9a-f]+:1$/);
  });

  test('S8: killed before sbatch did anything, there is surely no job, which counts only at the second look', async () => {
    lab.rig.cluster.hinder('sbatch', {
      script: 'case " $* " in *" --test-only "*) exec "$real" "$@";; esac\nsleep 100',
    });
    const caller = lab.newCaller();
    const program = otherProcess(caller.id);
    await expect.poll(() => submissions(caller.id), { timeout: 20_000 }).toHaveLength(1);
    program.process.kill('SIGKILL');
    await program.ended;
    lab.rig.cluster.unhinder('sbatch');
    const before = performance.now();
    const status = await seen(caller, lab.newBackend(), 'ended');
    expectEnd(status, 'start-failed', /ended before SLURM had it/);
    expect(performance.now() - before).toBeGreaterThan(9000);
    expect(await caller.startAndWait(lab.newBackend())).toMatchObject({ generation: 2 });
    expect(submissions(caller.id)).toHaveLength(2);
  });

  test('S8: sbatch that breaks after its work without an answer is not repeated', async () => {
    lab.rig.cluster.hinder('sbatch', {
      script:
        'case " $* " in *" --test-only "*) exec "$real" "$@";; esac\n' +
        '"$real" "$@" >/dev/null; exit 0',
    });
    const caller = lab.newCaller();
    expect(await caller.startAndWait(lab.newBackend())).toMatchObject({ generation: 1 });
    expect(submissions(caller.id)).toHaveLength(1);
  });

  test('S10: the controller is down: nothing is submitted, and that is said', async () => {
    await lab.rig.cluster.downController();
    try {
      const caller = lab.newCaller({ gres: 'none' });
      const failure = await failureOf(caller.start(lab.newBackend()));
      expect(failure.message).toMatch(/contact|Unable|not answer/i);
      expect(submissions(caller.id)).toEqual([]);
    } finally {
      await lab.rig.cluster.upController();
    }
  });

  describe('S29: a stop works in every state, and leaves no job', () => {
    test('while another process is submitting it', async () => {
      lab.rig.cluster.hinder('sbatch', {
        script:
          'case " $* " in *" --test-only "*) exec "$real" "$@";; esac\n' +
          'sleep 1; exec "$real" "$@"',
      });
      const caller = lab.newCaller();
      const program = otherProcess(caller.id);
      await expect.poll(() => submissions(caller.id), { timeout: 20_000 }).toHaveLength(1);
      await lab.newBackend().stop(caller.handle(), never());
      await program.ended;
      expectEnd(await lab.newBackend().state(caller.handle(), never()), 'stopped', /on request/);
      expect(await lab.rig.jobs()).toEqual([]);
    });

    test('queued, starting, suspended, unreachable', async () => {
      const { cluster } = lab.rig;
      const other = await cluster.occupy();
      const queued = lab.newCaller();
      await queued.start(lab.newBackend());
      await lab.newBackend().stop(queued.handle(), never());
      await lab.admin('scancel', `${other}`);

      const starting = lab.newCaller({ setup: ['sleep 60'] });
      await starting.start(lab.newBackend());
      await seen(starting, lab.newBackend(), 'starting');
      await lab.newBackend().stop(starting.handle(), never());

      const suspended = lab.newCaller();
      await suspended.startAndWait(lab.newBackend());
      await lab.admin('scontrol', 'suspend', `${(await lab.jobOf(suspended)).id}`);
      await seen(suspended, lab.newBackend(), 'suspended');
      await lab.newBackend().stop(suspended.handle(), never());

      for (const caller of [queued, starting, suspended])
        expectEnd(await lab.newBackend().state(caller.handle(), never()), 'stopped', /on request/);
      expect(await lab.rig.jobs()).toEqual([]);
    });

    test('not while the scheduler is silent: that is an error, the job is kept, and the next stop ends it', async () => {
      const caller = lab.newCaller();
      await caller.startAndWait(lab.newBackend());
      lab.rig.cluster.hinder('squeue', { failsWith: 'slurm_load_jobs error: Unable to contact\n' });
      const failure = await failureOf(lab.newBackend().stop(caller.handle(), never()));
      expect(failure.code).toBe('sandbox/stop-failed');
      lab.rig.cluster.unhinder('squeue');
      expect(await lab.rig.jobs()).toHaveLength(1);
      await lab.newBackend().stop(caller.handle(), never());
      expect(await lab.rig.jobs()).toEqual([]);
    });

    test('and never of a job that only has the same number, or of an array of the user’s', async () => {
      const array = ['sbatch', '--parsable', '--array=1-2', '--begin=now+1hour', '--wrap=true'];
      const { stdout } = await lab.rig.cluster.run([...array, '--output=/dev/null']);
      const caller = lab.newCaller();
      await caller.startAndWait(lab.newBackend());
      const { id } = await lab.jobOf(caller);
      await lab.admin('scontrol', 'update', `jobid=${id}`, 'comment=somebody:else');
      await lab.newBackend().stop(caller.handle(), never());
      const living = (await lab.rig.jobs()).map((job) => job.id);
      expect(living).toEqual(expect.arrayContaining([id, Number(stdout)]));
    });
  });

  test('S3: values are never shell code', async () => {
    const file = path.join(lab.rig.projectDir, 'injected');
    const words = [`$(touch '${file}')`, `; touch '${file}'`, '`touch x`', '--wrap=x', 'a\nb'];
    for (const value of words) {
      for (const options of [{ partition: value }, { account: value }, { python: value }]) {
        const outcome = await lab
          .newCaller(options)
          .start(lab.newBackend())
          .catch((error: unknown) => codeOf(error));
        if (typeof outcome === 'string') expect(outcome).not.toMatch(/internal|foreign/);
      }
    }
    const { code } = await lab.rig.cluster.run(['ls', file]);
    expect(code).not.toBe(0);
  });
});
