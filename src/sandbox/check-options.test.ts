/** What is asked of a back end: every mistake at once, in either spelling, and every option does something. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { localOptions } from './backends/local/settings.ts';
import { modalOptions } from './backends/modal/options.ts';
import { slurmOptions } from './backends/slurm/options.ts';
import { defineBackend, type Backend, type BackendId } from './backend.ts';
import { checkForBackend } from './check-for-backend.ts';
import { checkOptions } from './check-options.ts';
import { BackendRegistry } from './registry.ts';
import { resolveConfig } from './sandbox-config.ts';
import { inProgramNames, programName, respell } from './spelling.ts';

const SCHEMAS = { local: localOptions, slurm: slurmOptions, modal: modalOptions };
const backends = Object.entries(SCHEMAS);

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
});

describe('mistakes', () => {
  it('L1: six of them are told at once, each with its path, also those that concern several fields', () => {
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
      gpu: 'T4',
      qos: 'high',
      x: 1,
    }).catch(String);
    expect(failure).toContain('gpu: the local back end cannot do this; modal can');
    expect(failure).toContain('qos: the local back end cannot do this; slurm can');
    expect(failure).toContain('x: is not an option.');
  });
});

describe('names', () => {
  it.each(backends)('of %s are taken as programs write them', (_id, schema) => {
    for (const name of Object.keys(schema.shape)) {
      expect(programName(name)).toMatch(/^[a-z]+([A-Z0-9][A-Za-z0-9]*)*$/);
      expect(respell(schema, { [programName(name)]: null })).toEqual({ [name]: null });
    }
  });

  it('of records are those of their writer, at every depth', () => {
    const program = {
      env: { memoryMiB: '1', myName: 'x' },
      models: [{ id: 'a/b', varName: 'm', peft: { kind: 'empty', adapterName: 'one' } }],
      network: { domains: ['x'] },
    };
    const schema = {
      env: { memoryMiB: '1', myName: 'x' },
      models: [{ id: 'a/b', var_name: 'm', peft: { kind: 'empty', adapter_name: 'one' } }],
      network: { domains: ['x'] },
    };
    expect(respell(modalOptions, program)).toEqual(schema);
    expect(inProgramNames(modalOptions, schema)).toEqual(program);
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

describe('options', () => {
  const used = (id: string): string =>
    readdirSync(path.join(import.meta.dirname, 'backends', id), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .filter((file) => !/(^|\/)(options|settings)\.ts$/.test(file))
      .map((file) => readFileSync(path.join(import.meta.dirname, 'backends', id, file), 'utf8'))
      .join('\n');

  it.each(backends)('L1: of %s are all read by its code', (id, schema) => {
    const code = used(id);
    const unread = Object.keys(schema.shape).filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(code),
    );
    // It is an agreement to something else, and does its work where options are checked.
    expect(unread.filter((name) => name !== 'allow_no_idle_limit')).toEqual([]);
  });
});
