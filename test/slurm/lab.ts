/** A cluster with the back end on it, and callers that each have a sandbox of their own. */
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import type { Host } from '#platform/host.ts';
import { createLocalHost } from '#platform/local-host.ts';
import type { Backend, SandboxState, SandboxStatus } from '#sandbox/backend.ts';
import { Caller, never } from '../contract/contract-rig.ts';
import { makeSlurmRig, type SlurmRig } from '../rigs/slurm-backend.ts';
import type { ClusterOptions, JobRow } from '../rigs/slurm/cluster.ts';

export interface Lab {
  readonly rig: SlurmRig;
  /** A back end as a new process would have it. */
  newBackend: SlurmRig['newBackend'];
  /** The login node, where the submitter has these variables too. */
  hostWith(env: Readonly<Record<string, string>>): Host;
  /** Somebody who starts one sandbox with these options. */
  newCaller(options?: object, id?: string): Caller;
  /** The job of a sandbox, as SLURM knows it. */
  jobOf(caller: Caller): Promise<JobRow>;
  admin(...argv: readonly string[]): Promise<string>;
}

/**
 * One cluster for the tests of a `describe`. After each of them all jobs are ended, commands unhindered and the controller is up,
 * so that a test that fails spoils no other. Unless they run at the same time: then they must not be in each other's way.
 */
export function useLab(options: ClusterOptions = { kind: 'plain' }, isForOneAtATime = true): Lab {
  let rig: SlurmRig | undefined;
  let count = 0;
  const current = (): SlurmRig => rig ?? expect.fail('the cluster is not up');
  beforeAll(async () => {
    rig = await makeSlurmRig(options);
  });
  afterEach(async () => {
    if (!isForOneAtATime) return;
    const { cluster } = current();
    for (const command of ['sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo', 'srun', 'sacct'])
      cluster.unhinder(command);
    await cluster.endAllJobs();
    for (const node of cluster.nodes) await cluster.resume(node);
  });
  afterAll(() => rig?.dispose());
  return {
    get rig() {
      return current();
    },
    newBackend: (...changes) => current().newBackend(...changes),
    hostWith: (env) => createLocalHost({ env: { ...current().cluster.env, ...env } }),
    newCaller(jobOptions = {}, id) {
      count += 1;
      const { projectDir } = current();
      // Nobody looks at it here, and the controller may be down.
      const countAtEngine = async (): Promise<number> => 0;
      const rigOfCaller = { projectDir, options: jobOptions, countAtEngine };
      return new Caller(rigOfCaller, id ?? `slurm-lab-${String(count).padStart(12, '0')}`);
    },
    async jobOf({ data }) {
      const wanted = Number(data['job_id']);
      const row = (await current().cluster.jobs()).find(({ id }) => id === wanted);
      return row ?? expect.fail(`no job ${wanted}`);
    },
    admin: (...argv) => current().cluster.admin(argv),
  };
}

/** Asks until the state is one of these, and `detail` matches; returns what was said then. */
export async function seen(
  caller: Caller,
  backend: Backend,
  states: SandboxState | readonly SandboxState[],
  detail = /^/,
  timeout = 30_000,
): Promise<SandboxStatus> {
  let status: SandboxStatus | undefined;
  const look = async (): Promise<string> => {
    status = await backend.state(caller.handle(), never());
    return `${status.state}: ${status.detail ?? ''}`;
  };
  const wanted = [states].flat().join('|');
  const pattern = new RegExp(`^(${wanted}): .*${detail.source.replace(/^\^/, '')}`, 's');
  // Not `expect.poll`, which knows no test where several run at a time.
  await vi.waitFor(async () => expect(await look()).toMatch(pattern), { timeout, interval: 100 });
  return status ?? expect.fail('no status');
}

/** How it ended: the cause, and that a person gets the log and where it is. */
export function expectEnd(status: SandboxStatus, cause: string, message: RegExp): void {
  expect(status).toMatchObject({
    state: 'ended',
    end: { cause, message: expect.stringMatching(message) },
  });
}
