/** The Modal back end fulfils the contract, with both generations of sandboxes, on a fake control plane that starts real Jupyter servers. */
import { isMissing } from '../rigs/require.ts';
import { MARKED, makeModalRig, testCertificate } from '../rigs/modal-backend.ts';
import { describeBackendContract } from './backend-contract.ts';
import type { BackendRig } from './contract-rig.ts';
import { describe } from 'vitest';

const withoutCertificate = isMissing(
  'openssl',
  testCertificate() !== undefined,
  'Install openssl: tunnels of the fake Modal are real TLS.',
);

const rigWith = (options: object) => async (): Promise<BackendRig> => {
  const rig = await makeModalRig();
  const only = () => {
    const [sandbox, ...others] = rig.fake.alive();
    if (sandbox === undefined || others.length > 0) throw new Error('expected one sandbox');
    return sandbox;
  };
  return {
    newBackend: () => rig.newBackend(),
    newFailingBackend: () => rig.newFailingBackend(),
    projectDir: rig.projectDir,
    stateDir: rig.dir,
    options: { ...MARKED, ...options },
    countAtEngine: async () => rig.fake.alive().length,
    async makeUnreachable() {
      const pids = only().processes();
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return async () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      };
    },
    async killBehindOurBack() {
      only().kill(3);
    },
    dispose: () => rig.dispose(),
  };
};

describe.skipIf(withoutCertificate)('M4, acceptance 21, both generations', () => {
  describeBackendContract('modal without a GPU (V2)', rigWith({}));
  describeBackendContract('modal with a GPU (V1)', rigWith({ gpu: 'T4' }));
});
