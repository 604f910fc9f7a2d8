/** The built product on a cluster of machines of their own: from the login node, and from a laptop over SSH, as a plain user. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { call, idOf, type Answer } from '../mcp/call.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { installProduct, NODE_PYTHON } from '../rigs/slurm/product.ts';
import type { Cluster } from '../rigs/slurm/cluster.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { startCluster } from '../rigs/slurm/slurm.ts';
import { sshdIsMissing } from '../rigs/sshd.ts';

const GPU_CELL = [
  'import importlib.util, os, platform, socket',
  'print("toolkit:", importlib.util.find_spec("glovebox_interp").name)',
  'print("gpu", os.environ.get("CUDA_VISIBLE_DEVICES"), "on", platform.node(), "as", os.environ.get("USER"))',
  'x = 41',
].join('\n');

/** Says where it is, line by line, and takes about 8 s. */
const LONG_CELL = [
  'import time',
  'for i in range(16):',
  '    print("step", i, flush=True); time.sleep(0.5)',
  'print("done", x + 1)',
].join('\n');

async function open(client: Client, name: string, options: object = {}): Promise<Answer> {
  const created = await call(client, 'sandbox_create', { name, options, wait_s: 50 });
  expect(created.text).toContain('state: ready');
  return call(client, 'start_new_notebook', {
    experiment_name: name,
    sandbox_id: idOf(created, 'sandbox_id'),
  });
}

