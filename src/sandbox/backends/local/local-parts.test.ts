/** Small parts of the local back end: the log's end, the folder of sockets, installation progress, GPUs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { checkMachine, chooseGpus } from './check-machine.ts';
import { watchInstallation } from './install-progress.ts';
import { countEqual } from './offers.ts';
import { runtimeDirFor } from './runtime-dir.ts';
import { endFromLog, logTail } from './server-log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'parts-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('G7: hardware that was asked for', () => {
  const gpus = [
    ['NVIDIA A100-SXM4-80GB', 70],
    ['NVIDIA A100-SXM4-80GB', 0],
    ['NVIDIA T4', 0],
  ].map(([name, used], index) => ({
    index,
    name: String(name),
    usedBytes: Number(used),
    totalBytes: 80,
  }));

  test.each([
    [['A100'], 1, [1]],
    [['a100-sxm4'], 2, [0, 1]],
    [['H100', 'T4'], 1, [2]],
    [['gpu'], 2, [1, 2]],
    [['T4'], 2, undefined],
    [['H100'], 1, undefined],
  ])('%j, %i of them', (names, count, chosen) => {
    expect(chooseGpus(names, count, gpus)).toEqual(chosen);
  });

  test('is there, or all that is missing is told before anything is made', async () => {
    const { signal } = new AbortController();
    const environment = { PATH: folder };
    expect(await checkMachine({ cpu: 1, memory_mib: 1 }, environment, signal)).toEqual({});
    const wanted = { cpu: 99_999, memory_mib: 99_999_999, gpu: 'A100' };
    await expect(checkMachine(wanted, environment, signal)).rejects.toThrow(
      /cpu: this machine has \d+; memory_mib: this machine has \d+; gpu: this machine has no GPU\./,
    );
  });
});

describe('logTail', () => {
  test.each([
    ['', 5, []],
    ['one', 5, ['one']],
    ['one\ntwo\n', 5, ['one', 'two']],
    ['one\ntwo\nthree\n', 2, ['two', 'three']],
    ['one\n\ntwo\n', 5, ['one', '', 'two']],
  ])('%j, last %i', async (text, lines, expected) => {
    const file = path.join(folder, 'log');
    await writeFile(file, text);
    expect(await logTail(file, lines)).toEqual(expected);
  });

  test('reads the end of a big one, and nothing of one that is not there', async () => {
    const file = path.join(folder, 'log');
    await writeFile(file, `${'x'.repeat(999)}\n`.repeat(2000) + 'last\n');
    expect(await logTail(file, 2)).toEqual(['x'.repeat(999), 'last']);
    const all = await logTail(file, 10_000);
    expect(all.length).toBeLessThan(300);
    expect(all.every((line) => line.length === 999 || line === 'last')).toBe(true);
    expect(await logTail(path.join(folder, 'none'), 2)).toEqual([]);
  });
});

describe('endFromLog', () => {
  test.each([
    ['[W] GLOVEBOX-END idle: nobody used this server for 86400 seconds.', 'idle'],
    ['[W] GLOVEBOX-END time-limit: the lifetime of this sandbox is over.', 'time-limit'],
    ['[C 2026-01-01 SandboxServerApp] received signal 15, stopping', 'stopped'],
    ['[I] Shutting down on /api/shutdown request.', 'stopped'],
    ['MemoryError', 'out-of-memory'],
    ['[I] something else', 'unknown'],
  ])('%s', (line, cause) => {
    expect(endFromLog(['before', line, 'after']).cause).toBe(cause);
  });
});

describe('runtimeDirFor', () => {
  const kernelSocket = `kernel-${'0'.repeat(36)}-ipc-5`;

  test.each([
    '/home/someone/.glovebox',
    `/very/${'long/'.repeat(30)}folder`,
    '/home/ümläüt'.repeat(4),
  ])('L4: sockets below %s fit into what macOS and Linux allow', (dir) => {
    const socket = path.join(runtimeDirFor(dir, 'local-a-000000000000'), kernelSocket);
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103);
  });

  test('each sandbox has its own', () => {
    const dirs = [runtimeDirFor('/a', 'x'), runtimeDirFor('/a', 'y'), runtimeDirFor('/b', 'x')];
    expect(new Set(dirs).size).toBe(3);
  });
});

describe('watchInstallation', () => {
  test('counts what pip collects and what it has unpacked', async () => {
    const packages = path.join(folder, 'lib/python3.12/site-packages');
    await mkdir(path.join(packages, 'pip-25.0.dist-info'), { recursive: true });
    const reports: unknown[] = [];
    const watch = watchInstallation({
      folder,
      clock: systemClock,
      report: (progress) => reports.push(progress),
    });
    watch.onLine('Collecting jupyterlab<5,>=4.2');
    watch.onLine('  Downloading jupyterlab-4.6.0-py3-none-any.whl (12 MB)');
    watch.onLine('Installing collected packages: a, b, jupyterlab');
    await mkdir(path.join(packages, 'jupyterlab-4.6.0.dist-info'));
    await expect
      .poll(() => reports)
      .toEqual([
        { message: 'collecting jupyterlab, 1 packages so far' },
        { message: 'installing 3 packages', done: 0, total: 3 },
        { message: 'installing 1/3 jupyterlab', done: 1, total: 3 },
      ]);
    watch.stop();
  });
});

test('equal GPUs are counted', () => {
  const big = { name: 'NVIDIA H100 80GB HBM3', totalBytes: 80 * 2 ** 30 };
  const small = { name: 'Tesla T4', totalBytes: 15 * 2 ** 30 };
  expect(countEqual([big, small, big])).toEqual([
    { name: big.name, count: 2, memoryMiB: 81_920 },
    { name: small.name, count: 1, memoryMiB: 15_360 },
  ]);
  expect(countEqual([])).toEqual([]);
});
