/** The local back end fulfils the contract, with real Jupyter servers. */
import type { ProcessRow } from '#platform/process-identity.ts';
import { describeBackendContract } from './backend-contract.ts';
import type { BackendRig } from './contract-rig.ts';
import { makeLocalRig, type LocalRig } from '../rigs/local-backend.ts';

describeBackendContract('local', async (): Promise<BackendRig> => {
  const rig = await makeLocalRig();
  return {
    newBackend: () => rig.newBackend(),
    newFailingBackend: () => rig.newFailingBackend(),
    projectDir: rig.projectDir,
    stateDir: rig.dir,
    options: {},
    countAtEngine: async () => rig.servers().length,
    async makeUnreachable() {
      const { pid } = onlyServer(rig);
      process.kill(pid, 'SIGSTOP');
      return async () => {
        process.kill(pid, 'SIGCONT');
      };
    },
    async killBehindOurBack() {
      process.kill(onlyServer(rig).pid, 'SIGKILL');
    },
    dispose: () => rig.dispose(),
  };
});

function onlyServer(rig: LocalRig): ProcessRow {
  const [server, ...others] = rig.servers();
  if (server === undefined || others.length > 0) throw new Error('expected one server');
  return server;
}