describe.skipIf(isSlurmMissing('netns') || sshdIsMissing())('on machines of their own', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ kind: 'netns', nodes: 3, user: 'ada' });
    await cluster.startSshd();
  });
  afterEach(() => cluster.endAllJobs());
  afterAll(() => cluster.stop());

  test('Q8.5: an MCP server on the login node is killed while a cell runs on a node: the run goes on, and what may be lost is said', async () => {
    const product = await installProduct(cluster, { place: 'login', name: 'killed' });
    const first = await product.startServer();
    const notebook = await open(first.client, 'killed', { gres: 'gpu:1' });
    const session_id = idOf(notebook, 'session_id');
    const gpu = await call(first.client, 'execute_code', { session_id, code: GPU_CELL });
    expect(gpu.text).toMatch(/gpu 0 on node\d as ada/);
    expect(gpu.text).toContain('toolkit: glovebox_interp');
    const run = await call(first.client, 'execute_code', {
      session_id,
      code: LONG_CELL,
      wait_s: 2,
    });
    expect(run.text).toContain('step 1');
    first.kill();

    const second = await product.startServer();
    const whole = await call(second.client, 'get_run', { run_id: idOf(run, 'run_id'), wait_s: 40 });
    const steps = [...whole.text.matchAll(/step (\d+)/g)].map(([, number]) => Number(number));
    const expected = Array.from({ length: 16 }, (_, index) => index);
    // What was on its way to the one that died, is the only thing that can be missing.
    expect(expected.filter((step) => !steps.includes(step)).length).toBeLessThanOrEqual(1);
    expect(steps).toEqual(expected.filter((step) => steps.includes(step)));
    expect(whole.text).toContain('A line that was on its way at that moment may be missing.');
    expect(whole.text).toContain('done 42');
    const file = path.join(
      product.project,
      idOf(notebook, 'notebook_path').replace(product.project, ''),
    );
    const outputs = async (): Promise<string> =>
      JSON.stringify((await readNotebookFile(file)).at(-1)?.outputs);
    await expect.poll(outputs, { timeout: 10_000 }).toContain('done 42');
    expect(cluster.calls('sbatch').filter((line) => !line.includes('--test-only'))).toHaveLength(1);
    expect(await product.cli('stop')).toMatchObject({ code: 0 });
  });

  test('Q8.9: another user of the cluster finds no token, in processes, records or files', async () => {
    const product = await installProduct(cluster, { place: 'login', name: 'secrets' });
    const { client } = await product.startServer();
    const notebook = await open(client, 'secrets');
    const session_id = idOf(notebook, 'session_id');
    await call(client, 'execute_code', { session_id, code: 'import time; 1 + 1' });
    const token = tokenIn(product.state, 'secrets');
    const [job] = (await cluster.jobs()).filter(({ state }) => state === 'RUNNING');
    const asEve = ['setpriv', '--reuid', '20002', '--regid', '20002', '--clear-groups', 'sh', '-c'];
    const look = [
      'id -un; ps -eo args; cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"',
      `scontrol show job ${job?.id}; scontrol write batch_script ${job?.id} - 2>&1; squeue -o "%all"`,
      `grep -ra . /tmp/gb-* ${cluster.dir} 2>/dev/null | head -c 3000000; ls /tmp/gb-*/ 2>&1; true`,
    ].join('; ');
    const place = job?.node ?? 'none';
    const onNode = (await cluster.run([...asEve, look], { place, cwd: '/' })).stdout;
    const onLogin = await cluster.admin([...asEve, look]);
    expect(onNode).toMatch(/^eve\n/);
    expect(onNode).toMatch(/\/tmp\/gb-.*Permission denied/);
    for (const text of [onNode, onLogin]) {
      expect(text).toContain(`JobId=${job?.id}`);
      expect(text).not.toContain(token);
    }
    // Nor is it where the user's own tools show it.
    const own = await cluster.run(['sh', '-c', `${look}; env; scontrol show job ${job?.id}`]);
    expect(own.stdout.replace(/^.*\/sandboxes\/.*token:.*$/gm, '')).not.toContain(token);
    expect(await product.cli('stop')).toMatchObject({ code: 0 });
  });

  test('S29: start, wait, status, stop on the login node, with a queue', async () => {
    const env = { GLOVEBOX_QUEUE_TIMEOUT: '2' };
    const { cli } = await installProduct(cluster, { place: 'login', name: 'commands', env });
    expect((await cli('status')).code).toBe(4);
    const other = await cluster.occupy();
    const queued = await cli('start', '20', '--no-wait');
    expect(queued.code).toBe(3);
    expect(queued.stdout).toMatch(
      /state: queued \(SLURM job \d+; waiting in the queue; (Resources|Priority|None)/,
    );
    expect(queued.stderr).toContain('Nothing is lost. glovebox wait slurm-');
    // It is resumed, not submitted again; another back end is refused.
    const again = await cli('start', '30', '--json');
    expect(again.json()).toMatchObject({ state: 'queued', ignored_options: ['time'] });
    expect(await cli('start', '--backend', 'local')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--takeover'),
    });
    expect((await cli('status')).code).toBe(3);
    expect((await cli('wait', '--timeout', '1')).code).toBe(3);
    const waiting = cli.start('wait');
    await waiting.says('waiting in the queue');
    waiting.interrupt();
    const interrupted = await waiting.ended;
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain('goes on waiting');

    const patient = cli.start('wait', '--json');
    await cluster.admin(['scancel', `${other}`]);
    const ready = await patient.ended;
    expect(ready.code).toBe(0);
    expect(ready.json()).toMatchObject({ state: 'ready', host: expect.stringMatching(/^node\d$/) });
    expect((await cli('start')).code).toBe(0);
    const status = await cli('status');
    expect(status.code).toBe(0);
    const code = 'import platform; print(platform.node())';
    expect(status.stdout).toMatch(/host: node\d\n(.*\n)*time left: 1\d min/);
    expect((await cli('logs', '-n', '1000')).stdout).toMatch(/glovebox: job \d+, start 0, on node/);
    expect(
      (
        await cli(
          'exec',
          '--sandbox',
          String(Reflect.get(Object(ready.json()), 'sandbox_id')),
          code,
        )
      ).stdout,
    ).toMatch(/^node\d$/m);

    const stopped = await cli('stop');
    expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining('is gone') });
    expect((await cli('status')).code).toBe(4);
    const own = (await cluster.jobs()).filter(({ name }) => name.includes('commands'));
    expect(own.map(({ state }) => state)).toEqual(['CANCELLED']);
  });

  test('S29: stop ends what another command is waiting for; a lost job is told with its log', async () => {
    const { cli } = await installProduct(cluster, { place: 'login', name: 'waited' });
    const other = await cluster.occupy();
    const starting = cli.start('start');
    await starting.says('waiting in the queue');
    // Long enough for the waiting one to see that it is being stopped, which is no end yet.
    cluster.hinder('scancel', { slowS: 2.5 });
    expect((await cli('stop')).code).toBe(0);
    cluster.unhinder('scancel');
    expect((await starting.ended).code).toBe(1);
    await cluster.admin(['scancel', `${other}`]);

    expect((await cli('start')).code).toBe(0);
    const [job] = (await cluster.jobs()).filter(({ state }) => state === 'RUNNING');
    await cluster.admin(['scancel', `${job?.id}`]);
    await expect.poll(async () => (await cli('status')).code, { timeout: 20_000 }).toBe(1);
    const status = await cli('status');
    expect(status.stdout).toMatch(/ended: cancelled: SLURM job \d+ was cancelled, not by Glovebox/);
    expect(status.stdout).toContain('last log lines:');
  });

  test.each([
    ['forward', /reached over TLS from the login node/],
    ['node-ssh', /reached by SSH to its node/],
  ])('S26: from a laptop by %s', async (mode, detail) => {
    const env = { GLOVEBOX_TUNNEL: mode, GLOVEBOX_SLURM_NODELIST: 'node1' };
    const { cli } = await installProduct(cluster, { place: 'laptop', name: `by-${mode}`, env });
    if (mode === 'node-ssh') await cluster.startNodeSshd('node1');
    const started = await cli('start', '--json');
    expect(started).toMatchObject({ code: 0 });
    expect(started.json()).toMatchObject({ state: 'ready', detail: expect.stringMatching(detail) });
    const id = String(Reflect.get(Object(started.json()), 'sandbox_id'));
    const ran = await cli('exec', '--sandbox', id, 'import platform; print(platform.node())');
    expect(ran.stdout).toMatch(/^node1$/m);
    expect(await cli('stop')).toMatchObject({ code: 0 });
  });

  test('S26, X120: two login nodes with one home have one sandbox, and reach it over the network', async () => {
    const env = { GLOVEBOX_TUNNEL: 'direct', GLOVEBOX_SLURM_NODELIST: 'node1' };
    const name = 'one-home';
    const here = await installProduct(cluster, { place: 'login', name, env });
    const there = await installProduct(cluster, { place: 'node3', name, env });
    const starts = [here.cli.start('start', '--json'), there.cli.start('start', '--json')];
    const [first, second] = await Promise.all(
      starts.map(async ({ ended }) => (await ended).json()),
    );
    expect(first).toMatchObject({ state: 'ready', host: 'node1' });
    expect(second).toMatchObject({ sandbox_id: Reflect.get(Object(first), 'sandbox_id') });
    expect((await cluster.jobs()).filter((job) => job.name.includes(name))).toHaveLength(1);
    const id = String(Reflect.get(Object(first), 'sandbox_id'));
    for (const { cli } of [here, there])
      expect((await cli('exec', '--sandbox', id, 'print(40 + 2)')).stdout).toMatch(/^42$/m);
    expect(await there.cli('stop')).toMatchObject({ code: 0 });
    expect((await here.cli('status')).code).toBe(4);
  });

  test('S19, S24: from a laptop over SSH, with no scheduler and no files of the cluster', async () => {
    const product = await installProduct(cluster, { place: 'laptop', name: 'far' });
    expect(await product.cli('login')).toMatchObject({ code: 0 });
    const { client } = await product.startServer();
    const notebook = await open(client, 'far', { gres: 'gpu:2' });
    const session_id = idOf(notebook, 'session_id');
    const gpu = await call(client, 'execute_code', { session_id, code: GPU_CELL });
    expect(gpu.text).toMatch(/gpu 0,1 on node\d as ada/);
    const file = path.join(product.project, 'notebooks');
    expect(readdirSync(file).some((name) => name.endsWith('.ipynb'))).toBe(true);

    // The login node goes down in the middle of a cell, and comes back.
    const run = await call(client, 'execute_code', { session_id, code: LONG_CELL, wait_s: 2 });
    await cluster.stopSshd();
    await cluster.startSshd();
    const whole = await call(client, 'get_run', { run_id: idOf(run, 'run_id'), wait_s: 55 });
    // A relay that outlives its login node takes output for a client that is gone; then that is said.
    expect(whole.text).toMatch(/done 42|may be missing/);
    const after = await call(client, 'execute_code', { session_id, code: 'print("still", x + 1)' });
    expect(after.text).toContain('still 42');
    expect(await product.cli('stop')).toMatchObject({ code: 0 });
  });
});

