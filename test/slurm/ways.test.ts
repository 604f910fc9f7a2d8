/** The ways to a server in a job other than the ordinary one, and the environments it may run in, on a real cluster. */
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Backend, SandboxStatus } from '#sandbox/backend.ts';
import { ask, failureOf, never, type Caller } from '../contract/contract-rig.ts';
import { filesBelow } from '../contract/local-start.ts';
import { commitOf, startModelHub } from '../fakes/model-hub.ts';
import { echo, startByteServer } from '../rigs/byte-servers.ts';
import { INSTALL, makeSampleRepository, SAMPLE_URL } from '../rigs/sample-repository.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { isSlurmMissing } from '../rigs/slurm/requirement.ts';
import { expectEnd, seen, useLab } from './lab.ts';

describe.skipIf(isSlurmMissing())('a job', () => {
  const lab = useLab();

  async function answers(caller: Caller, backend: Backend): Promise<void> {
    const endpoint = await backend.endpoint(caller.handle(), never());
    expect(endpoint.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await ask(endpoint, 'GET', 'api/status')).toMatchObject({ status: 200 });
  }

  /** The folder of a job's files on the cluster. */
  async function folderOf(caller: Caller): Promise<string> {
    const { jobsDir } = lab.rig.settings;
    const found = (await readdir(jobsDir)).filter((name) => name.startsWith(`${caller.id}-`));
    expect(found).toHaveLength(1);
    return path.join(jobsDir, found[0] ?? '');
  }

  /** A server of somebody else's. */
  async function stranger(): Promise<number> {
    const server = await startByteServer(echo);
    onTestFinished(() => server.stop());
    return server.port;
  }

  describe('S26-S28: is reached over the network', () => {
    let caller: Caller;
    let ready: SandboxStatus;

    test('where steps cannot be started: TLS on the address towards the login node', async () => {
      lab.rig.cluster.hinder('srun', { script: 'exit 127' });
      caller = lab.newCaller();
      ready = await caller.startAndWait(lab.newBackend());
      expect(ready.detail).toMatch(/reached over TLS, because this machine has no srun for steps/);
      await answers(caller, lab.newBackend());

      const folder = await folderOf(caller);
      const text = await readFile(path.join(folder, 'endpoint-0.json'), 'utf8');
      const told: unknown = JSON.parse(text);
      expect(told).toMatchObject({ fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/) });
      const ip = String(Reflect.get(Object(told), 'ip'));
      const port = Number(Reflect.get(Object(told), 'port'));
      expect(ip).not.toMatch(/^(0\.0\.0\.0|::)$/);
      // Only that one address, and nothing in plain text.
      const listening = (await lab.rig.cluster.run(['ss', '-Hltn', `sport = :${port}`])).stdout;
      expect(listening.trim().split('\n')).toEqual([expect.stringContaining(`${ip}:${port} `)]);
      const plain = { baseUrl: `http://${ip}:${port}/`, headers: {} };
      await expect(ask(plain, 'GET', 'api/status')).rejects.toMatchObject({ code: 'http/failed' });
      // The token was handed over in a file, which is gone.
      expect((await readdir(folder)).filter((name) => name.includes('token'))).toEqual([]);
    });

    test('X118: on a port that is taken by a stranger it is not, and without a free one it says so', async () => {
      const taken = await stranger();
      const bindIp = '127.0.0.1';
      const ports = { min: taken, max: taken };
      const refused = lab.newCaller();
      await refused.start(lab.newBackend({ tunnel: 'direct', bindIp, ports }));
      const status = await seen(refused, lab.newBackend(), 'ended');
      expectEnd(status, 'start-failed', new RegExp(`No port from ${taken} to ${taken} is free on`));

      const other = lab.newCaller();
      const backend = lab.newBackend({ bindIp, ports: { min: taken - 3, max: taken + 3 } });
      await other.startAndWait(backend);
      await answers(other, backend);
      const told = await readFile(path.join(await folderOf(other), 'endpoint-0.json'), 'utf8');
      expect(told).not.toContain(`"port": ${taken},`);
    });
  });

  test('S6, X118: where a socket’s path would be too long, a port of loopback will do', async () => {
    const nodeTmp = path.join(lab.rig.projectDir, 'a'.repeat(60));
    await mkdir(nodeTmp);
    const taken = await stranger();
    const caller = lab.newCaller();
    const backend = lab.newBackend({ nodeTmp, ports: { min: taken, max: taken + 5 } });
    await caller.startAndWait(backend);
    await answers(caller, backend);
    const told = await readFile(path.join(await folderOf(caller), 'endpoint-0.json'), 'utf8');
    expect(told).toContain('"ip": "127.0.0.1"');
    expect(told).not.toContain('fingerprint');
  });

  test('S18: is found again by somebody who has lost everything, with its token', async () => {
    const caller = lab.newCaller();
    await caller.startAndWait(lab.newBackend());
    const before = await lab.newBackend().endpoint(caller.handle(), never());
    await rm(path.join(lab.rig.dir, 'sandboxes'), { recursive: true });
    const backend = lab.newBackend();
    const found = await backend.discover?.(lab.rig.projectDir, never());
    expect(found).toMatchObject([{ id: caller.id, generation: 1 }]);
    await seen(caller, backend, 'ready');
    const after = await backend.endpoint(caller.handle(), never());
    expect(after.headers).toEqual(before.headers);
    await answers(caller, backend);
    // On the node it is gone again; and who asks for another project finds nothing.
    const [, nonce] = (await lab.jobOf(caller)).comment.split(':');
    const words = ['find', '/tmp', '-maxdepth', '2', '-path', `/tmp/gb-*-${nonce}/[st]*`];
    const left = (await lab.rig.cluster.run(words)).stdout.trim().split('\n');
    expect(left.map((file) => path.basename(file)).toSorted()).toEqual([
      's',
      'serve.py',
      'slurm_node.py',
      'template.json',
    ]);
    expect(await backend.discover?.('/another/project', never())).toEqual([]);
    // A cluster that does not answer is no error, and is not asked again at once.
    lab.rig.cluster.hinder('squeue', { slowS: 1000 });
    const other = lab.newBackend();
    expect(await other.discover?.('/another/project', never())).toEqual([]);
    const asked = lab.rig.cluster.calls('squeue').length;
    expect(await other.discover?.('/another/project', never())).toEqual([]);
    expect(lab.rig.cluster.calls('squeue')).toHaveLength(asked);
    lab.rig.cluster.unhinder('squeue');
    await backend.stop(caller.handle(), never());
    expect(await lab.rig.jobs()).toEqual([]);
  });

  test('S18: folders of jobs that ended weeks ago are removed with the next submission', async () => {
    const { jobsDir } = lab.rig.settings;
    const weeksAgo = new Date(Date.now() - 15 * 86_400_000);
    const leave = async (name: string, nonce: string): Promise<string> => {
      const folder = path.join(jobsDir, name);
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, 'nonce'), `${nonce}\n`);
      await utimes(folder, weeksAgo, weeksAgo);
      return folder;
    };
    const waiting = lab.newCaller({ partition: 'closed' });
    await waiting.start(lab.newBackend());
    const living = await folderOf(waiting);
    await utimes(living, weeksAgo, weeksAgo);
    await leave('slurm-old-000000000001-aaaaaaaaaaaa', 'aaaaaaaaaaaa');
    const foreign = await leave('my-results-2024', 'something else');
    await lab.newCaller({ partition: 'closed' }).start(lab.newBackend());
    await expect
      .poll(() => readdir(jobsDir), { timeout: 10_000 })
      .not.toContain('slurm-old-000000000001-aaaaaaaaaaaa');
    const left = await readdir(jobsDir);
    expect(left).toEqual(expect.arrayContaining([path.basename(living), path.basename(foreign)]));
  });

  test('G7, L4, L10, M17, M21, acceptance 14: has its models, repositories and files, which the login node put there before the job was asked for, its variables and secrets, and its limit; what cannot be is refused before', async () => {
    const weights = 'weights of the tiny model';
    const hub = await startModelHub({
      'tiny/model': { files: { 'model.safetensors': weights, 'config.json': '{}' } },
    });
    try {
      const sample = makeSampleRepository(path.join(lab.rig.projectDir, 'origin'));
      const variables = { PROBE_KEY: 'value-of-a-kernel', INDEX_KEY: 'value-of-an-installation' };
      const backend = lab.newBackend({ hubUrl: hub.url, variables }, lab.hostWith(sample.env));
      const models = [{ id: 'tiny/model', preload: false }];
      const repos = [{ url: SAMPLE_URL, ref: sample.commit, install: INSTALL }];
      const limits = { max_lifetime_seconds: 1200, idle_timeout_seconds: 600 };
      await mkdir(path.join(lab.rig.projectDir, 'configs'));
      await writeFile(path.join(lab.rig.projectDir, 'configs/probe.json'), '{}');
      const env = { GREETING: 'hello' };
      const secrets = [
        { env: 'PROBE_KEY', as: 'SERVICE_KEY', scope: ['kernel'] },
        { env: 'INDEX_KEY' },
      ];
      const files = [{ from: 'configs', to: path.join(lab.rig.projectDir, 'run') }];
      const made = { models, repos, files, env, secrets, cache_volume: true, ...limits };
      const caller = lab.newCaller(made);
      const { deadlineMs = 0 } = await caller.startAndWait(backend);
      expect(deadlineMs - Date.now()).toBeLessThanOrEqual(1_200_000);
      expect(caller.data).toMatchObject({ repositories: [{ commit: sample.commit }] });
      const folder = path.join(lab.rig.settings.modelsDir, 'tiny--model', commitOf('tiny/model'));
      expect(await readFile(path.join(folder, 'model.safetensors'), 'utf8')).toBe(weights);
      const endpoint = await backend.endpoint(caller.handle(), never());
      const kernel = await startRawKernel(endpoint, 'models.ipynb');
      const told =
        '[{k: v for k, v in os.environ.items() if k.startswith("MODEL_")}, __import__("glovebox_models").list_models(), os.environ["REPO_SAMPLE_PATH"], __import__("gbrepo").value, [os.environ.get(k) for k in ("GREETING", "SERVICE_KEY", "PROBE_KEY", "INDEX_KEY")], os.listdir("run"), os.path.isdir(os.environ["HF_HOME"]) and os.environ["HF_HOME"]]';
      expect(
        await kernel.execute(`import json, os\njson.dump(${told}, open("models-out.json", "w"))`),
      ).toBe('ok');
      await kernel.leave();
      const out = await readFile(path.join(lab.rig.projectDir, 'models-out.json'), 'utf8');
      const clone = path.join(lab.rig.projectDir, 'sample');
      const listed = [{ var: 'model', id: 'tiny/model', path: folder }];
      const seenThere = ['hello', variables.PROBE_KEY, null, null];
      const named = { MODEL_TINY_MODEL_PATH: folder, MODEL_MODEL_PATH: folder };
      const cache = path.join(lab.rig.settings.modelsDir, 'hub-cache');
      expect(JSON.parse(out)).toEqual([named, listed, clone, 1, seenThere, ['probe.json'], cache]);
      // The node has taken them: they are in the memory of the server, and in no file of either side.
      const written = [
        ...(await filesBelow(lab.rig.dir)),
        ...(await filesBelow(lab.rig.settings.jobsDir)),
      ];
      for (const place of written) {
        const text = await readFile(place, 'latin1');
        for (const value of Object.values(variables)) expect(text, place).not.toContain(value);
      }
      const file = path.join(lab.rig.projectDir, 'own/config.json');
      const own = lab.newCaller({ models: [{ id: './own', preload: false }] });
      expect((await failureOf(own.start(backend))).message).toContain(file);
      const unshared = lab.newBackend({ hubUrl: hub.url, sharedDisk: false });
      expect((await failureOf(lab.newCaller({ models }).start(unshared))).message).toMatch(
        /models: needs a disk .*local, modal and huggingface/,
      );
      expect((await failureOf(lab.newCaller({ repos }).start(unshared))).message).toMatch(
        /repos, files and python_packages need a disk .*local, modal and huggingface/,
      );
      expect((await failureOf(lab.newCaller({ env }).start(unshared))).message).toMatch(
        /env and secrets need a disk .*local, modal and huggingface/,
      );
      const old = lab.newCaller({ python_version: '3.9' });
      expect((await failureOf(old.start(backend))).message).toMatch(
        /^python_version is 3\.9, and the Python of kernels is 3\.\d+/,
      );
      const outside = lab.newCaller({ files: [{ from: 'configs', to: '/etc/probe' }] });
      expect(await failureOf(outside.start(backend))).toMatchObject({
        code: 'path/not-allowed',
        hint: expect.stringContaining(`below ${lab.rig.projectDir}`),
      });
      expect(await lab.rig.jobs()).toHaveLength(1);
    } finally {
      await hub.close();
    }
  });

  describe('brings its environment', () => {
    let bin: string;
    let log: string;
    const program = (name: string, lines: readonly string[]): Promise<void> =>
      writeFile(path.join(bin, name), `#!/bin/bash\n${lines.join('\n')}\n`, { mode: 0o755 });
    /** With programs of the test in front of those of the node. */
    const onPath = (): readonly string[] => [`export PATH='${bin}':$PATH`];
    beforeAll(async () => {
      bin = path.join(lab.rig.projectDir, 'fake bin');
      log = path.join(bin, 'log');
      await mkdir(bin);
    });

    test('of a version that the login node cannot see, and which the node refuses before its server starts', async () => {
      const caller = lab.newCaller({ python_version: '3.9', setup: onPath() });
      await caller.start(lab.newBackend());
      const { end } = await caller.waitFor(lab.newBackend(), 'ended');
      expect(end?.message).toContain('python_version is 3.9, and ');
    });

    test('from a container, in which the server and what leads to it run', async () => {
      await program('apptainer', [
        `printf '%s\\n' "$*" >>'${log}'`,
        '[ "$1" = exec ] || exit 64',
        'shift',
        'while [ "${1#--}" != "$1" ]; do [ "$1" = --bind ] && shift; shift; done',
        '[ "$1" = /images/torch.sif ] || exit 65',
        'shift',
        'IN_CONTAINER=yes exec "$@"',
      ]);
      const sample = makeSampleRepository(path.join(bin, 'origin'));
      // What the login node cannot know, it leaves to the node.
      const install = ['sh', '-c', `test "$IN_CONTAINER" = yes && ${INSTALL.at(-1)}`];
      const repos = [{ url: SAMPLE_URL, ref: sample.commit, path: 'inside', install }];
      const caller = lab.newCaller({ container: '/images/torch.sif', setup: onPath(), repos });
      const backend = lab.newBackend({}, lab.hostWith(sample.env));
      await caller.startAndWait(backend);
      await answers(caller, backend);
      const calls = (await readFile(log, 'utf8')).trim().split('\n');
      expect(calls.map((call) => /\S+\.py|-I -u -c/.exec(call)?.[0])).toEqual([
        expect.stringMatching(/slurm_node\.py$/),
        expect.stringMatching(/serve\.py$/),
        '-I -u -c',
      ]);
      for (const call of calls) {
        expect(call).toMatch(/^exec --bind \/tmp\/gb-\d+-0-\w+ /);
        expect(call).toContain(`--bind ${lab.rig.projectDir} /images/torch.sif `);
      }
    });

    test('from one that there is no program for: that is said', async () => {
      const caller = lab.newCaller({ container: '/images/torch.sif' });
      await caller.start(lab.newBackend());
      const status = await seen(caller, lab.newBackend(), 'ended');
      expectEnd(status, 'start-failed', /neither apptainer nor singularity/);
    });

    test('from modules, purged first and loaded in their order; one that fails ends the job', async () => {
      await rm(log, { force: true });
      await program('module', [
        `printf '%s\\n' "$*" >>'${log}'`,
        'if [ "$2" = broken ]; then echo "Lmod has detected the following error: no broken" >&2; fi',
      ]);
      // A module comes before set-up lines, so the PATH comes along with the submission.
      const host = lab.hostWith({ PATH: `${bin}:${lab.rig.cluster.env['PATH'] ?? ''}` });
      const backend = lab.newBackend({ exportNames: ['PATH'] }, host);
      const caller = lab.newCaller({ modules: ['python/3.12', 'cuda/12.4'] });
      await caller.startAndWait(backend);
      await answers(caller, backend);
      expect(await readFile(log, 'utf8')).toBe('purge\nload python/3.12\nload cuda/12.4\n');
      const broken = lab.newCaller({ modules: ['broken', 'never'] });
      await broken.start(backend);
      const status = await seen(broken, backend, 'ended');
      expectEnd(status, 'start-failed', /The module broken cannot be loaded: Lmod has detected/);
      expect(await readFile(log, 'utf8')).not.toContain('never');
    });
  });
});
