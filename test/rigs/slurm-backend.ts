/** SLURM back ends on a real cluster of their own, with a project and a state folder. */
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import type { Host } from '#platform/host.ts';
import { createLocalHost } from '#platform/local-host.ts';
import { silentLog } from '#platform/log.ts';
import { openRelay } from '#platform/relay.ts';
import type { Backend } from '#sandbox/backend.ts';
import { createSlurmBackend } from '#sandbox/backends/slurm/index.ts';
import type { SlurmContext, SlurmSettings } from '#sandbox/backends/slurm/settings.ts';
import { testPython } from './python.ts';
import type { Cluster, ClusterOptions, JobRow } from './slurm/cluster.ts';
import { startCluster } from './slurm/slurm.ts';

export interface SlurmRig {
  readonly cluster: Cluster;
  /** Glovebox's folder on this machine. */
  readonly dir: string;
  readonly projectDir: string;
  readonly settings: SlurmSettings;
  newBackend(changes?: Partial<SlurmSettings>, host?: Host): Backend;
  /** A job whose Python has no Jupyter server, which only the node can see. */
  newFailingBackend(): Backend;
  /** Jobs that have not ended. */
  jobs(): Promise<readonly JobRow[]>;
  dispose(): Promise<void>;
}

/** The smallest job on the smallest node. */
export const SMALL = { cpus: 1, mem: '300M', time: '30', gres: 'none' } as const;

const repository = path.resolve(import.meta.dirname, '../..');
const ENDED = new Set([
  'BOOT_FAIL',
  'CANCELLED',
  'COMPLETED',
  'FAILED',
  'NODE_FAIL',
  'OUT_OF_MEMORY',
  'PREEMPTED',
  'TIMEOUT',
]);

/** On a cluster that is there, whose jobs end with the rig; or on one of its own. */
export async function makeSlurmRig(on: ClusterOptions | Cluster): Promise<SlurmRig> {
  const isOwn = !('admin' in on);
  const cluster = isOwn ? await startCluster(on) : on;
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'gb-')));
  const dir = path.join(folder, 'state');
  const projectDir = path.join(cluster.shared, path.basename(folder), 'my project');
  await mkdir(projectDir, { recursive: true });
  const pythonDir = path.join(repository, 'python');
  const brokenPython = path.join(folder, 'broken-python');
  // It looks like a Python that has everything, and is none.
  await writeFile(
    brokenPython,
    '#!/bin/sh\necho "GLOVEBOX-FAIL it is broken on purpose"\nexit 78\n',
    {
      mode: 0o755,
    },
  );
  const settings: SlurmSettings = {
    dir,
    pythonDir,
    defaults: { ...SMALL, python: testPython() },
    jobsDir: path.join(projectDir, '../jobs'),
    modelsDir: path.join(projectDir, '../models'),
    hubUrl: 'http://127.0.0.1:1',
    variables: {},
    nodeTmp: '/tmp',
    sharedDisk: true,
    purgeModules: true,
    exportNames: [],
    readyMs: 60_000,
    pollMinMs: 200,
  };
  const backends: Backend[] = [];
  const newBackend: SlurmRig['newBackend'] = (changes = {}, host) => {
    const context: SlurmContext = {
      settings: () => ({ ...settings, ...changes }),
      host: async () => host ?? createLocalHost({ env: cluster.env }),
      nodeHost: async (node) => expect.fail(`nobody asked for SSH to ${node}`),
      openRelay: async (where, relay) =>
        openRelay(where, {
          ...relay,
          source: await readFile(path.join(pythonDir, 'relay.py'), 'utf8'),
        }),
      clock: systemClock,
      log: silentLog,
    };
    const backend = createSlurmBackend(context);
    backends.push(backend);
    return backend;
  };
  return {
    cluster,
    dir,
    projectDir,
    settings,
    newBackend,
    newFailingBackend: () =>
      newBackend({ defaults: { ...settings.defaults, python: brokenPython } }),
    jobs: async () => (await cluster.jobs()).filter(({ state }) => !ENDED.has(state)),
    async dispose() {
      for (const backend of backends) backend.close?.();
      await (isOwn ? cluster.stop() : cluster.endAllJobs());
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
