/** Models at Modal: weights are fetched once by a cheap machine, whole or not at all, and kernels are told where they are. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countToFetch } from '../../src/sandbox/backends/modal/models/fetch-machine.ts';
import { commitOf, startModelHub, type ModelHub } from '../fakes/model-hub.ts';
import {
  isCertificateMissing,
  makeModalRig,
  MARKED,
  type ModalRig,
} from '../rigs/modal-backend.ts';
import { startRawKernel } from '../rigs/raw-kernel.ts';
import { Caller, failureOf, never } from './contract-rig.ts';

const withoutCertificate = isCertificateMissing();

const TINY = 'tiny/Llama-2.5-7B';
const SECRET = 'made-up-lab/Covert-9B';
const weights = Buffer.alloc(200_000, 'weights of the tiny model ');
const config = JSON.stringify({ architectures: ['LlamaForCausalLM'], _name_or_path: SECRET });

let hub: ModelHub;
let rig: ModalRig;
beforeEach(async () => {
  const files = {
    'model.safetensors': weights,
    'config.json': config,
    'tokenizer.json': '{}',
    'README.md': `# ${SECRET}`,
    'pytorch_model.bin': 'the same again',
  };
  hub = await startModelHub({
    [TINY]: { files, parameters: { BF16: 50_000 } },
    [SECRET]: { files, gatedTo: ['hf_good'] },
    'big/seventy': { files, parameters: { BF16: 70_000_000_000 } },
    'tiny/adapter': { files: { 'adapter_model.safetensors': 'ab', 'adapter_config.json': '{}' } },
  });
  rig = await makeModalRig();
});
afterEach(async () => {
  await rig.dispose();
  await hub.close();
});

const newBackend = (variables: Readonly<Record<string, string>> = {}) =>
  rig.newBackend({ hubUrl: hub.url, variables });

function callerWith(options: object, id?: string): Caller {
  const rigOfCaller = {
    projectDir: rig.projectDir,
    options: { ...MARKED, cache_volume: false, ...options },
    countAtEngine: async () => rig.fake.alive().length,
  };
  return new Caller(rigOfCaller, id);
}

const quoteOf = (options: object) =>
  newBackend().quote?.(options, { projectDir: rig.projectDir, signal: never() }) ??
  expect.fail('no quote');

/** Runs code in a kernel of the sandbox; what it writes to `out.json` is the answer. */
async function inKernel(caller: Caller, code: string): Promise<unknown> {
  const endpoint = await newBackend().endpoint(caller.handle(), never());
  const kernel = await startRawKernel(endpoint, 'test.ipynb');
  expect(await kernel.execute(`import json, os\njson.dump(${code}, open("out.json", "w"))`)).toBe(
    'ok',
  );
  await kernel.leave();
  const [sandbox] = rig.fake.alive();
  return JSON.parse(readFileSync(path.join(sandbox?.root ?? '', 'workspace/out.json'), 'utf8'));
}

const creations = (): number =>
  rig.fake.calls.filter(({ method }) => /^sandboxCreate(V2)?$/.test(method)).length;

const volumeOf = (name: string): string =>
  rig.fake.volumeFolder(name) ?? expect.fail(`no volume ${name}`);

