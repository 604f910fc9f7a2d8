/** The test clusters themselves: what other tests believe about them is true of them. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../rigs/program.ts';
import { markedProcesses } from '../rigs/reaper.mjs';
import type { Cluster } from '../rigs/slurm/cluster.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { startCluster } from '../rigs/slurm/slurm.ts';

async function submit(
  cluster: Cluster,
  wrap: string,
  ...words: readonly string[]
): Promise<number> {
  const { code, stdout, stderr } = await cluster.run(
    ['sbatch', '--parsable', '--export=NIL', '--output=out-%j.txt', ...words, `--wrap=${wrap}`],
    { cwd: cluster.shared },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return Number(stdout);
}

const outputOf = async (cluster: Cluster, id: number): Promise<string> =>
  (await cluster.run(['cat', `out-${id}.txt`], { cwd: cluster.shared })).stdout;

describe.skipIf(isSlurmMissing())('Q4: a plain cluster', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ kind: 'plain' });
  });
  afterEach(() => cluster.admin(['scancel', '--user=root']));
  afterAll(() => cluster.stop());

  test('runs a job that asks for a GPU, and knows what was called', async () => {
    const id = await submit(cluster, 'echo $CUDA_VISIBLE_DEVICES $SLURMD_NODENAME', '--gres=gpu:1');
    await cluster.waitForJob(id, 'COMPLETED');
    expect(await outputOf(cluster, id)).toBe('0 n1\n');
    expect(cluster.calls('sbatch')).toEqual([
      expect.stringMatching(/^sbatch --parsable .*--gres=gpu:1 --wrap=/),
    ]);
    // What the rig itself asks is not counted.
    expect(cluster.calls('squeue')).toEqual([]);
  });

  test('a job waits behind that of somebody else, and runs when that is gone', async () => {
    const other = await cluster.occupy();
    const id = await submit(cluster, 'true');
    expect(await cluster.waitForJob(id, 'PENDING')).toMatchObject({
      reason: expect.stringMatching(/Resources|Priority|None/),
    });
    await cluster.admin(['scancel', `${other}`]);
    await cluster.waitForJob(id, 'COMPLETED');
  });

  test('a drained node takes no job, a failed one loses its job', async () => {
    await cluster.drain('n1', 'a test');
    const waiting = await submit(cluster, 'sleep 100', '--no-requeue');
    await expect
      .poll(async () => (await cluster.waitForJob(waiting, 'PENDING')).reason)
      .toMatch(/DRAINED|Nodes_required_for_job/);
    await cluster.resume('n1');
    await cluster.waitForJob(waiting, 'RUNNING');
    await cluster.failNode('n1');
    await cluster.waitForJob(waiting, 'NODE_FAIL');
    await cluster.resume('n1');
  });

  test('a node that is killed takes its jobs along, and can be booted', async () => {
    const id = await submit(cluster, 'sleep 4321');
    await cluster.waitForJob(id, 'RUNNING');
    await cluster.killNode('n1');
    expect((await cluster.run(['pgrep', '-f', '^sleep 4321$'])).code).toBe(1);
    await cluster.bootNode('n1');
    await cluster.waitForJob(await submit(cluster, 'true'), 'COMPLETED');
  });

  test('a job in partition preempt gives way and is queued again', async () => {
    const id = await submit(cluster, 'sleep 100', '-p', 'preempt', '--requeue', '-c4');
    await cluster.waitForJob(id, 'RUNNING');
    const urgent = await submit(cluster, 'sleep 100', '-c4');
    await cluster.waitForJob(urgent, 'RUNNING');
    await cluster.waitForJob(id, 'PENDING');
  });

  test('commands fail while the controller is down, and jobs survive that', async () => {
    const id = await submit(cluster, 'sleep 100');
    await cluster.waitForJob(id, 'RUNNING');
    await cluster.downController();
    const { code } = await cluster.run(['squeue', '-h'], { timeoutMs: 1500 });
    expect(code).not.toBe(0);
    await cluster.upController();
    await cluster.waitForJob(id, 'RUNNING');
  });

  test('a command can be made to fail, to be slow, and to do half of its work', async () => {
    cluster.hinder('squeue', { failsWith: 'slurm_load_jobs error: Unable to contact\n' });
    expect(await cluster.run(['squeue', '-h'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'slurm_load_jobs error: Unable to contact\n',
    });
    cluster.hinder('squeue', { slowS: 30 });
    expect((await cluster.run(['squeue', '-h'], { timeoutMs: 300 })).code).toBeNull();
    cluster.unhinder('squeue');
    cluster.hinder('sbatch', { script: '"$real" "$@" >/dev/null; exit 9' });
    const before = (await cluster.jobs()).length;
    expect(await cluster.run(['sbatch', '--wrap=true', '--output=/dev/null'])).toMatchObject({
      code: 9,
      stdout: '',
    });
    cluster.unhinder('sbatch');
    expect(await cluster.jobs()).toHaveLength(before + 1);
  });

  test('another one beside it is a stranger', async () => {
    const other = await startCluster({ kind: 'plain' });
    try {
      await submit(other, 'sleep 100');
      const own = (await cluster.jobs()).length;
      expect(await other.jobs()).toHaveLength(1);
      await other.stop();
      expect(await cluster.jobs()).toHaveLength(own);
    } finally {
      await other.stop();
    }
  });
});

describe.skipIf(isSlurmMissing('netns'))('a cluster with networks of its own', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ kind: 'netns', nodes: 3, user: 'ada' });
  });
  afterAll(() => cluster.stop());

  const listening = (address: string): string =>
    `exec python3 -c 'import socket; s = socket.create_server(("${address}", 7070)); s.accept(); s.accept()'`;
  const isReachable = async (place: string, host: string): Promise<boolean> => {
    const words = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${host}/7070`];
    return (await cluster.run(words, { place })).code === 0;
  };

  test('a job is the user’s, on another host, with the login environment of the user', async () => {
    const id = await submit(cluster, 'echo $USER $HOME $(hostname)', '--nodelist=node2');
    await cluster.waitForJob(id, 'COMPLETED');
    expect(await outputOf(cluster, id)).toBe(`ada ${cluster.home} node2\n`);
  });

  test('what listens on a node’s loopback is out of reach, what listens on its address is not', async () => {
    const first = await submit(cluster, listening('127.0.0.1'), '--nodelist=node1', '--mem=100');
    const second = await submit(cluster, listening('10.77.0.12'), '--nodelist=node2', '--mem=100');
    await cluster.waitForJob(first, 'RUNNING');
    await cluster.waitForJob(second, 'RUNNING');
    await expect.poll(() => isReachable('login', 'node2'), { timeout: 5000 }).toBe(true);
    expect(await isReachable('login', 'node1')).toBe(false);
    expect(await isReachable('login', '127.0.0.1')).toBe(false);
    expect(await isReachable('laptop', '10.77.0.12')).toBe(false);
    const inside = ['srun', `--jobid=${first}`, '--overlap', '-n1', '-N1', 'bash', '-c'];
    // A job that runs may not listen yet.
    const step = () => cluster.run([...inside, 'exec 3<>/dev/tcp/127.0.0.1/7070']);
    await expect.poll(async () => (await step()).code, { timeout: 20_000 }).toBe(0);
    await cluster.admin(['scancel', `${first}`, `${second}`]);
  });

  test('nodes have their own /tmp and processes; the user’s folder is everywhere', async () => {
    await writeFile(path.join(cluster.dir, 'run/probe'), '');
    const words = 'ls -A /tmp; cat /proc/1/comm; touch ~/from-node';
    const id = await submit(cluster, words, '--nodelist=node3');
    await cluster.waitForJob(id, 'COMPLETED');
    expect(await outputOf(cluster, id)).toBe(`${cluster.name}\nbash\n`);
    expect(existsSync(path.join(cluster.home, 'from-node'))).toBe(true);
  });

  test('the laptop has neither the commands nor the files, and reaches only the login node', async () => {
    const look = `id -un; hostname; command -v sbatch squeue; ls ${cluster.shared}; command -v python3`;
    const { stdout } = await cluster.run(['sh', '-c', look], { place: 'laptop', cwd: '/' });
    expect(stdout).toBe(`ada\nlaptop\n${cluster.dir}/laptop-bin/python3\n`);
    const open = (port: number) => `exec 3<>/dev/tcp/${cluster.loginHost}/${port}`;
    const reach = await cluster.run(['bash', '-c', open(6817)], { place: 'laptop' });
    expect(reach.code).toBe(0);
  });

  test('without a shared file system the user’s folder is empty on nodes', async () => {
    const bare = await startCluster({ kind: 'netns', hasSharedFiles: false });
    try {
      await writeFile(path.join(bare.shared, 'project.txt'), 'here');
      const out = '--output=/tmp/o';
      const id = Number(
        (await bare.run(['sbatch', '--parsable', '--chdir=/', out, '--wrap=sleep 100'])).stdout,
      );
      await bare.waitForJob(id, 'RUNNING');
      const step = ['srun', `--jobid=${id}`, '--overlap', '--chdir=/', 'find', bare.shared];
      const stdout = `${bare.shared}\n${bare.home}\n`;
      expect(await bare.run(step)).toMatchObject({ code: 0, stdout });
    } finally {
      await bare.stop();
    }
  });
});

describe.skipIf(isSlurmMissing())('nothing is left', () => {
  test.each(['plain', 'netns'] as const)(
    'of a %s cluster whose process was killed',
    async (kind) => {
      if (isSlurmMissing(kind)) return;
      const program = runProgram(`
      import { startCluster } from './test/rigs/slurm/slurm.ts';
      const cluster = await startCluster({ kind: '${kind}' });
      const { stdout } = await cluster.run(['sbatch', '--parsable', '--output=/dev/null', '--wrap=sleep 100']);
      await cluster.waitForJob(Number(stdout), 'RUNNING');
      console.log('RUNNING', cluster.name, cluster.dir, '.');
      setInterval(() => {}, 1000);
    `);
      const [, name = '', dir = ''] =
        /RUNNING (\w+) (\S+) \./.exec(await program.printed(' .')) ?? [];
      expect(markedProcesses(name).length).toBeGreaterThan(2);
      program.process.kill('SIGKILL');
      await expect.poll(() => markedProcesses(name), { timeout: 10_000 }).toEqual([]);
      await expect.poll(() => existsSync(dir), { timeout: 10_000 }).toBe(false);
    },
  );
});
