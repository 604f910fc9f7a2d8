/** What is asked of a back end: every mistake at once, in either spelling, and every option does something. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { localOptions } from './backends/local/settings.ts';
import { huggingfaceOptions } from './backends/huggingface/options.ts';
import { modalOptions } from './backends/modal/options.ts';
import { slurmOptions } from './backends/slurm/options.ts';
import { defineBackend, type Backend, type BackendId } from './backend.ts';
import { checkForBackend } from './check-for-backend.ts';
import { checkOptions } from './check-options.ts';
import {
  callLimitMs,
  commonOptions,
  hasModelsToLoad,
  hasTags,
  modeOf,
  outputsOf,
  preloadLimitMs,
} from './common-options.ts';
import { equipmentOptions } from './equipment.ts';
import { publicConfig } from './public-config.ts';
import { BackendRegistry } from './registry.ts';
import { containersOf } from './repositories.ts';
import { resolveConfig } from './sandbox-config.ts';
import { programName } from './spelling.ts';

const SCHEMAS = {
  local: localOptions,
  slurm: slurmOptions,
  modal: modalOptions,
  huggingface: huggingfaceOptions,
};
const backends = Object.entries(SCHEMAS);

/** What people expect of a config, whichever back end it is for. */
const FIELDS =
  'tags mode gpu gpuCount cpu memoryMiB cpuLimit memoryLimitMiB region cloud pythonVersion baseImage pythonPackages systemPackages kernelPackages setupCommands env secrets models repos files volumes cacheVolume outputs ports jupyterPort rpcPort codeServer codeServerPort docker network inboundCidrs maxLifetimeSeconds idleTimeoutSeconds allowNoIdleLimit startTimeoutSeconds capacityTimeoutSeconds rpcTimeoutSeconds preloadTimeoutSeconds maxCostUsd providerOptions';

const mistakes = (schema: z.ZodObject, raw: unknown): readonly string[] =>
  (checkOptions(schema, raw).mistakes ?? []).map(
    ({ path: place, message }) => `${place}: ${message}`,
  );

function backendOf(id: BackendId, options: z.ZodObject): Backend {
  const never = () => Promise.reject(new Error('nobody asks for this'));
  return defineBackend({
    id,
    summary: id,
    needs: {},
    options,
    sharesHost: true,
    offers: never,
    start: never,
    state: never,
    endpoint: never,
    logs: never,
    stop: never,
  });
}

const registry = new BackendRegistry({
  local: async () => backendOf('local', localOptions),
  slurm: async () => backendOf('slurm', slurmOptions),
  modal: async () => backendOf('modal', modalOptions),
  huggingface: async () => backendOf('huggingface', huggingfaceOptions),
});

