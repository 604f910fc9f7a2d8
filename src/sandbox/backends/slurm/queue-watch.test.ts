/** How often, and for whom, the scheduler is asked (S1, S9, S10, X127). */
import { beforeEach, describe, expect, test } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import type { Host, HostCommandOptions, HostCommandResult } from '#platform/host.ts';
import { createManualClock, type ManualClock } from '../../../../test/fakes/manual-clock.ts';
import { QueueWatch, type Haste, type QueueAnswer } from './queue-watch.ts';
import type { Job } from './record.ts';

const never = (): AbortSignal => new AbortController().signal;
const refuse = (): never => {
  throw new Error('not expected');
};

/** Answers `squeue` with what a test says; every other call fails. */
class Scheduler {
  readonly asked: string[][] = [];
  readonly options: HostCommandOptions[] = [];
  rows: Record<string, string> = {};
  failure: (() => HostCommandResult) | undefined;

  readonly host: Host = {
    name: 'login',
    isRemote: false,
    run: async (argv, options) => {
      expect(argv.slice(0, 5)).toEqual(['squeue', '-h', '-t', 'all', '-j']);
      const ids = argv[5]?.split(',') ?? [];
      this.asked.push(ids);
      this.options.push(options);
      if (this.failure !== undefined) return this.failure();
      const lines = ids.flatMap((id) =>
        this.rows[id] === undefined ? [] : [`${id}|${this.rows[id]}|None||n/a|N/A|5:00|N/A|gpu|c`],
      );
      const isUnknown = lines.length === 0 && ids.length === 1;
      return {
        code: isUnknown ? 1 : 0,
        signal: null,
        stdout: lines.map((line) => `${line}\n`).join(''),
        stderr: isUnknown ? 'slurm_load_jobs error: Invalid job id specified\n' : '',
      };
    },
    open: refuse,
    writeFile: refuse,
    readFile: refuse,
    home: refuse,
    hostname: refuse,
    routeTo: () => expect.fail('nobody may connect'),
  };
}

describe('S1, S9, X127: the question to the scheduler', () => {
  let clock: ManualClock;
  let scheduler: Scheduler;
  let watch: QueueWatch;
  beforeEach(() => {
    clock = createManualClock();
    scheduler = new Scheduler();
    watch = new QueueWatch({ host: async () => scheduler.host, clock, pollMinMs: () => 3000 });
  });
  const job = (id: string): Job => ({ id, submittedMs: 0 });
  const ask = (id: string, haste: Haste = 'patient'): Promise<QueueAnswer> =>
    watch.ask(job(id), haste, never());
  const wordOf = (answer: QueueAnswer): string =>
    answer.kind === 'row' ? answer.row.word : answer.kind;

  test('one for all who wait, in a fixed language, without the habits of the user', async () => {
    scheduler.rows = { '1': 'PENDING', '2': 'RUNNING' };
    await ask('1');
    clock.advance(60_000);
    const answers = await Promise.all([ask('1'), ask('2'), ask('1')]);
    expect(answers.map(wordOf)).toEqual(['PENDING', 'RUNNING', 'PENDING']);
    expect(scheduler.asked).toEqual([['1'], ['1', '2']]);
    expect(scheduler.options[0]).toMatchObject({
      timeoutMs: 20_000,
      env: { LC_ALL: 'C', SLURM_TIME_FORMAT: '%s' },
      withoutEnv: expect.arrayContaining(['SQUEUE_*', 'SINFO_*', 'SCANCEL_*']),
    });
  });

  test('at most 40 in ten minutes of queue, however often it is looked at (Q8)', async () => {
    scheduler.rows = { '1': 'PENDING' };
    for (let second = 0; second < 600; second += 1) {
      await ask('1');
      clock.advance(1000);
    }
    expect(scheduler.asked.length).toBeLessThanOrEqual(40);
    expect(scheduler.asked.length).toBeGreaterThan(12);
  });

  test('once a minute while its server answers, and soon again when it does not', async () => {
    scheduler.rows = { '1': 'RUNNING' };
    for (let second = 0; second < 300; second += 1) {
      await ask('1', 'calm');
      clock.advance(1000);
    }
    expect(scheduler.asked.length).toBeLessThanOrEqual(7);
    const before = scheduler.asked.length;
    clock.advance(4000);
    await ask('1', 'urgent');
    expect(scheduler.asked.length).toBe(before + 1);
  });

  test('a job that is missing is asked for once more 5 s later, and then it is absent (S10)', async () => {
    expect((await ask('9', 'urgent')).kind).toBe('missing');
    clock.advance(3000);
    expect((await ask('9', 'urgent')).kind).toBe('missing');
    expect(scheduler.asked.length).toBe(1);
    clock.advance(2100);
    expect((await ask('9', 'urgent')).kind).toBe('absent');
  });

  test('one that turns up again was never absent', async () => {
    expect((await ask('9', 'urgent')).kind).toBe('missing');
    scheduler.rows = { '9': 'RUNNING' };
    clock.advance(5100);
    expect(wordOf(await ask('9', 'urgent'))).toBe('RUNNING');
    scheduler.rows = {};
    clock.advance(5100);
    expect((await ask('9', 'urgent')).kind).toBe('missing');
  });

  test.each([
    [
      'fails',
      () =>
        ({
          code: 1,
          signal: null,
          stdout: '',
          stderr: 'squeue: error: Unable to contact slurm controller',
        }) as const,
    ],
    [
      'hangs',
      () => {
        throw new GloveboxError('timeout', 'squeue was ended after its limit of 20 s.');
      },
    ],
    [
      'is out of reach',
      () => {
        throw new GloveboxError('host/unreachable', 'login: Connection timed out');
      },
    ],
  ])(
    'a scheduler that %s is silent, never absent, and is asked less and less often',
    async (_how, failure) => {
      scheduler.rows = { '1': 'RUNNING' };
      await ask('1', 'urgent');
      scheduler.failure = failure;
      const sinceMs: number[] = [];
      for (let second = 0; second < 120; second += 1) {
        clock.advance(1000);
        const answer = await ask('1', 'urgent');
        if (answer.kind === 'silent') sinceMs.push(answer.sinceMs);
        else expect(wordOf(answer)).toBe('RUNNING');
      }
      expect(new Set(sinceMs).size).toBe(1);
      expect(scheduler.asked.length).toBeLessThanOrEqual(12);
      scheduler.failure = undefined;
      clock.advance(60_000);
      expect(wordOf(await ask('1', 'urgent'))).toBe('RUNNING');
    },
  );

  test('X101: who gives up ends the own wait, not the question of the others', async () => {
    const abort = new AbortController();
    const given = watch.ask(job('1'), 'urgent', abort.signal);
    scheduler.rows = { '1': 'PENDING' };
    const other = ask('1', 'urgent');
    abort.abort();
    await expect(given).rejects.toMatchObject({ code: 'cancelled' });
    expect(wordOf(await other)).toBe('PENDING');
  });

  test('each cluster of a federation is asked by its name (S16)', async () => {
    const words: string[][] = [];
    const host: Host = {
      ...scheduler.host,
      run: async (argv) => {
        words.push([...argv]);
        return {
          code: 0,
          signal: null,
          stdout: '7|PENDING|None||n/a|N/A|1:00|N/A|gpu|c\n',
          stderr: '',
        };
      },
    };
    const federated = new QueueWatch({ host: async () => host, clock, pollMinMs: () => 3000 });
    await federated.ask({ id: '7', cluster: 'alpha', submittedMs: 0 }, 'patient', never());
    expect(words[0]?.slice(-2)).toEqual(['-M', 'alpha']);
  });
});
