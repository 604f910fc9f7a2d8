/** The parts of the Modal back end that need no Modal: the package, options, prices, images, repositories, archives. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as modal from 'modal';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseBackendOptions } from '#sandbox/backend.ts';
import { deriveToken } from '#sandbox/server-token.ts';
import { dearestOf, priceFields, priceOf } from './cost.ts';
import { findGpu, GPU_KINDS } from './hardware.ts';
import { baseImageOf, kernelPackages, planImage } from './image.ts';
import { chooseFiles } from '#sandbox/models/files.ts';
import { volumeName } from '#sandbox/models/volume-name.ts';
import { weightBytes } from '#sandbox/models/weight-bytes.ts';
import { fetchedUsd, fetchMachines } from './models/fetch-machine.ts';
import { checkMemory } from './models/memory.ts';
import { gpuNames, modalOptions, type ModalOptions } from './options.ts';
import { modalOffers } from './offers.ts';
import { ratesFrom } from './rates.ts';
import { findRef, repositoryPaths, type PinnedRepository } from '#sandbox/repositories.ts';
import { SDK_VERSION } from './sdk-client.ts';
import { packTar } from '#sandbox/tar.ts';

const options = (raw: object = {}): ModalOptions => parseBackendOptions('modal', modalOptions, raw);
const mistakes = (raw: object): string => {
  try {
    return `accepted: ${JSON.stringify(options(raw))}`;
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
};

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gb-modal-parts-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the package', () => {
  it('M1, acceptance 20: is the one of Modal Labs, in the version that everything here was written for', () => {
    const entry = createRequire(import.meta.url).resolve('modal');
    const manifest: unknown = JSON.parse(
      readFileSync(path.join(path.dirname(entry), '../package.json'), 'utf8'),
    );
    // Under the same name, the registry's tag "latest" is a dialog for web pages by somebody else.
    expect(manifest).toMatchObject({
      version: SDK_VERSION,
      license: 'Apache-2.0',
      repository: { url: 'git+https://github.com/modal-labs/modal-client.git' },
    });
    expect(modal.ModalClient).toBeTypeOf('function');
    const ours = readFileSync(path.join(import.meta.dirname, '../../../../package.json'), 'utf8');
    expect(ours).toContain(`"modal": "${SDK_VERSION}"`);
  });
});

const HEADER = { domain: 'a.org', secret: 'of-a', headers: { 'x-key': '$KEY' } };

describe('options', () => {
  it('L1: tells all mistakes of one request at once, with their places', () => {
    const text = mistakes({
      gpu: 'H1000',
      gpu_count: 2,
      idle_timeout_seconds: 30,
      cpu: 4,
      cpu_limit: 2,
      env: { HF_TOKEN: 'x', MODEL_A: 'y' },
      secrets: [{ env: 'HF_TOKEN' }, {}],
      tags: { 'glovebox-id': 'x' },
    });
    for (const place of [
      'gpu',
      'idle_timeout_seconds',
      'cpu_limit',
      'env.HF_TOKEN',
      'env.MODEL_A',
      'secrets[1]',
      'tags.glovebox-id',
    ])
      expect(text).toContain(`\n  ${place}: `);
    expect(text).toMatch(/no GPU "H1000"\. Did you mean "H100"\?/);
  });

  it.each([
    [{ python_packages: ['--index-url=http://evil'] }, 'python_packages'],
    [{ system_packages: ['git; rm -rf /'] }, 'system_packages'],
    [{ env: { 'A B': 'x' } }, 'env'],
    [{ max_lifetime_seconds: 30 }, 'max_lifetime_seconds'],
    [{ max_lifetime_seconds: 86_401 }, 'max_lifetime_seconds'],
    [{ idle_timeout_seconds: 0 }, 'allow_no_idle_limit'],
    [{ gpu: 'A10', gpu_count: 8 }, 'must not be above 4'],
    [{ gpu_count: 2 }, 'needs gpu'],
    [{ models: [{ id: 'a/b' }, { id: 'c/d' }] }, 'taken by another model'],
    [{ models: [{ id: 'a/b', var_name: 'class' }] }, 'keyword'],
    [{ models: [{ id: 'a/b', id_ref: 'env:X' }] }, 'either id or id_ref'],
    [{ models: [{ id: 'a/b', trust_remote_code: true }] }, 'must be a commit'],
    [{ repos: [{ url: 'https://me:pw@host/x' }] }, 'repos'],
    [
      {
        volumes: [
          { name: 'v', mount: '/a' },
          { name: 'w', mount: '/a/b' },
        ],
      },
      'another mount',
    ],
    [{ max_lifetime: 60 }, 'max_lifetime'],
    [{ access: 'public' }, 'access'],
    [{ header_secrets: [HEADER], network: 'none' }, 'needs a network'],
    [{ header_secrets: [HEADER], network: { domains: ['a.org'] } }, 'network.domains'],
    [{ header_secrets: [{ ...HEADER, domain: 'https://a.org/x' }] }, 'must be a host'],
    [{ header_secrets: [{ ...HEADER, headers: { 'x-key': '$$KEY' } }] }, 'names no variable'],
    [{ header_secrets: [{ ...HEADER, headers: { 'x-key': '$KEY\r\nx: y' } }] }, 'must be one line'],
    [{ header_secrets: Array.from({ length: 26 }, () => HEADER) }, 'more than 25'],
  ])('refuses %j', (raw, words) => {
    expect(mistakes(raw)).toContain(words);
    expect(mistakes(raw)).not.toContain('accepted');
  });

  it('M3: knows GPUs by old names and in small letters', () => {
    expect(gpuNames(options({ gpu: ['a10g', 'h100!'] }))).toEqual(['A10', 'H100!']);
    expect(findGpu('A100')?.memoryMiB).toBe(40 * 1024);
  });

  it('what was checked once is accepted again, as a record holds it', () => {
    const first = options({ gpu: 'T4', models: [{ id: 'a/b', peft: { kind: 'empty' } }] });
    expect(options(JSON.parse(JSON.stringify(first)))).toEqual(first);
  });
});

describe('prices', () => {
  const ESTIMATES = ratesFrom([]);

  it('4.3: are known where the user has set every part of them, and estimates else', () => {
    const set = ratesFrom(['T4=0.5', 'core=0.1', 'gib=0.02', 'B200+=7', 'no price', 'L4=x']);
    const machine = { cpu: 2, memory_mib: 8192 };
    const t4 = priceOf(options({ gpu: 'T4', gpu_count: 2, ...machine }), 'T4', set);
    expect(t4).toEqual({ usdPerHour: expect.closeTo(2 * 0.5 + 2 * 0.1 + 8 * 0.02), isSet: true });
    expect(priceOf(options(machine), undefined, set).isSet).toBe(true);
    expect(priceOf(options({ gpu: 'B200+' }), 'B200+', set)).toMatchObject({ isSet: true });
    expect(priceOf(options({ gpu: 'L4' }), 'L4', set)).toMatchObject({ isSet: false });
    const half = ratesFrom(['T4=0.5']);
    expect(priceOf(options({ gpu: 'T4' }), 'T4', half).isSet).toBe(false);
    expect(priceOf(options({ gpu: 'T4', region: 'eu' }), 'T4', set)).not.toHaveProperty(
      'usdPerHour',
    );
  });

  it('count limits rather than requests, and GPUs by number; what is unknown is absent', () => {
    const one = priceOf(options({ gpu: 'L4' }), 'L4', ESTIMATES).usdPerHour ?? 0;
    const two = priceOf(options({ gpu: 'L4', gpu_count: 2 }), 'L4', ESTIMATES).usdPerHour ?? 0;
    expect(two - one).toBeCloseTo(0.8);
    const small = priceOf(options({ cpu: 1 }), undefined, ESTIMATES).usdPerHour ?? 0;
    const large = priceOf(options({ cpu: 1, cpu_limit: 9 }), undefined, ESTIMATES).usdPerHour ?? 0;
    expect(large - small).toBeCloseTo(8 * 0.1419);
    expect(priceOf(options({ gpu: 'B200+' }), 'B200+', ESTIMATES).usdPerHour).toBeUndefined();
    // Which of several it gets is not known before, so the most it can cost is that of the dearest.
    const most = dearestOf(options({ gpu: 'T4' }), ['T4', 'H100', 'L4'], ESTIMATES);
    expect(most).toEqual({ gpu: 'H100', ...priceOf(options({}), 'H100', ESTIMATES) });
    expect(dearestOf(options({}), ['T4', 'B200+', 'L4'], ESTIMATES).usdPerHour).toBeUndefined();
    expect(priceOf(options({ region: 'eu' }), undefined, ESTIMATES).usdPerHour).toBeUndefined();
    expect(priceFields(2, 1800, undefined)).toEqual({ usdPerHour: 2, ceilingUsd: 1 });
    const before = fetchMachines(2, ESTIMATES);
    expect(before).toMatchObject({ count: 2, limitS: 7200 });
    // 4 cores and 8 GiB for two hours, twice.
    expect(priceFields(2, 1800, before).ceilingUsd).toBeCloseTo(1 + 4 * (4 * 0.1419 + 8 * 0.0242));
    expect(fetchedUsd(90_000, ESTIMATES)).toBeCloseTo((3 / 60) * (before?.usdPerHour ?? 0));
    expect(fetchedUsd(9e9, ESTIMATES)).toBeCloseTo(2 * (before?.usdPerHour ?? 0));
  });

  it('offers name every GPU, and a price only with its source', () => {
    const offers = modalOffers(ESTIMATES);
    expect(offers.map(({ name }) => name)).toEqual(['cpu', ...GPU_KINDS.map(({ name }) => name)]);
    for (const { usdPerHour, priceSource } of offers)
      expect(priceSource === undefined).toBe(usdPerHour === undefined);
    expect(offers.find(({ name }) => name === 'B200+')?.usdPerHour).toBeUndefined();
  });
});

describe('the image', () => {
  it('G6, M1: has its layers from stable to volatile, each command as a list of words that no shell reads', () => {
    const raw = {
      gpu: 'T4',
      system_packages: ['ffmpeg'],
      python_packages: ['numpy<3; rm -rf /'.replace('; rm -rf /', '')],
      setup_commands: [['sh', '-c', 'echo "$HOME"']],
    };
    const repository = {
      url: 'https://host/x.git',
      commit: 'a'.repeat(40),
      folder: '/workspace/x',
      installLimitS: 90,
    };
    const layers = planImage(options(raw), [{ ...repository, install: ['pip', 'install', '.'] }]);
    const all = layers.flatMap(({ commands }) => commands);
    const words = all.map((command) => {
      expect(command).toMatch(/^RUN \[/);
      return JSON.parse(command.slice(4));
    });
    expect(words.map(([program, ...rest]: string[]) => [program, rest.at(-1)])).toEqual([
      ['apt-get', 'update'],
      ['apt-get', 'git'],
      ['python3', 'ipykernel>=6.29,<8'],
      ['python3', 'plotly'],
      ['python3', 'numpy<3'],
      ['git', '/workspace/x'],
      ['git', 'a'.repeat(40)],
      ['git', 'FETCH_HEAD'],
      ['timeout', '.'],
      ['sh', 'echo "$HOME"'],
    ]);
    expect(baseImageOf(options({ python_version: '3.12' }))).toBe('python:3.12-slim-bookworm');
    expect(layers.map(({ secrets }) => secrets).filter(Boolean)).toEqual([]);
    // One that is not public: its token is there while it is fetched, and stands in no command.
    const headers = { [repository.url]: 'Authorization: Basic abc' };
    const closed = planImage(options(raw), [{ ...repository, install: ['make'] }], headers);
    expect(closed.filter(({ secrets }) => secrets !== undefined)).toEqual([
      {
        commands: layers.find(({ commands }) => commands[0]?.includes('"git"'))?.commands,
        secrets: {
          GIT_CONFIG_COUNT: '2',
          GIT_CONFIG_KEY_0: 'http.https://host/x.git.extraHeader',
          GIT_CONFIG_VALUE_0: 'Authorization: Basic abc',
          GIT_CONFIG_KEY_1: 'http.https://host/x.git.followRedirects',
          GIT_CONFIG_VALUE_1: 'false',
        },
      },
    ]);
  });

  it('kernels get torch with a GPU or a model, and what was asked for else', () => {
    const has = (raw: object): boolean =>
      kernelPackages(options(raw)).some((name) => name.startsWith('torch>'));
    expect([{ gpu: 'T4' }, { models: [{ id: 'a/b' }] }, {}].map(has)).toEqual([true, true, false]);
    expect(kernelPackages(options({ kernel_packages: 'minimal' }))).toEqual([]);
    expect(kernelPackages(options({ kernel_packages: ['polars'] }))).toEqual(['polars']);
  });

  it('clones a repository at one commit', () => {
    const folder = temporaryFolder();
    const git = (...words: string[]): string =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', ...words], {
        cwd: path.join(folder, 'origin'),
        encoding: 'utf8',
      });
    execFileSync('git', ['init', '--quiet', path.join(folder, 'origin')]);
    git('commit', '--quiet', '--allow-empty', '-m', 'first');
    const commit = git('rev-parse', 'HEAD').trim();
    git('commit', '--quiet', '--allow-empty', '-m', 'second');
    const repository: PinnedRepository = {
      url: `file://${folder}/origin`,
      commit,
      folder: `${folder}/copy`,
      installLimitS: 600,
    };
    const layers = planImage(options({ kernel_packages: 'minimal' }), [repository]);
    for (const command of layers.flatMap(({ commands }) => commands)) {
      const [program = '', ...words]: string[] = JSON.parse(command.slice(4));
      if (program === 'git') execFileSync(program, words);
    }
    const head = execFileSync('git', ['-C', `${folder}/copy`, 'rev-parse', 'HEAD'], {
      encoding: 'utf8',
    });
    expect(head.trim()).toBe(commit);
    expect(repositoryPaths([repository])).toEqual({ REPO_COPY_PATH: `${folder}/copy` });
  });

  it('finds the commit of a branch, a tag with and without a message, and HEAD', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40));
    const answer = `001e# service=git-upload-pack\n0000015b${a} HEAD\0multi_ack symref=HEAD:refs/heads/main\n003d${a} refs/heads/main\n003c${b} refs/tags/v1\n003f${c} refs/tags/v1^{}\n0000`;
    expect(findRef(answer, 'HEAD')).toBe(a);
    expect(findRef(answer, 'main')).toBe(a);
    expect(findRef(answer, 'v1')).toBe(c);
    expect(findRef(answer, 'v2')).toBeUndefined();
  });
});

describe('archives', () => {
  it('are read by tar, with long names, odd sizes and the right to be executed', () => {
    const folder = temporaryFolder();
    const long = `${'deep/'.repeat(25)}file.txt`;
    const archive = packTar([
      { name: 'run.sh', content: Buffer.from('#!/bin/sh\n'), isExecutable: true },
      { name: long, content: Buffer.alloc(1025, 'x'), isExecutable: false },
      { name: 'leer ä.txt', content: Buffer.alloc(0), isExecutable: false },
    ]);
    execFileSync('tar', ['-xf', '-', '-C', folder], { input: archive });
    expect(statSync(path.join(folder, 'run.sh')).mode & 0o111).toBe(0o111);
    expect(readFileSync(path.join(folder, long), 'utf8')).toBe('x'.repeat(1025));
    expect(readFileSync(path.join(folder, 'leer ä.txt'), 'utf8')).toBe('');
    const tooLong = [{ name: 'x'.repeat(300), content: Buffer.alloc(0), isExecutable: false }];
    expect(() => packTar(tooLong)).toThrow('too long');
  });
});

describe('models', () => {
  const file = (name: string, size = 10) => ({ name, size });

  it('M20: one format of the weights is fetched, with configuration and tokenizer', () => {
    const names =
      'README.md config.json model-00001-of-00002.safetensors pytorch_model.bin original/consolidated.00.pth tokenizer.model onnx/model.onnx tokenizer_config.json modeling_x.py merges.txt'.split(
        ' ',
      );
    const chosen = (raw: object = {}) =>
      chooseFiles(
        names.map((name) => file(name)),
        { withCode: false, ...raw },
      ).map(({ name }) => name);
    expect(chosen()).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'tokenizer.model',
      'tokenizer_config.json',
      'merges.txt',
    ]);
    expect(chosen({ withCode: true })).toContain('modeling_x.py');
    expect(chosen({ patterns: ['*.py'] })).toEqual(['modeling_x.py']);
    const old = chooseFiles([file('pytorch_model.bin'), file('config.json')], { withCode: false });
    expect(old.map(({ name }) => name)).toEqual(['pytorch_model.bin', 'config.json']);
  });

  it('L7: memory follows type and quantization, and falls back to the size of the files', () => {
    const info = { commit: '', files: [], parameters: { BF16: 8e9, F32: 1e6 } };
    const auto = { dtype: 'auto', quantization: undefined } as const;
    expect(weightBytes(auto, info)).toBe(8e9 * 2 + 4e6);
    expect(weightBytes({ ...auto, dtype: 'float32' }, info)).toBe((8e9 + 1e6) * 4);
    expect(weightBytes({ ...auto, quantization: '4bit' }, info)).toBe((8e9 + 1e6) / 2);
    const sized = { commit: '', files: [file('model.safetensors', 500)], parameters: {} };
    expect(weightBytes(auto, sized)).toBe(500);
    expect(() => checkMemory(16e9, options({ gpu: 'T4' }), 'T4')).toThrow(/T4 has 16 GiB/);
    expect(() => checkMemory(16e9, options({ gpu: 'L4' }), 'L4')).not.toThrow();
    expect(() => checkMemory(16e9, options({ gpu: 'T4', gpu_count: 2 }), 'T4')).not.toThrow();
  });

  it('M19: volumes are named after the repository, short enough for Modal and never alike', () => {
    expect(volumeName('google/gemma-2-9b-it')).toBe('gbx-model--google--gemma-2-9b-it');
    const [one, two] = ['1', '2'].map((end) => volumeName(`org/${'long-'.repeat(20)}${end}`));
    expect(one).not.toBe(two);
    expect(Math.max(one?.length ?? 0, two?.length ?? 0)).toBeLessThanOrEqual(63);
  });
});

it('M9: the token of a server needs the secret of the account and the nonce', () => {
  const token = deriveToken('secret', 'nonce');
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(deriveToken('secret', 'nonce')).toBe(token);
  expect(new Set([token, deriveToken('secret', 'other'), deriveToken('other', 'nonce')]).size).toBe(
    3,
  );
});
