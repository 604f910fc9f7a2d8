/** The SLURM back end fulfils the contract, with real jobs on a real cluster. */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeBackendContract } from './backend-contract.ts';
import type { BackendRig } from './contract-rig.ts';
import { makeSlurmRig } from '../rigs/slurm-backend.ts';
import type { Cluster } from '../rigs/slurm/cluster.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { startCluster } from '../rigs/slurm/slurm.ts';

describe.skipIf(isSlurmMissing())('with one node', () => {
  // One for all rigs, of which there is only one at a time.
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ kind: 'plain' });
  });
  afterAll(() => cluster.stop());

  describeBackendContract('slurm', async (): Promise<BackendRig> => {
    const rig = await makeSlurmRig(cluster);
    const onlyJob = async (): Promise<string> => {
      const [job, ...others] = await rig.jobs();
      if (job === undefined || others.length > 0) throw new Error('expected one job');
      return String(job.id);
    };
    return {
      newBackend: () => rig.newBackend(),
      newFailingBackend: () => rig.newFailingBackend(),
      projectDir: rig.projectDir,
      stateDir: rig.dir,
      options: {},
      countAtEngine: async () => (await rig.jobs()).length,
      async makeUnreachable() {
        const id = await onlyJob();
        await rig.cluster.admin(['scontrol', 'suspend', id]);
        return async () => {
          await rig.cluster.admin(['scontrol', 'resume', id]);
        };
      },
      async killBehindOurBack() {
        await rig.cluster.admin(['scancel', await onlyJob()]);
      },
      dispose: () => rig.dispose(),
    };
  });
});