/** The secret of a sandbox, from the state folder. */
function tokenIn(state: string, name: string): string {
  const found = readdirSync(state, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'token' && file.includes(`slurm-${name}-`))
    .map((file) => readFileSync(path.join(state, file), 'utf8').trim());
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

test.skipIf(isSlurmMissing('netns'))(
  'what nodes do not see is told in time, and files stay where they are',
  async () => {
    const cluster = await startCluster({ kind: 'netns', nodes: 1, hasSharedFiles: false });
    try {
      const env = { GLOVEBOX_SLURM_SHARED_DISK: '0', GLOVEBOX_SLURM_PYTHON: NODE_PYTHON };
      const product = await installProduct(cluster, { place: 'login', name: 'unshared', env });
      const { client } = await product.startServer();
      const notebook = await open(client, 'unshared');
      const session_id = idOf(notebook, 'session_id');
      const code = 'import os\nprint(sorted(os.listdir(os.path.expanduser("~"))))\nx = 41';
      expect((await call(client, 'execute_code', { session_id, code })).text).not.toContain(
        'unshared',
      );
      const whole = await call(client, 'execute_code', {
        session_id,
        code: 'print("here", x + 1)',
      });
      expect(whole.text).toContain('here 42');
      const folder = path.join(product.project, 'notebooks');
      expect(readdirSync(folder).filter((name) => name.endsWith('.ipynb'))).toHaveLength(1);
      const log = await product.cli('logs', '-n', '1000');
      expect(log.stdout).toMatch(/glovebox: job \d+, start 0, on node1/);

      // What was on the node is gone with the job; its end is told with the lines that were read in time.
      const [job] = (await cluster.jobs()).filter(({ state }) => state === 'RUNNING');
      await cluster.admin(['scancel', `${job?.id}`]);
      const status = async (): Promise<string> => (await product.cli('status')).stdout;
      await expect.poll(status, { timeout: 20_000 }).toContain('was cancelled, not by Glovebox');
      expect(await status()).toMatch(/last log lines:\n(.*\n)*.*Serving notebooks from/);
      const failed = await product.cli('start', '--name', 'broken', '--python', '/no/such/python');
      expect(failed.code).toBe(1);
      expect(failed.stdout + failed.stderr).toContain(
        'There is no Python /no/such/python on node1',
      );
    } finally {
      await cluster.stop();
    }
  },
);