describe('mistakes', () => {
  it('L1, acceptance 13: six of them are told at once, each with its path, also those that concern several fields', () => {
    const config = {
      gpuCount: 2,
      memoryMiB: 1,
      models: [
        { id: 'a/b', varName: 'class' },
        { id: 'a/b', peft: { kind: 'adapter' } },
      ],
      secrets: [{ env: 'HF_TOKEN', scope: ['everywhere'] }],
      env: { MODEL_X: 'reserved' },
    };
    const found = mistakes(modalOptions, config);
    expect(found.map((mistake) => mistake.slice(0, mistake.indexOf(': '))).toSorted()).toEqual([
      'env.MODEL_X',
      'gpuCount',
      'memoryMiB',
      'models[0].varName',
      'models[1].peft.base',
      'secrets[0].scope[0]',
    ]);
    expect(found).toContain('models[1].peft.base: missing');
    expect(found).toContain('models[0].varName: is a keyword of Python');
    expect(found).toContain('gpuCount: needs gpu');
  });

  it.each([
    [slurmOptions, { repos: [{ url: 'https://me:s3cret@git.example.org/org/lib' }] }],
    [huggingfaceOptions, { repos: [{ url: 'https://s3cret@git.example.org/org/lib.git' }] }],
  ])('an address of a repository takes no credentials: it is kept and shown', (schema, config) => {
    const found = mistakes(schema, config);
    expect(found).toEqual([
      'repos[0].url: must be an https or ssh address without credentials, or owner/name at GitHub',
    ]);
    expect(mistakes(schema, { repos: [{ url: 'https://git.example.org/org/lib.git' }] })).toEqual(
      [],
    );
  });

  it('what the programs inside are told by is no variable of the user', () => {
    expect(mistakes(huggingfaceOptions, { env: { GLOVEBOX_EQUIPMENT: '{}' } })).toEqual([
      'env.GLOVEBOX_EQUIPMENT: is a name that Glovebox itself uses, which is reserved',
    ]);
  });

  it('are told in the names that the caller writes', () => {
    expect(mistakes(modalOptions, { gpu_count: 0 })[0]).toMatch(/^gpu_count: /);
    expect(mistakes(modalOptions, { gpuCount: 0 })[0]).toMatch(/^gpuCount: /);
    expect(mistakes(modalOptions, { gpuCont: 1 })).toEqual([
      'gpuCont: is not an option. Did you mean "gpuCount"?',
    ]);
    expect(mistakes(modalOptions, { gpu: 'T4', gpu_count: 1, gpuCount: 1 })).toEqual([
      'gpuCount: is not an option. Did you mean "gpuCount"?',
    ]);
  });

  it('G3: an option that only another back end has names that one', async () => {
    const failure = await checkForBackend(registry, 'local', {
      region: 'eu',
      qos: 'high',
      x: 1,
    }).catch(String);
    expect(failure).toContain('region: the local back end cannot do this; modal can');
    expect(failure).toContain('qos: the local back end cannot do this; slurm can');
    expect(failure).toContain('x: is not an option.');
  });

  it('G7: the limits of a rented machine hold here too, and two names of one are not to contradict each other', () => {
    const limits = {
      idleTimeoutSeconds: 1800,
      allowNoIdleLimit: false,
      maxLifetimeSeconds: 3600,
      maxCostUsd: 2,
      kernelPackages: 'torch',
      setupCommands: [['make', 'data']],
    };
    for (const [name, schema] of backends) expect(mistakes(schema, limits), name).toEqual([]);
    expect(mistakes(localOptions, { idle_timeout_seconds: 1800, idle_h: 0.5 })).toEqual([]);
    expect(mistakes(localOptions, { idle_timeout_seconds: 1800, idle_h: 1 })).toEqual([
      'idle_timeout_seconds: says 1800 s, and idle_h says 3600 s: leave one of them out',
    ]);
    expect(mistakes(slurmOptions, { idle_timeout_seconds: 30 })).toEqual([
      'idle_timeout_seconds: must be 0 or at least 60',
    ]);
  });

  it('G7, 3.4: variables, secrets and files are asked for in the same words, and their names are checked the same way', () => {
    const given = {
      env: { GREETING: 'hello' },
      secrets: [{ env: 'API_KEY', as: 'SERVICE_KEY', scope: ['kernel'] }],
    };
    const files = [{ from: 'configs', to: 'run', ignore: ['*.bak'] }];
    for (const [name, schema] of backends) {
      expect(mistakes(schema, given), name).toEqual([]);
      const wrong = {
        env: { MODEL_X: 'a', REPO_LIB_PATH: 'b', K: 'c' },
        secrets: [{ env: 'K' }, { env: 'A', as: 'PYTHONPATH' }],
      };
      expect(mistakes(schema, wrong), name).toEqual([
        'env.MODEL_X: begins with MODEL_, which is reserved',
        'env.REPO_LIB_PATH: is the name of a variable for a repository, which is reserved',
        'env.K: is a secret too',
        'secrets[1]: is reserved: workspace libraries, or files, make modules importable',
      ]);
      expect(mistakes(schema, { files }), name).toEqual([]);
    }
  });

  it('3.3: repositories are asked for in the same words everywhere, but for Dockerfiles, which only one of them builds', async () => {
    const repos = [
      { url: 'org/lib', ref: 'v1', install: ['make'], install_timeout_seconds: 60 },
      { url: 'https://host/other/lib.git', path: 'two/lib' },
    ];
    for (const [name, schema] of backends) {
      expect(
        mistakes(schema, { repos: repos.slice(0, 1), python_packages: ['a>=1'] }),
        name,
      ).toEqual([]);
      expect(mistakes(schema, { repos, python_packages: ['-r x'] }), name).toEqual([
        'python_packages[0]: must be a requirement, not an option of pip',
        "repos[1]: REPO_LIB_PATH is another one's",
      ]);
    }
    const docker = { repos: [{ url: 'org/lib', dockerfile: 'Dockerfile' }] };
    expect(await checkForBackend(registry, 'slurm', docker).catch(String)).toContain(
      'repos[0].dockerfile: the slurm back end cannot do this; modal can',
    );
    expect(mistakes(modalOptions, docker)).toEqual(['repos[0].dockerfile: needs docker: true']);
    expect(mistakes(modalOptions, { ...docker, docker: true })).toEqual([]);
    const outside = { docker: true, repos: [{ url: 'org/lib', dockerfile: '../Dockerfile' }] };
    expect(mistakes(modalOptions, outside)).toEqual([
      'repos[0].dockerfile: must be a file below the repository',
    ]);
    const wanted = [
      { url: 'org/lib', dockerfile: 'docker/Dockerfile', install_timeout_seconds: 60 },
      { url: 'org/other' },
      { url: 'org/third', path: 'in/my lib', dockerfile: 'Dockerfile' },
    ];
    expect(containersOf(wanted, '/workspace')).toEqual([
      { name: 'lib', folder: '/workspace/lib', dockerfile: 'docker/Dockerfile', limitS: 60 },
      { name: 'my-lib', folder: '/workspace/in/my lib', dockerfile: 'Dockerfile', limitS: 600 },
    ]);
  });

  it('G3, acceptance 13: every field of a config is one of some back end, or is told why of none', async () => {
    const everywhere = new Set(
      Object.values(SCHEMAS).flatMap(({ shape }) => Object.keys(shape).map(programName)),
    );
    const nowhere = FIELDS.split(/\s+/).filter((field) => !everywhere.has(field));
    const asked = Object.fromEntries(nowhere.map((field) => [field, 1]));
    const failure = await checkForBackend(registry, 'modal', asked).catch(String);
    for (const field of nowhere) expect(failure).toContain(`${field}: no back end has this: `);
    expect(nowhere).toEqual([]);
    // 3.1: all ports of a config differ.
    const ports = { jupyter_port: 8888, rpc_port: 8888, ports: [7860, 8888] };
    for (const schema of [modalOptions, huggingfaceOptions])
      expect(mistakes(schema, ports)).toEqual([
        'rpc_port: is the port of jupyter_port too',
        'ports[1]: is the port of jupyter_port too',
        'ports[1]: is the port of rpc_port too',
      ]);
    const editor = { code_server: true, code_server_port: 8888, ports: [8888] };
    expect(mistakes(modalOptions, { ...editor, network: 'none' })).toEqual([
      'code_server: is fetched when the sandbox starts, which network: none forbids',
      'code_server_port: is the port of jupyter_port too',
      'code_server_port: is the port of ports too',
      'ports[0]: is the port of jupyter_port too',
    ]);
    expect(mistakes(localOptions, { rpc_port: 7860, ports: [7860] })).toEqual([
      'ports[0]: is the port of rpc_port too',
    ]);
    const elsewhere = await checkForBackend(registry, 'slurm', { ports: [80] }).catch(String);
    expect(elsewhere).toContain(
      'ports: the slurm back end cannot do this; local, modal, huggingface can',
    );
  });
});

