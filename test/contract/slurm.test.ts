/** The SLURM back end fulfils the contract, with real jobs on a real cluster. */
import { describe } from 'vitest';
import { describeBackendContract } from './backend-contract.ts';
import type { BackendRig } from './contract-rig.ts';
import { makeSlurmRig } from '../rigs/slurm-backend.ts';
import { isSlurmMissing } from '../rigs/slurm/slurm.ts';

describe.skipIf(isSlurmMissing())('with one node', () => {
  describeBackendContract('slurm', async (): Promise<BackendRig> => {
    const rig = await makeSlurmRig();
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
