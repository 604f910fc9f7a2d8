/** Readings of this machine, and of what the vendors' tools print. */
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { parseNvidia, parseRocm, readHostResources } from './host-resources.ts';

it('reads this machine without a GPU tool and says so', async () => {
  const resources = await readHostResources({ folders: [tmpdir()], env: { PATH: '/nonexistent' } });
  expect(resources.cpus).toBeGreaterThan(0);
  expect(resources.memory.usedBytes).toBeGreaterThan(0);
  expect(resources.memory.usedBytes).toBeLessThanOrEqual(resources.memory.limitBytes);
  expect(resources.disk[0]).toMatchObject({ path: tmpdir() });
  expect(resources.gpus).toEqual([]);
  expect(resources.remarks.join()).toContain('nvidia-smi');
});

it('takes what is no JSON of rocm-smi for no reading', () => {
  expect(parseRocm('ERROR: no device\n')).toEqual([]);
});

it('parses nvidia-smi, where a field may be missing', () => {
  const text =
    '0, NVIDIA H100 80GB HBM3, 1024, 81559, 37, 41\n1, NVIDIA A100, 0, 40960, [N/A], [N/A]\n';
  expect(parseNvidia(text)).toEqual([
    {
      index: 0,
      name: 'NVIDIA H100 80GB HBM3',
      usedBytes: 1024 * 2 ** 20,
      totalBytes: 81_559 * 2 ** 20,
      utilizationPercent: 37,
      temperatureC: 41,
    },
    { index: 1, name: 'NVIDIA A100', usedBytes: 0, totalBytes: 40_960 * 2 ** 20 },
  ]);
});

it('parses rocm-smi', () => {
  const text = JSON.stringify({
    card0: {
      'Temperature (Sensor edge) (C)': '38.0',
      'GPU use (%)': '12',
      'VRAM Total Memory (B)': '68702699520',
      'VRAM Total Used Memory (B)': '10960896',
      'Card Series': 'AMD Instinct MI210',
    },
    system: { 'Driver version': '6.2.4' },
  });
  expect(parseRocm(text)).toEqual([
    {
      index: 0,
      name: 'AMD Instinct MI210',
      usedBytes: 10_960_896,
      totalBytes: 68_702_699_520,
      utilizationPercent: 12,
      temperatureC: 38,
    },
  ]);
});