describe.skipIf(withoutCertificate)('weights', () => {
  test('M19, M20, L4, acceptance 14: they are on a volume before a GPU is rented, marked when whole, and kernels know the path', async () => {
    const options = { gpu: 'T4', models: [{ id: TINY, preload: false }] };
    // What fetches them is part of the ceiling until they are there, and for a hook that asks nobody too.
    const before = await quoteOf(options);
    expect(before.beforehand).toMatchObject({ count: 1, limitS: 7200 });
    expect(before.ceilingUsd).toBeCloseTo(
      (before.usdPerHour ?? 0) + 2 * (before.beforehand?.usdPerHour ?? 0),
    );
    expect(await countToFetch(options.models, rig.dir)).toBe(1);
    const dear = callerWith({ ...options, max_cost_usd: 2 }, 'modal-second-000001');
    expect(await failureOf(dear.start(newBackend()))).toMatchObject({
      code: 'sandbox/over-budget',
      message: expect.stringContaining('$1.52 for 1 machine to fetch weights'),
    });
    const caller = callerWith(options);
    await caller.startAndWait(newBackend());
    expect((await quoteOf(options)).beforehand).toBeUndefined();
    expect(await countToFetch(options.models, rig.dir)).toBe(0);
    const status = await newBackend().state(caller.handle(), never());
    const paidMs = (status.deadlineMs ?? 0) - 3_600_000;
    expect(status).toMatchObject({ state: 'ready', paidSinceMs: paidMs });
    // One minute, and the one that may be billed besides.
    expect(status.beforehandUsd).toBeCloseTo(((before.beforehand?.usdPerHour ?? 0) * 2) / 60);
    expect(caller.data).toMatchObject({ beforehandUsd: status.beforehandUsd });
    const folder = path.join(volumeOf('gbx-model--tiny--Llama-2.5-7B'), commitOf(TINY));
    expect(readdirSync(folder).toSorted()).toEqual([
      '.glovebox-complete.json',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(readFileSync(path.join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    const created = rig.fake.calls.filter(({ method }) => /^sandboxCreate(V2)?$/.test(method));
    expect(created.map(({ method }) => method)).toEqual(['sandboxCreateV2', 'sandboxCreate']);
    expect(JSON.stringify(created[1]?.request)).toContain('"readOnly":true');
    const found = await inKernel(
      caller,
      '[{k: v for k, v in os.environ.items() if k.startswith("MODEL_")}, __import__("glovebox_models").list_models(), __import__("glovebox_models").get_model_path("model"), __import__("importlib.util").util.find_spec("glovebox_interp").name]',
    );
    const place = path.join(
      rig.fake.alive()[0]?.root ?? '',
      'models/tiny--Llama-2.5-7B',
      commitOf(TINY),
    );
    expect(found).toEqual([
      { MODEL_TINY_LLAMA_2_5_7B_PATH: place, MODEL_MODEL_PATH: place },
      [{ var: 'model', id: TINY, path: place }],
      place,
      'glovebox_interp',
    ]);
    expect(caller.reports.map(({ message }) => message).join('\n')).toMatch(/fetching tiny\/Llama/);
  });

  test('M20: a second sandbox fetches nothing, and the storage behind the Hub never sees the token', async () => {
    const options = { models: [{ id: TINY, preload: false }], secrets: [{ env: 'HF_TOKEN' }] };
    const variables = { HF_TOKEN: 'hf_good' };
    await callerWith(options).startAndWait(newBackend(variables));
    const asked = hub.requests.filter(({ path: place }) => place.includes('/resolve/'));
    expect(asked.length).toBe(4);
    for (const { path: place, authorization } of asked)
      expect(authorization, place).toBe(place.startsWith('/storage/') ? '' : 'Bearer hf_good');
    expect(creations()).toBe(2);
    await callerWith(options, 'modal-second-000001').startAndWait(newBackend(variables));
    expect(creations()).toBe(3);
    // SEC5: it is for the machine that fetches, and for no other.
    for (const sandbox of rig.fake.alive())
      expect(JSON.stringify(sandbox.environment)).not.toContain('hf_good');
  });

  test('M20, M21, acceptance 28: a download that is cut goes on where it was; what is damaged or not whole is repaired', async () => {
    hub.cutNext(2);
    const options = { models: [{ id: TINY, preload: false }] };
    await callerWith(options).startAndWait(newBackend());
    const folder = path.join(volumeOf('gbx-model--tiny--Llama-2.5-7B'), commitOf(TINY));
    const file = path.join(folder, 'model.safetensors');
    expect(readFileSync(file).equals(weights)).toBe(true);
    // Another machine of the account knows nothing of this download.
    rmSync(path.join(rig.dir, 'modal-weights'), { recursive: true });
    writeFileSync(file, 'damaged');
    await callerWith(options, 'modal-second-000001').startAndWait(newBackend());
    expect(readFileSync(file).equals(weights)).toBe(true);
  });

  test('M21, acceptance 28: a volume that holds only config.json is not taken as complete', async () => {
    const options = { models: [{ id: TINY, preload: false }] };
    await callerWith(options).startAndWait(newBackend());
    const folder = path.join(volumeOf('gbx-model--tiny--Llama-2.5-7B'), commitOf(TINY));
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'config.json'), config);
    // The note on this machine says that they are there: the sandbox itself sees that they are not.
    const failure = await failureOf(callerWith(options, 'modal-second-000001').start(newBackend()));
    expect(failure.message).toContain('are not complete');
    await callerWith(options, 'modal-second-000001').startAndWait(newBackend());
    expect(existsSync(path.join(folder, '.glovebox-complete.json'))).toBe(true);
  });

  test('M22, acceptance 29: of two starts of one model at once one fetches, and both are ready', async () => {
    const options = { models: [{ id: TINY, preload: false }] };
    const callers = [callerWith(options), callerWith(options, 'modal-second-000001')];
    await Promise.all(callers.map((caller) => caller.startAndWait(newBackend())));
    const whole = hub.requests.filter(({ path: place }) =>
      /^\/storage\/.*model\.safetensors$/.test(place),
    );
    expect(whole).toHaveLength(1);
  });

  test('M20: a download that fails for good ends in its own words, and no GPU is rented', async () => {
    hub.repositories.set(TINY, { files: { 'config.json': config, 'model.safetensors': weights } });
    hub.cutNext(100);
    const caller = callerWith({ gpu: 'T4', models: [{ id: TINY, preload: false }] });
    const failure = await failureOf(caller.start(newBackend()));
    expect(failure.code).toBe('sandbox/weights-failed');
    expect(failure.message).toContain('model.safetensors');
    expect(rig.fake.alive()).toEqual([]);
    expect(rig.fake.calls.some(({ method }) => method === 'sandboxCreate')).toBe(false);
  });
});

describe.skipIf(withoutCertificate)('before anything is rented', () => {
  test('M14, L9, acceptance 30: a gated model without a token, and one that does not exist', async () => {
    const gated = callerWith({ gpu: 'T4', models: [{ id: SECRET }] });
    expect(await failureOf(gated.start(newBackend()))).toMatchObject({
      code: 'remote/gated',
      hint: expect.stringContaining('HF_TOKEN'),
    });
    const missing = callerWith({ models: [{ id: 'no/such-model' }] }, 'modal-second-000001');
    expect((await failureOf(missing.start(newBackend()))).code).toBe('remote/not-found');
    expect(creations()).toBe(0);
  });

  test('L7: a model that does not fit, with the numbers and what would fit', async () => {
    const caller = callerWith({ gpu: 'A100-80GB', models: [{ id: 'big/seventy' }] });
    const failure = await failureOf(caller.start(newBackend()));
    expect(failure).toMatchObject({ code: 'config/invalid' });
    expect(failure.message).toMatch(/156 GiB \(130 GiB of weights/);
    expect(failure.hint).toContain('gpu="B200", gpu_count=1');
    expect(creations()).toBe(0);
  });

  test('L9, acceptance 30: a secret that is not set', async () => {
    const caller = callerWith({ secrets: [{ env: 'OPENAI_API_KEY' }] });
    expect(await failureOf(caller.start(newBackend()))).toMatchObject({
      code: 'config/invalid',
      hint: expect.stringContaining('OPENAI_API_KEY'),
    });
    expect(creations()).toBe(0);
  });
});

describe.skipIf(withoutCertificate)('SEC11, acceptance 14, 45: a hidden model', () => {
  test('its name is nowhere in the sandbox, in what is told of it, or in what is on record', async () => {
    const options = {
      models: [
        { id_ref: 'env:THE_MODEL', hidden: true, var_name: 'subject', preload: false },
        {
          id: 'tiny/adapter',
          peft: { kind: 'adapter', base: TINY },
          var_name: 'tuned',
          preload: false,
        },
      ],
      secrets: [{ env: 'HF_TOKEN' }],
    };
    const variables = { THE_MODEL: SECRET, HF_TOKEN: 'hf_good' };
    const caller = callerWith(options);
    await caller.startAndWait(newBackend(variables));
    const env = await inKernel(
      caller,
      '[dict(os.environ), __import__("glovebox_models").list_models(), __import__("glovebox_models").get_model_path("subject")]',
    );
    const [sandbox] = rig.fake.alive();
    const folder = String(Array.isArray(env) ? env[2] : '');
    expect(readFileSync(path.join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    expect(existsSync(path.join(folder, 'README.md'))).toBe(false);
    const seen = [
      JSON.stringify(env),
      JSON.stringify(caller.reports),
      JSON.stringify(caller.data),
      sandbox?.main?.output ?? '',
      JSON.stringify(sandbox?.request),
      JSON.stringify(sandbox?.environment),
      ...textsBelow(path.join(sandbox?.root ?? '', 'state')),
      ...textsBelow(folder),
      ...textsBelow(rig.dir),
    ].join('\n');
    for (const word of ['made-up-lab', 'Covert', commitOf(SECRET)])
      expect(seen).not.toContain(word);
    const named = Object.keys(Object(Array.isArray(env) ? env[0] : {}));
    expect(named.filter((name) => name.startsWith('MODEL_')).toSorted()).toEqual([
      'MODEL_SUBJECT_PATH',
      'MODEL_TINY_ADAPTER_PATH',
      'MODEL_TINY_LLAMA_2_5_7B_PATH',
      'MODEL_TUNED_PATH',
    ]);
  });
});

function textsBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => `${file}\n${readFileSync(file, 'latin1')}`);
}
