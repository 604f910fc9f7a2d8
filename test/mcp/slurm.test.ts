/** Notebooks in SLURM jobs through MCP, from a client on the login node: queue, wait, a pretend GPU, the end. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { createApp, type App } from '#main/app.ts';
import { silentLog } from '#platform/log.ts';
import { tools } from '#tools/index.ts';
import { testPython } from '../rigs/python.ts';
import type { Cluster } from '../rigs/slurm/cluster.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { startCluster } from '../rigs/slurm/slurm.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

describe.skipIf(isSlurmMissing())('a notebook in a SLURM job', () => {
  let cluster: Cluster;
  let folder: string;
  let projectDir: string;
  const apps: App[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ kind: 'plain' });
    folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'gb-')));
    projectDir = path.join(cluster.shared, 'project');
    mkdirSync(projectDir);
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const newApp = async (): Promise<App> => {
    const env = {
      ...cluster.env,
      GLOVEBOX_DIR: path.join(folder, 'state'),
      GLOVEBOX_PROJECT_DIR: projectDir,
      GLOVEBOX_BACKEND: 'slurm',
      GLOVEBOX_SLURM_PYTHON: testPython(),
      GLOVEBOX_SLURM_CPUS: '1',
      GLOVEBOX_SLURM_MEM: '400M',
      GLOVEBOX_SLURM_DIR: path.join(cluster.shared, 'jobs'),
      GLOVEBOX_POLL_MIN_S: '1',
    };
    const config = await loadConfig({ env, cwd: projectDir });
    const app = createApp({ config, env, projectDir, log: silentLog });
    apps.push(app);
    return app;
  };
  const clientOf = async (app: App): Promise<Client> =>
    (await connect('modern', { tools, services: async () => app.services })).client;

  it('S32, X106: is queued as a state, waited for, used with a GPU, found by the next process, and stopped', async () => {
    const mcp = await clientOf(await newApp());
    const survey = await call(mcp, 'sandbox_options', { backend: 'slurm' });
    expect(survey.text).toMatch(/gpu: default partition of 1 node.*2x a100.*4 of 4 CPUs free/);
    expect(survey.text).toContain('option gres:');

    const blocker = await cluster.occupy();
    const created = await call(mcp, 'sandbox_create', {
      name: 'training',
      options: { gres: 'gpu:1' },
      wait_s: 0,
    });
    const sandbox_id = idOf(created, 'sandbox_id');
    const queued = async (): Promise<string> =>
      (await call(mcp, 'sandbox_wait', { sandbox_id, wait_s: 0 })).text;
    await expect
      .poll(queued, { timeout: 30_000 })
      .toMatch(/state: queued \(SLURM job \d+; waiting in the queue; Resources/);
    expect(created.text).toContain(`Next: sandbox_wait(sandbox_id="${sandbox_id}")`);
    const early = await callError(mcp, 'start_new_notebook', {
      experiment_name: 'gpu',
      sandbox_id,
      wait_s: 0,
    });
    expect(early).toContain('[sandbox/pending]');

    await cluster.admin(['scancel', String(blocker)]);
    const waited = await call(mcp, 'sandbox_wait', { sandbox_id, wait_s: 60 });
    expect(waited.text).toContain('state: ready');
    // Nobody said how long, and the partition allows less than the default.
    expect(waited.text).toMatch(/time left: (1 h 5\d min|2 h)/);
    expect(waited.text).toContain('its time limit is 2 h, the most that partition gpu allows');

    const started = await call(mcp, 'start_new_notebook', { experiment_name: 'gpu', sandbox_id });
    const session_id = idOf(started, 'session_id');
    const code =
      'import os\nx = 41\nprint(os.environ["CUDA_VISIBLE_DEVICES"], os.environ["SLURM_JOB_ID"])';
    const ran = await call(mcp, 'execute_code', { session_id, code });
    expect(ran.text).toMatch(/^0 \d+$/m);
    // X128: nothing of ours needs locks of the home folder's disk.
    const history = 'print(get_ipython().history_manager.hist_file)';
    expect((await call(mcp, 'execute_code', { session_id, code: history })).text).toContain(
      ':memory:',
    );

    const resources = await call(mcp, 'check_resources', { sandbox_id });
    expect(resources.text).toMatch(/^memory: \d.* of \d.* in use/m);
    expect(resources.text).toContain(`disk `);

    // Another process of the product: the same job, the same variables.
    const other = await clientOf(await newApp());
    await call(other, 'start_notebook', { notebook_path: idOf(started, 'notebook_path') });
    const again = await call(other, 'execute_code', { session_id, code: 'x + 1' });
    expect(again.text).toContain('42');

    // The job ends, as it would at its time limit: every answer leads on, and the notebook opens again in a job of the project.
    await cluster.endAllJobs();
    const look = async (): Promise<string> =>
      (await call(mcp, 'sandbox_wait', { sandbox_id, wait_s: 0 })).text;
    await expect.poll(look, { timeout: 60_000 }).toContain('state: ended');
    const notebook_path = idOf(started, 'notebook_path');
    expect(await callError(mcp, 'restart_kernel', { session_id })).toContain(
      `start_notebook(notebook_path="${notebook_path}")`,
    );
    const reopened = await call(mcp, 'start_notebook', { notebook_path, wait_s: 60 });
    expect(reopened.text).toContain(`Fresh kernel: no variables. Session ${session_id} is over`);
    const fresh = idOf(reopened, 'session_id');
    const inJob = await call(mcp, 'execute_code', { session_id: fresh, code });
    expect(inJob.text).toMatch(/^0 \d+$/m);

    const own = idOf(reopened, 'sandbox_id');
    const stopped = await call(mcp, 'sandbox_stop', { sandbox_id: own });
    expect(stopped.text).toContain('state: ended');
    const lost = await callError(mcp, 'execute_code', { session_id: fresh, code: '1' });
    expect(lost).toContain('its sandbox was stopped');
  });
});
