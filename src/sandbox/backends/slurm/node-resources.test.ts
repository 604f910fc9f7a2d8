/** What a node says about itself is read as it is. */
import { expect, test } from 'vitest';
import { parseNodeResources } from './node-resources.ts';

const RECORDED = `host node1
cpus 4
load 1.20 0.80 0.75
MemTotal 24683000 kB
MemAvailable 20000000 kB
limit 9223372036854771712 500
limit 314572800 104857600
limit 629145600 209715200
disk overlay                 263174212 13313076 238360844       6% /
disk server:/home of all  1000000 1000 999000 1% /home of all
gpu 0, NVIDIA A100-SXM4-40GB, 1024, 40960, 35, 51
gpu 1, NVIDIA A100-SXM4-40GB, 0, 40960, [N/A], 40
`;

test('memory by the nearest control group, disks with blanks, GPUs', () => {
  expect(parseNodeResources(RECORDED)).toEqual({
    host: 'node1',
    cpus: 4,
    load: [1.2, 0.8, 0.75],
    memory: { usedBytes: 104_857_600, limitBytes: 314_572_800, limitSource: 'control group' },
    disk: [
      { path: '/', totalBytes: 263_174_212 * 1024, freeBytes: 238_360_844 * 1024 },
      { path: '/home of all', totalBytes: 1_000_000 * 1024, freeBytes: 999_000 * 1024 },
    ],
    gpus: [
      expect.objectContaining({ index: 0, utilizationPercent: 35, temperatureC: 51 }),
      expect.not.objectContaining({ utilizationPercent: expect.anything() }),
    ],
    remarks: [],
  });
});

test('without a limit the machine’s memory counts, and a missing tool is said', () => {
  const text = 'host n1\ncpus 2\nMemTotal 1000 kB\nMemAvailable 400 kB\nremark gpus: none seen\n';
  expect(parseNodeResources(text)).toMatchObject({
    memory: { usedBytes: 600 * 1024, limitBytes: 1000 * 1024 },
    remarks: ['gpus: none seen'],
  });
});

test('an error text is no answer', () => {
  expect(
    parseNodeResources('srun: error: Unable to confirm allocation for job 4\n'),
  ).toBeUndefined();
});