describe('a config', () => {
  const profiles = new Map([
    [
      'probe',
      {
        name: 'probe',
        file: 'glovebox.toml',
        options: { backend: 'modal', name: 'p', gpu_count: 2, gpu: 'T4' },
      },
    ],
  ]);
  const resolve = (raw: unknown) => resolveConfig(raw, { registry, profiles, fallback: 'local' });

  it('F13: says more than its profile, whatever the spelling', async () => {
    expect(await resolve({ profile: 'probe', gpuCount: 4 })).toEqual({
      backend: 'modal',
      name: 'p',
      options: { gpu: 'T4', gpu_count: 4 },
      names: 'program',
    });
    expect(await resolve({})).toEqual({ backend: 'local', options: {}, names: 'schema' });
  });

  it.each([
    [3, 'described by an object'],
    [{ profile: 'x' }, 'There is no profile "x".'],
    [{ backend: 'x' }, 'There is no back end "x".'],
    [{ name: 'a b' }, 'name: "a b"'],
    [{ name: 7 }, 'name: must be a text'],
  ])('%j is none', async (raw, said) => {
    await expect(resolve(raw)).rejects.toThrow(said);
  });
});

/** Code alone, and of texts what is put into them. */
const withoutWords = (code: string): string =>
  code
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, '""')
    .replaceAll(/`(?:[^`\\]|\\.)*`/g, (text) =>
      [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, inside]) => inside).join(';'),
    );

/** As a property, or taken out of an object by its name. */
const isRead = (name: string, code: string): boolean =>
  new RegExp(`\\.${name}\\b|[{,]\\s*${name}\\s*[:,=}]`).test(code);

describe('options', () => {
  const used = (id: string): string =>
    readdirSync(path.join(import.meta.dirname, 'backends', id), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .filter((file) => !/(^|\/)(options|settings)\.ts$/.test(file))
      .map((file) => readFileSync(path.join(import.meta.dirname, 'backends', id, file), 'utf8'))
      .map(withoutWords)
      .join('\n');

  it.each(backends)(
    'L1, acceptance 13: of %s are all read by its code, or by what lies above',
    (id, schema) => {
      const code = used(id);
      const unread = Object.keys(schema.shape).filter(
        (name) => !(name in commonOptions || name in equipmentOptions) && !isRead(name, code),
      );
      // It is an agreement to something else, and does its work where options are checked; what costs nothing is below every price.
      const isFree = id === 'local' || id === 'slurm';
      // Where there is no queue, nobody waits in it.
      const hasNoQueue = id === 'local';
      const known = [
        'allow_no_idle_limit',
        ...(isFree ? ['max_cost_usd'] : []),
        ...(hasNoQueue ? ['capacity_timeout_seconds'] : []),
      ];
      expect(unread.filter((name) => !known.includes(name))).toEqual([]);
    },
  );

  it('L1: one that only a comment, a text or a part of another word names is not read', () => {
    const code =
      '/* telepathy */ // telepathy\nconst a = "telepathy"; const telepathy_level = `telepathy`;';
    expect(isRead('telepathy', withoutWords(code))).toBe(false);
    for (const read of ['options.telepathy', '{ telepathy: level }', '({ mode, telepathy })'])
      expect(isRead('telepathy', withoutWords(`${code}\nuse(${read})`))).toBe(true);
  });

  it.each([
    ['repos', 'planEquipment', 'sandbox/backends/local/equip-locally.ts'],
    ['repos', 'planEquipment', 'sandbox/backends/slurm/equip-job.ts'],
    ['kernel_packages', 'planEquipment', 'sandbox/backends/local/equip-locally.ts'],
    ['setup_commands', 'planEquipment', 'sandbox/backends/slurm/equip-job.ts'],
    ['files', 'planEquipment', 'sandbox/backends/local/equip-locally.ts'],
    ['files', 'planEquipment', 'sandbox/backends/slurm/equip-job.ts'],
    ['mode', 'modeOf', 'session/ready-sandbox.ts'],
    ['mode', 'modeOf', 'sandbox/sandboxes.ts'],
    ['outputs', 'outputsOf', 'shell/outputs.ts'],
    ['preload_timeout_seconds', 'preloadLimitMs', 'session/sessions.ts'],
    ['rpc_timeout_seconds', 'callLimitMs', 'workspace/interfaces.ts'],
    ['rpc_port', 'rpcPortOf', 'workspace/interfaces.ts'],
  ])('L1: %s of several back ends is read, with %s, by %s', (name, reader, file) => {
    expect(Object.keys({ ...commonOptions, ...equipmentOptions })).toContain(name);
    const text = readFileSync(path.join(import.meta.dirname, '..', file), 'utf8');
    expect(text).toMatch(new RegExp(`${reader}\\(`));
  });

  it('have their defaults where nobody says anything', () => {
    expect([modeOf({}), outputsOf({}), preloadLimitMs({}), callLimitMs({})]).toEqual([
      'notebook',
      'outputs',
      3_600_000,
      600_000,
    ]);
    expect(outputsOf({ outputs: null })).toBeUndefined();
    expect(hasTags({ tags: { a: 'b', c: 'd' } }, { a: 'b' })).toBe(true);
    expect([hasTags({}, { a: 'b' }), hasTags({ tags: 3 }, {})]).toEqual([false, true]);
    expect(mistakes(localOptions, { outputs: '../up', ports: [80, 80] })).toEqual([
      'outputs: must be a folder of the workspace',
      'ports: names a port twice',
    ]);
    const models = [{ id: './m' }];
    expect(hasModelsToLoad({ models })).toBe(true);
    expect(hasModelsToLoad({ models, mode: 'shell' })).toBe(false);
  });

  it('L3, SEC11: are told without values of variables and without hidden models', () => {
    const hidden = { id: 'lab/covert', hidden: true, var_name: 'subject', revision: 'abc' };
    const told = publicConfig({
      gpu: 'T4',
      env: { PASSWORD: 'hunter2' },
      models: [hidden, { id_ref: 'env:M', var_name: 'other' }, { id: 'gpt2', hidden: false }],
    });
    expect(told).toEqual({
      gpu: 'T4',
      env: ['PASSWORD'],
      models: [
        { id: '<hidden>', var_name: 'subject' },
        { id: '<hidden>', var_name: 'other' },
        { id: 'gpt2', hidden: false },
      ],
    });
  });
});
