/** Models on this machine: weights lie in one folder for all sandboxes, fetched once and whole, and kernels are told where. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalHost } from '#platform/local-host.ts';
import { fetchIntoSharedFolder } from '#sandbox/models/shared-weights.ts';
import { equipLocally } from '#sandbox/backends/local/equip-locally.ts';
import { findKernelPython } from '#sandbox/backends/local/find-python.ts';
import { localOptions } from '#sandbox/backends/local/settings.ts';
import { secretsByScope } from '#sandbox/kernel-variables.ts';
import { planModels } from '#sandbox/models/plan.ts';
import { ownModelOption } from '#sandbox/models/options.ts';
import { commitOf, startModelHub, type ModelHub } from '../fakes/model-hub.ts';
import { makeLocalRig, type LocalRig } from '../rigs/local-backend.ts';
import { testPython } from '../rigs/python.ts';
import { INSTALL, makeSampleRepository, SAMPLE_URL } from '../rigs/sample-repository.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { Caller, failureOf, never } from './contract-rig.ts';
import { fetchText, filesBelow } from './local-start.ts';

const TINY = 'tiny/Llama-2.5-7B';
const weights = Buffer.alloc(200_000, 'weights of the tiny model ');

let hub: ModelHub;
let rig: LocalRig;
beforeEach(async () => {
  hub = await startModelHub({
    [TINY]: {
      files: { 'model.safetensors': weights, 'config.json': '{}', 'README.md': '# tiny' },
    },
    'tiny/adapter': { files: { 'adapter_model.safetensors': 'ab', 'adapter_config.json': '{}' } },
    'gated/model': { files: { 'config.json': '{}' }, gatedTo: ['hf_good'] },
  });
  rig = await makeLocalRig();
});
afterEach(async () => {
  await rig.dispose();
  await hub.close();
});

const shared = (): string => path.join(rig.dir, 'models/tiny--Llama-2.5-7B');
const folder = (): string => path.join(shared(), commitOf(TINY));
const filesAsked = (): readonly string[] =>
  hub.requests.map((request) => request.path).filter((place) => place.includes('/resolve/'));

/** What a start does before there is a server. */
async function fetchHere(reports: string[] = []): Promise<void> {
  const modelsDir = path.join(rig.dir, 'models');
  const signal = never();
  const access = { url: hub.url };
  const context = { access, modelsDir, projectDir: rig.projectDir, variables: {}, secret: '' };
  const models = [ownModelOption.parse({ id: TINY })];
  const plan = await planModels(models, { ...context, isMarked: true, signal });
  await fetchIntoSharedFolder(plan.weights, {
    host: createLocalHost({ env: rig.settings.environment }),
    python: testPython(),
    pythonDir: rig.settings.pythonDir,
    modelsDir,
    hubUrl: hub.url,
    signal,
    report: ({ message }) => reports.push(message),
  });
}

