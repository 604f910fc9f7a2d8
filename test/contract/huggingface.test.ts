/** The Hugging Face back end fulfils the contract, on a fake Hub that runs real Jupyter servers in its Jobs. */
import { makeHuggingfaceRig, SMALL_JOB } from '../rigs/huggingface-backend.ts';
import { describeBackendContract } from './backend-contract.ts';

describeBackendContract('huggingface', async () => {
  const rig = await makeHuggingfaceRig();
  const only = () => {
    const [job, ...others] = rig.fake.alive();
    if (job === undefined || others.length > 0) throw new Error('expected one Job');
    return job;
  };
  return {
    newBackend: () => rig.newBackend(),
    newFailingBackend: () => rig.newFailingBackend(),
    projectDir: rig.projectDir,
    stateDir: rig.dir,
    options: SMALL_JOB,
    countAtEngine: async () => rig.fake.alive().length,
    async makeUnreachable() {
      const pids = only().processes();
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return async () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      };
    },
    async killBehindOurBack() {
      only().end('ERROR', 'The node failed');
    },
    dispose: () => rig.dispose(),
  };
});
