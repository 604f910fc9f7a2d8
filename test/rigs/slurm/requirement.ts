/** Whether this machine can hold a test cluster of a kind. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isMissing } from '../require.ts';
import type { ClusterOptions } from './cluster.ts';

const HOW_TO_GET =
  'apt-get install -y --no-install-recommends slurm-wlm munge slurm-wlm-basic-plugins iproute2';

/** For `describe.skipIf(...)`. */
export function isSlurmMissing(kind: ClusterOptions['kind'] = 'plain'): boolean {
  const programs = [
    'slurmctld',
    'slurmd',
    'munged',
    ...(kind === 'netns' ? ['ip', 'nsenter'] : []),
  ];
  const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const isThere = (name: string): boolean =>
    folders.some((folder) => existsSync(path.join(folder, name)));
  const hasAll = programs.every(isThere);
  if (isMissing('SLURM', hasAll, HOW_TO_GET)) return true;
  return (
    kind === 'netns' &&
    isMissing('The right to make networks', process.getuid?.() === 0, 'Run the tests as root.')
  );
}