test('G7, L4, L10, acceptance 14: models, a repository and files are there before the server is, and kernels have their variables and secrets, which no file keeps', async () => {
  const models = [
    { id: TINY, preload: false },
    {
      id: 'tiny/adapter',
      peft: { kind: 'adapter', base: TINY },
      var_name: 'tuned',
      preload: false,
    },
  ];
  const sample = makeSampleRepository(path.dirname(rig.dir));
  const home = rig.settings.environment['HOME'] ?? '';
  writeFileSync(path.join(home, '.gitconfig'), sample.gitConfig);
  const repos = [{ url: SAMPLE_URL, ref: sample.commit, install: INSTALL }];
  const limits = { idle_timeout_seconds: 600, max_lifetime_seconds: 1200 };
  await mkdir(path.join(rig.projectDir, 'configs'));
  await writeFile(path.join(rig.projectDir, 'configs/probe.json'), '{}');
  await writeFile(path.join(rig.projectDir, 'configs/old.bak'), '');
  const given = {
    env: { GREETING: 'hello' },
    secrets: [
      { env: 'PROBE_KEY', as: 'SERVICE_KEY', scope: ['kernel'] },
      { env: 'INDEX_KEY', scope: ['setup'] },
    ],
    files: [{ from: 'configs', to: 'run', ignore: ['*.bak'] }],
  };
  const values = { PROBE_KEY: 'value-of-a-kernel', INDEX_KEY: 'value-of-an-installation' };
  const caller = new Caller({
    projectDir: rig.projectDir,
    options: { models, repos, ...limits, ...given, cache_volume: true, cpu: 1, memory_mib: 1 },
    countAtEngine: async () => rig.servers().length,
  });
  // As a start does that may install.
  const made = await equipLocally(localOptions.parse({ repos }), {
    settings: { ...rig.settings, offline: false },
    context: caller.context(),
    kernel: await findKernelPython({}, rig.settings, rig.projectDir, never()),
    serverPython: testPython(),
    rootDir: rig.projectDir,
    secrets: secretsByScope([], {}),
  });
  const environment = { ...rig.settings.environment, ...values };
  const backend = rig.newBackend({ hubUrl: hub.url, environment });
  const before = Date.now();
  const started = await caller.startAndWait(backend);
  expect(started.deadlineMs).toBeGreaterThanOrEqual(before + 1_200_000);
  expect(caller.data).toMatchObject({ repositories: [{ url: SAMPLE_URL, commit: sample.commit }] });
  expect(readdirSync(folder()).toSorted()).toEqual([
    '.glovebox-complete.json',
    'config.json',
    'model.safetensors',
  ]);
  expect(readFileSync(path.join(folder(), 'model.safetensors')).equals(weights)).toBe(true);
  const endpoint = await backend.endpoint(caller.handle(), never());
  const kernel = await startRawKernel(endpoint, 'a.ipynb');
  const found =
    '[{k: v for k, v in os.environ.items() if k.startswith("MODEL_")}, __import__("glovebox_models").get_model_path("model"), [spec["is_marked"] for spec in json.load(open(os.environ["GLOVEBOX_MODELS"]))], [__import__("gbrepo").value, sys.executable, os.environ["REPO_SAMPLE_PATH"]], [os.environ.get(k) for k in ("GREETING", "SERVICE_KEY", "PROBE_KEY", "INDEX_KEY", "HF_HOME", "HF_TOKEN_PATH")], os.listdir("run")]';
  const code = `import json, os, sys\njson.dump(${found}, open("out.json", "w"))`;
  expect(await kernel.execute(code)).toBe('ok');
  // M16: a kernel that waits for work in the background is in use, as long as somebody says so.
  const held =
    'import glovebox_keep_alive as held; held.EVERY_S = 0.05; one = held.keep_alive("x")';
  expect(await kernel.execute(held)).toBe('ok');
  const lastUse = async (): Promise<unknown> => {
    const told: unknown = JSON.parse(await fetchText(endpoint, `api/kernels/${kernel.id}`));
    expect(told).toMatchObject({ execution_state: 'idle' });
    return Reflect.get(Object(told), 'last_activity');
  };
  const seen = new Set<unknown>();
  await expect.poll(async () => seen.add(await lastUse()).size, { timeout: 30_000 }).toBe(4);
  expect(await kernel.execute('one.end()')).toBe('ok');
  await kernel.leave();
  const adapter = path.join(rig.dir, 'models/tiny--adapter', commitOf('tiny/adapter'));
  expect(JSON.parse(readFileSync(path.join(rig.projectDir, 'out.json'), 'utf8'))).toEqual([
    {
      MODEL_TINY_LLAMA_2_5_7B_PATH: folder(),
      MODEL_MODEL_PATH: folder(),
      MODEL_TINY_ADAPTER_PATH: adapter,
      MODEL_TUNED_PATH: adapter,
    },
    folder(),
    [true, true],
    [1, made?.python, path.join(rig.projectDir, 'sample')],
    [
      'hello',
      values.PROBE_KEY,
      null,
      null,
      path.join(rig.dir, 'models/hub-cache'),
      path.join(home, '.cache/huggingface/token'),
    ],
    ['probe.json'],
  ]);
  // In the memory of the server, and nowhere else: not on disk, and in no argument or variable of what is no kernel.
  const server = rig.servers()[0]?.pid ?? expect.fail('no server');
  const texts = await Promise.all([
    ...(await filesBelow(rig.dir)).map((file) => readFile(file, 'latin1')),
    ...['environ', 'cmdline'].map((name) => readFile(`/proc/${server}/${name}`, 'latin1')),
  ]);
  for (const value of Object.values(values))
    expect([...texts, JSON.stringify(caller.data)].filter((text) => text.includes(value))).toEqual(
      [],
    );
  expect(caller.reports.map(({ message }) => message).join('\n')).toContain('fetching tiny/Llama');
  // L9: before anything is made.
  const gated = new Caller(
    {
      projectDir: rig.projectDir,
      options: { models: [{ id: 'gated/model' }] },
      countAtEngine: async () => 0,
    },
    'local-gated-000000000001',
  );
  expect((await failureOf(gated.start(backend))).code).toBe('remote/gated');
  const unset = new Caller(
    { projectDir: rig.projectDir, options: given, countAtEngine: async () => 0 },
    'local-unset-000000000001',
  );
  expect((await failureOf(unset.start(rig.newBackend()))).message).toBe(
    'The secret PROBE_KEY is not set.',
  );
});

test('M20, M21, acceptance 28: a download that was cut is repaired; what has no mark, or lacks a byte, is not taken as complete', async () => {
  hub.cutNext(2);
  await fetchHere();
  const marker = path.join(folder(), '.glovebox-complete.json');
  expect(JSON.parse(readFileSync(marker, 'utf8'))).toMatchObject({
    commit: commitOf(TINY),
    files: { 'model.safetensors': weights.length },
  });
  const asked = filesAsked().length;
  await fetchHere();
  expect(filesAsked().length).toBe(asked);
  rmSync(marker);
  writeFileSync(path.join(folder(), 'model.safetensors'), weights.subarray(1));
  await fetchHere();
  expect(readFileSync(path.join(folder(), 'model.safetensors')).equals(weights)).toBe(true);
  expect(statSync(marker).isFile()).toBe(true);
  // Only what was damaged is asked for again.
  const again = filesAsked().slice(asked);
  expect(again.length).toBeGreaterThan(0);
  expect(again.every((place) => place.endsWith('model.safetensors'))).toBe(true);
});

test('M22, acceptance 29: two who want the same at once fetch it once; what the cache of the user has is not fetched at all', async () => {
  const said: string[] = [];
  await Promise.all([fetchHere(said), fetchHere(said)]);
  expect(filesAsked().filter((place) => place.endsWith('config.json'))).toHaveLength(1);
  rmSync(shared(), { recursive: true });
  const home = rig.settings.environment['HOME'] ?? '';
  const blobs = path.join(home, '.cache/huggingface/hub/models--tiny--Llama-2.5-7B/blobs');
  await mkdir(blobs, { recursive: true });
  await writeFile(path.join(blobs, createHash('sha256').update(weights).digest('hex')), weights);
  const before = filesAsked().length;
  await fetchHere();
  expect(
    filesAsked()
      .slice(before)
      .some((place) => place.endsWith('.safetensors')),
  ).toBe(false);
  expect(readFileSync(path.join(folder(), 'model.safetensors')).equals(weights)).toBe(true);
});
