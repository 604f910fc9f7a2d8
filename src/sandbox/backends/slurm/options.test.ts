/** What may be asked for, and that no value becomes anything but one word of a command line (S3). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { parseBackendOptions } from '#sandbox/backend.ts';
import { hubCacheVariables } from '#sandbox/own-machine.ts';
import { toldOf } from './models.ts';
import { slurmOptions } from './options.ts';
import { parseSinfo } from './parse-sinfo.ts';
import { resolveRequest, withDefaultGres, withDefaultTime, type JobRequest } from './request.ts';
import { requestWords, submissionWords, withoutPatterns } from './sbatch-words.ts';
import type { SlurmSettings } from './settings.ts';

const NO_DEFAULTS: SlurmSettings = {
  dir: '/state',
  pythonDir: '/python',
  defaults: {},
  jobsDir: '~/jobs',
  modelsDir: '~/models',
  hubUrl: 'http://127.0.0.1:1',
  variables: {},
  nodeTmp: '/tmp',
  sharedDisk: true,
  purgeModules: true,
  exportNames: [],
  tunnel: 'step',
  readyMs: 1,
  pollMinMs: 1,
};
const request = (raw: object, defaults: SlurmSettings['defaults'] = {}): JobRequest =>
  resolveRequest(parseBackendOptions('slurm', slurmOptions, raw), { ...NO_DEFAULTS, defaults });
const words = (raw: object): readonly string[] => requestWords(request(raw));

describe('accepted values', () => {
  test('nothing asked for: the built-in defaults and no line too many', () => {
    expect(words({})).toEqual([
      '--nodes=1',
      '--ntasks=1',
      '--cpus-per-task=4',
      '--mem=32000M',
      '--time=4:00:00',
      '--no-requeue',
    ]);
  });

  test('G7: limits are what a job may ask for at most, as it may use what it asks for', () => {
    const lines = (raw: object, defaults: SlurmSettings['defaults'] = {}) =>
      requestWords(request(raw, defaults)).filter((line) => /cpus|mem/.test(line));
    const asked = (cpus: number, mem: string) => [`--cpus-per-task=${cpus}`, `--mem=${mem}`];
    expect(lines({ cpu_limit: 2.5, memory_limit_mib: 1000 })).toEqual(asked(2, '1000M'));
    expect(lines({ cpu_limit: 16, memory_limit_mib: 99_000 })).toEqual(asked(4, '32000M'));
    expect(lines({ cpu: 1, cpu_limit: 8, memory_mib: 512, memory_limit_mib: 900 })).toEqual(
      asked(1, '512M'),
    );
    expect(lines({ memory_limit_mib: 2048 }, { mem: '1g', cpus: 2 })).toEqual(asked(2, '1g'));
    expect(lines({ memory_limit_mib: 2048 }, { mem: '3G', cpus: 2 })).toEqual(asked(2, '2048M'));
    const wrong = { cpus: 4, cpu_limit: 2, memory_mib: 2000, memory_limit_mib: 1000 };
    expect(() => request(wrong)).toThrow(
      /cpu_limit: must not be below cpus[^]*memory_limit_mib: must not be below memory_mib/,
    );
  });

  test('G7: the node is told of a cache that sandboxes share, and which Python it has to find', () => {
    const cache = hubCacheVariables('/disk/models', '/home/me/.cache/huggingface');
    expect(toldOf(undefined, {}, {})).toBeUndefined();
    expect(
      toldOf(undefined, cache, { python_version: '3.11', env: { HF_TOKEN_PATH: '/x' } }),
    ).toEqual({
      paths: {
        HF_HOME: '/disk/models/hub-cache',
        HF_STORED_TOKENS_PATH: '/home/me/.cache/huggingface/stored_tokens',
      },
      models: [],
      weights: [],
      python_version: '3.11',
    });
  });

  test('everything asked for', () => {
    const raw = {
      partition: 'gpu,long',
      gres: 'gpu:a100:2',
      cpus: 8,
      mem: '64g',
      time: '1-12:00',
      account: 'physics',
      qos: 'high',
      constraint: 'a100&nvlink|[rack1*2]',
      reservation: 'course',
      nodes: 2,
      nodelist: 'n[1-3],x7',
      exclude: 'n2',
      cluster: 'alpha',
      requeue: true,
      extra_args: ['--mail-type=END', '--gpu-bind=closest'],
    };
    expect(words(raw)).toEqual([
      '-M',
      'alpha',
      '--partition=gpu,long',
      '--nodes=2',
      '--ntasks=2',
      '--cpus-per-task=8',
      '--mem=64g',
      '--time=1-12:00',
      '--gres=gpu:a100:2',
      '--account=physics',
      '--qos=high',
      '--constraint=a100&nvlink|[rack1*2]',
      '--reservation=course',
      '--nodelist=n[1-3],x7',
      '--exclude=n2',
      '--requeue',
      '--mail-type=END',
      '--gpu-bind=closest',
    ]);
  });

  test('no GPU: the line is left out (X124)', () => {
    for (const gres of ['none', '']) expect(words({ gres }).join(' ')).not.toContain('--gres');
  });

  test('numbers are taken where people write them', () => {
    expect(words({ mem: 4000, time: 30 })).toEqual(
      expect.arrayContaining(['--mem=4000', '--time=30']),
    );
  });

  test('a call counts more than a setting, and a bad setting is an error that names it', () => {
    expect(request({ cpus: 2 }, { cpus: 16, mem: '8G' })).toMatchObject({ cpus: 2, mem: '8G' });
    const failure = failureOf(() => request({}, { mem: '8 gigabytes' }));
    expect(failure).toMatchObject({
      code: 'config/invalid',
      message: expect.stringContaining('mem'),
    });
  });

  test('G7, M17: a lifetime in seconds is the time limit, whatever the settings say, and contradicts no other', () => {
    const defaults = { time: '8:00:00' };
    expect(request({ max_lifetime_seconds: 5430 }, defaults).time).toBe('1:30:30');
    expect(request({ max_lifetime_seconds: 90_000 }).time).toBe('25:00:00');
    expect(request({ max_lifetime_seconds: 3600, time: '1:00:00' }).time).toBe('1:00:00');
    expect(request({}, defaults).time).toBe('8:00:00');
    const failure = failureOf(() => request({ max_lifetime_seconds: 60, time: 30 }));
    expect(failure.message).toContain(
      'max_lifetime_seconds: says 60 s, and time says 1800 s: leave one of them out',
    );
  });

  test('gpu:1 where the partition has GPUs and nobody said anything', () => {
    const survey = parseSinfo(
      'cpu*|up|1:00|1|idle|4|4000|(null)|0/4/0/4|(null)\ngpu|up|1:00|1|idle|4|4000|gpu:2|0/4/0/4|(null)\n',
    );
    expect(withDefaultGres(request({}), survey).gres).toBeUndefined();
    expect(withDefaultGres(request({ partition: 'gpu' }), survey).gres).toBe('gpu:1');
    expect(withDefaultGres(request({ partition: 'gpu', gres: 'none' }), survey).gres).toBe('none');
    expect(withDefaultGres(request({ partition: 'gpu' }), undefined).gres).toBeUndefined();
  });

  test.each([
    [{ gpu: 'A100-80GB' }, 'gpu:a100:1'],
    [{ gpu: 'A10', gpu_count: 2 }, 'gpu:A10:2'],
    [{ gpu: ['H200', 'h100'] }, 'gpu:nvidia_h100_80gb_hbm3:1'],
    [{ gpu: 'gpu', gpu_count: 3 }, 'gpu:3'],
  ])('G7: %j is %s of this cluster', (asked, gres) => {
    const row =
      'big|up|1:00|1|idle|4|4000|gpu:a100:4,gpu:A10:2,gpu:nvidia_h100_80gb_hbm3:8|0/4/0/4|(null)\n';
    const survey = parseSinfo(`cpu*|up|1:00|1|idle|4|4000|(null)|0/4/0/4|(null)\n${row}`);
    const wanted = request({ partition: 'big', ...asked }, { gres: 'gpu:1' });
    expect(withDefaultGres(wanted, survey).gres).toBe(gres);
    const failure = failureOf(() => withDefaultGres(request(asked), survey));
    expect(failure).toMatchObject({
      code: 'config/invalid',
      message: expect.stringMatching(/gpu: The default partition has no .*; it has no GPUs\.$/),
      hint: 'Ask for partition big, where there is one.',
    });
  });

  test('G7: cores, memory and GPUs are taken in the words of other back ends, and not in two at once', () => {
    expect(words({ cpu: 2.5, memory_mib: 8192 })).toEqual(
      expect.arrayContaining(['--cpus-per-task=3', '--mem=8192M']),
    );
    expect(withDefaultGres(request({ gpu: 'A100', gpu_count: 2 }), undefined).gres).toBe(
      'gpu:a100:2',
    );
    const twice = { gpu: 'A100', gres: 'gpu:1', cpu: 1, cpus: 2, memory_mib: 200, mem: '1G' };
    const failure = failureOf(() => request(twice));
    for (const name of ['gpu', 'cpu', 'memory_mib'])
      expect(String(Reflect.get(Object(failure), 'message'))).toContain(`${name}: says what `);
  });
});

describe('the time limit where nobody named one', () => {
  const survey = parseSinfo(
    [
      'cpu*|up|2:00:00|1|idle|4|4000|(null)|0/4/0/4|(null)',
      'long|up|infinite|1|idle|4|4000|(null)|0/4/0/4|(null)',
      'short|up|0:30|1|idle|4|4000|(null)|0/4/0/4|(null)',
      'odd|up|n/a|1|idle|4|4000|(null)|0/4/0/4|(null)',
    ].join('\n'),
  );
  test.each([
    [{}, '2:00:00', /^its time limit is 2 h, the most that partition cpu allows/],
    [{ partition: 'long' }, '4:00:00', undefined],
    [{ partition: 'short' }, '0:00:30', /partition short/],
    [{ partition: 'long,cpu' }, '2:00:00', /partition cpu/],
    [{ partition: 'odd' }, '4:00:00', undefined],
    [{ partition: 'unknown' }, '4:00:00', undefined],
    // Who asked for too much is told so by SLURM.
    [{ time: '5:00:00' }, '5:00:00', undefined],
  ])('%j: %s', (raw, time, reason) => {
    const limited = withDefaultTime(request(raw), survey);
    expect(limited.request.time).toBe(time);
    if (reason === undefined) expect(limited.reason).toBeUndefined();
    else expect(limited.reason).toMatch(reason);
    expect(withDefaultTime(request(raw), undefined).request.time).toBe(request(raw).time);
  });

  test('a setting counts as said', () => {
    const said = withDefaultTime(request({}, { time: '3:00:00' }), survey);
    expect(said).toEqual({ request: request({}, { time: '3:00:00' }) });
  });
});

describe('refused values', () => {
  test.each([
    { partition: '-gpu' },
    { partition: 'gpu,' },
    { partition: 'a b' },
    { gres: 'gpu:' },
    { gres: '--wrap=x' },
    { cpus: 0 },
    { cpus: 1.5 },
    { mem: '32 G' },
    { mem: '0' },
    { mem: '-1G' },
    { mem: '32GB' },
    { time: '1--2::' },
    { time: '0' },
    { account: 'a;b' },
    { constraint: 'a b' },
    { nodelist: '-n1' },
    { modules: ['-x'] },
    { modules: ['a b'] },
    { python: 'a\nb' },
    { container: '-x' },
    { setup: ['one\ntwo'] },
    { extra_args: ['-p'] },
    { extra_args: ['gpu'] },
    { extra_args: ['--'] },
    { extra_args: ['--wrap=x'] },
    { extra_args: ['--wra=x'] },
    { extra_args: ['--output=/x'] },
    { extra_args: ['--outp=/x'] },
    { extra_args: ['--export=ALL'] },
    { extra_args: ['--array=1-9'] },
    { extra_args: ['--arr=1-9'] },
    { extra_args: ['--parsable'] },
    { extra_args: ['--test-only'] },
    { extra_args: ['--wait'] },
    { extra_args: ['--mail-type=END', ':', '--mem=1'] },
    { extra_args: ['--x=a\u0000b'] },
    { unheard_of: 1 },
  ])('%j', (raw) => {
    expect(failureOf(() => request(raw)).code).toBe('config/invalid');
  });
});

describe('whatever a value is (X125)', () => {
  const TEXTS = [
    'partition',
    'gres',
    'mem',
    'time',
    'account',
    'qos',
    'constraint',
    'reservation',
    'nodelist',
    'exclude',
  ] as const;
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[-a-z0-9:;,$`'"&|*()[\] =\n\\]{0,20}$/),
    fc.constantFrom('gpu --wrap=x', '$(id)', '`id`', '--wrap=id', "a' 'b", 'a\u0000--wrap=x', '%j'),
  );

  test('it is refused, or it is the rest of exactly one word that begins with its own flag', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TEXTS), nasty, (name, value) => {
        const made = attempt(() => words({ [name]: value }));
        if (made === undefined) return;
        const others = words({});
        const own = made.filter((word) => !others.includes(word));
        expect(own.length).toBeLessThanOrEqual(1);
        for (const word of own) expect(word).toBe(`--${name}=${value}`);
        expect(made.every((word) => word.startsWith('--'))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('an extra argument stays one word, and none that Glovebox decides itself passes', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const made = attempt(() => words({ extra_args: [value] }));
        if (made === undefined) return;
        expect(made.at(-1)).toBe(value);
        expect(value).toMatch(/^--[a-z]/);
        expect(value).not.toMatch(
          /^--(wrap|output|error|export|array|parsable|test-only|wait)(=|$)/,
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('S7, X123: what the script gets stands behind the script, the environment of the submitter stays out, and a pattern in the log’s path is none', () => {
    const made = submissionWords(request({}), {
      name: 'slurm-a-b',
      comment: 'glovebox:n:1',
      exportNames: ['HF_HOME'],
      log: `${withoutPatterns('/a%j b')}/job-%j.log`,
      workDir: '/tmp',
      script: '/jobs/bin/job-1.sh',
      scriptArguments: ["$(id) 'x'", '', '--wrap=x'],
    });
    expect(made.slice(-4)).toEqual(['/jobs/bin/job-1.sh', "$(id) 'x'", '', '--wrap=x']);
    expect(made).toContain('--output=/a%%j b/job-%j.log');
    expect(made).toContain('--export=NIL,HF_HOME');
  });
});

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    expect(error).toBeInstanceOf(GloveboxError);
    return undefined;
  }
}

function failureOf(make: () => unknown): GloveboxError {
  try {
    make();
  } catch (error) {
    if (error instanceof GloveboxError) return error;
    throw error;
  }
  return expect.fail('it was accepted');
}
