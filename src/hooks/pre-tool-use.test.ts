import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { createLedger } from '#policy/ledger.ts';
import { normaliseCall } from '#policy/normalise.ts';
import {
  calling,
  decide as decideIn,
  hookWorld,
  PAID_SANDBOX as GPU,
} from '../../test/rigs/hook-world.ts';
import { modalOptions } from '../sandbox/backends/modal/options.ts';
import { dearestOf } from '../sandbox/backends/modal/cost.ts';
import { ratesFrom } from '../sandbox/backends/modal/rates.ts';
import { roughQuote } from '../sandbox/backends/modal/rough-quote.ts';
import type { HookWorld } from './contract.ts';
import { runHook } from './run-hook.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-hook-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const worldWith = (changes?: Parameters<typeof hookWorld>[1]): HookWorld =>
  hookWorld(dir, { quoteOf: async (_, options) => roughQuote(options), ...changes });
const decide = (stdin: string, world = worldWith()) => decideIn(stdin, world);

describe('3.4: PreToolUse', () => {
  it('asks before a paid sandbox, with everything that a person needs', async () => {
    const { decision, reason } = await decide(
      calling('sandbox_create', GPU),
      worldWith({ vars: { GLOVEBOX_BUDGET_USD: '5' } }),
    );
    expect(decision).toBe('ask');
    expect(reason.length).toBeLessThanOrEqual(1500);
    expect(reason.split('\n')).toEqual([
      'Start a paid sandbox on modal?   max. $2.13',
      expect.stringMatching(/^limit {6}2 h: 120 min x \$0\.0178$/),
      expect.stringMatching(
        /^prices {5}estimate of June 2026; see https:\/\/modal\.com\/pricing; NOT CURRENT, so a person decides$/,
      ),
      'budget     cap $5.00, spent or reserved $0.00, left after this $2.86',
      'account    that of your modal token',
      'hardware   1 x T4, 2 cores, 8 GiB',
      'price      $1.07/h',
      'options    {"gpu":"T4","max_lifetime_seconds":7200}',
    ]);
  });

  it('does not load the detectors of secrets for words of its own', async () => {
    const loadRedactor = (): Promise<never> => Promise.reject(new Error('loaded'));
    const plain = await decide(calling('sandbox_create', GPU), worldWith({ loadRedactor }));
    expect(plain.reason).toContain('that of your modal token');
  });

  it('takes out an address that opens something by itself', async () => {
    const hook = 'T0AB1CD2EF/B0AB1CD2EF/Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2';
    const env = { TELL: `https://hooks.slack.com/services/${hook}` };
    const { reason } = await decide(
      calling('sandbox_create', { ...GPU, options: { gpu: 'T4', env } }),
    );
    expect(reason).toContain('hooks.slack.com');
    expect(reason).not.toContain(hook);
  });

  it('counts the machines that fetch weights first, with how that comes about', async () => {
    const { reason } = await decide(
      calling('sandbox_create', GPU),
      worldWith({
        vars: { GLOVEBOX_BUDGET_USD: '9' },
        quoteOf: async (_, options) => roughQuote(options, [], 2),
      }),
    );
    expect(reason.split('\n').slice(0, 5)).toEqual([
      'Start a paid sandbox on modal?   max. $5.18',
      expect.stringMatching(/^limit {6}2 h: 120 min x \$0\.0178$/),
      'before it  2 machines to fetch weights, each 2 h at most: 2 x 120 min x $0.0127',
      expect.stringMatching(/^prices /),
      'budget     cap $9.00, spent or reserved $0.00, left after this $3.82',
    ]);
  });

  it('P7: counts several at once by what they come to together, and those that live already for nothing', async () => {
    const several = calling('sandbox_create', { ...GPU, count: 3 });
    const capped = worldWith({ vars: { GLOVEBOX_BUDGET_USD: '9' } });
    const { decision, reason } = await decide(several, capped);
    expect(decision).toBe('ask');
    expect(reason.split('\n').slice(0, 4)).toEqual([
      'Start 3 paid sandboxes on modal?   max. $6.40',
      expect.stringMatching(/^limit {6}3 times 2 h: 120 min x \$0\.0178$/),
      expect.stringMatching(/^prices /),
      'budget     cap $9.00, spent or reserved $0.00, left after this $2.59',
    ]);
    const small = worldWith({ vars: { GLOVEBOX_BUDGET_USD: '5' } });
    const refused = await decide(several, small);
    expect([refused.decision, refused.reason]).toEqual(['deny', expect.stringContaining('$6.4')]);

    const ledger = createLedger({ dir, clock: systemClock });
    const { argsHash = '' } = normaliseCall('sandbox_create', { ...GPU, count: 3 }) ?? {};
    const reservation = {
      session: 's1',
      tool: 'sandbox_create',
      operation: '',
      argsHash,
      namespace: undefined,
      hardware: undefined,
      unitMicroUsd: 1,
      minutes: 1,
      amountMicroUsd: 1,
      approval: 'host',
    } as const;
    await ledger.reserveAll(
      ['one', 'two', 'three'].map((id) => ({ ...reservation, subject: { kind: 'sandbox', id } })),
      { session: undefined, day: undefined },
    );
    const living = (...ids: readonly string[]) =>
      worldWith({
        fateOf: async (id) => ({ hasEnded: !ids.includes(id), claimedMs: Date.now() }),
      });
    const again = await decide(several, living('one', 'three'));
    expect(again.reason).toContain('Start a paid sandbox on modal?   max. $2.13');
    expect((await decide(several, living('one', 'two', 'three'))).decision).toBe('nothing');
  });

  it.each([
    ['no JSON', 'no json'],
    ['nothing', ''],
    ['a list', '[]'],
    ['a text for arguments', calling('sandbox_create', 'x')],
    ['null for arguments', calling('sandbox_create', null)],
    ['a list for arguments', calling('sandbox_create', [])],
    ['no name', calling('', {}, { tool_name: '' })],
    ['an operation that is a list', calling('hf_repo_git', { operation: ['list_refs'] })],
  ])('asks when stdin holds %s', async (_, stdin) => {
    expect(await decide(stdin)).toMatchObject({ exitCode: 0, decision: 'ask' });
  });

  it.each([
    ['hf_jobs', { operation: 'scheduled foo' }],
    ['hf_repo_git', { operation: 'delete_repo' }],
    ['no_such_tool', {}],
  ])('denies %s %j, and names what there is', async (tool, input) => {
    const { decision, reason } = await decide(calling(tool, input));
    expect(decision).toBe('deny');
    expect(reason).toMatch(/there is no/);
  });

  it.each([
    ['execute_code', { code: '1' }],
    ['hf_repo_files', { operation: 'list' }],
    ['sandbox_create', {}],
    ['sandbox_create', { backend: 'local' }],
    ['sandbox_create', { backend: 'slurm' }],
    ['sandbox_create', { ...GPU, dry_run: true }],
    ['sandbox_stop', { sandbox_id: 'unknown' }],
    // What they add up to is known to the server, which asks with all of it.
    ['sandbox_create', { ...GPU, profile: 'big' }],
    ['sandbox_create', { backend: 'local', options: { backend: 'modal', gpu: 'H100' } }],
    ['sandbox_create', { backend: 'modal', options: { gpu: 'H100', gpuCount: 8 } }],
    // Which files a pattern matches is known to the server, which asks with the list.
    ['hf_repo_files', { operation: 'delete', repo_id: 'a/b', patterns: ['x'] }],
  ])('says nothing about %s %j', async (tool, input) => {
    expect(await decide(calling(tool, input))).toMatchObject({ exitCode: 0, decision: 'nothing' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('denies what the cap does not carry, with the amount that is missing', async () => {
    const { decision, reason } = await decide(
      calling('sandbox_create', GPU),
      worldWith({ vars: { GLOVEBOX_BUDGET_USD: '2' } }),
    );
    expect(decision).toBe('deny');
    expect(reason).toContain('$2.13 needed, $2.00 left for this session: $0.13 are missing');
    expect(reason).toContain('glovebox budget set AMOUNT');
  });

  it('says nothing where the budget decides: the server reserves it', async () => {
    const prices = ['T4=0.59', 'core=0.14', 'gib=0.02'];
    const quoteOf: HookWorld['quoteOf'] = async (_, options) => roughQuote(options, prices);
    const yolo = worldWith({ vars: { GLOVEBOX_YOLO: '1' }, quoteOf });
    expect((await decide(calling('sandbox_create', GPU), yolo)).decision).toBe('nothing');
    // An estimate is no price that the budget could go by.
    const guessing = worldWith({ vars: { GLOVEBOX_YOLO: '1' } });
    expect((await decide(calling('sandbox_create', GPU), guessing)).decision).toBe('ask');
    const unknown = { backend: 'modal', options: { gpu: 'B200+' } };
    const { decision, reason } = await decide(calling('sandbox_create', unknown), yolo);
    expect(decision).toBe('ask');
    expect(reason).toContain('PRICE UNKNOWN');
  });

  it('asks when the rules themselves fail', async () => {
    const broken = worldWith({ quoteOf: () => Promise.reject(new Error('broken')) });
    expect((await decide(calling('sandbox_create', GPU), broken)).decision).toBe('ask');
    const dead: HookWorld = new Proxy(worldWith(), {
      get: (target, key) => {
        if (key === 'settings') throw new Error('dead');
        return Reflect.get(target, key);
      },
    });
    expect((await decide(calling('ping', {}), dead)).decision).toBe('ask');
  });

  it('asks before the sandbox of another session is stopped', async () => {
    const of = (session: string | undefined, projectDir = '/project') =>
      worldWith({ readSandbox: async () => ({ session, projectDir, backend: 'modal' }) });
    const stop = calling('sandbox_stop', { sandbox_id: 'modal-x', force: true });
    expect((await decide(stop, of('s1'))).decision).toBe('nothing');
    expect((await decide(stop, of(undefined))).decision).toBe('nothing');
    expect((await decide(stop, of('s2'))).decision).toBe('ask');
    expect((await decide(stop, of('s1', '/other'))).decision).toBe('ask');
    // SEC13: the server refuses it then, whatever anybody answers.
    const unforced = calling('sandbox_stop', { sandbox_id: 'modal-x' });
    expect((await decide(unforced, of('s2'))).decision).toBe('nothing');
  });

  it('says nothing of a call that goes on with what it started', async () => {
    const call = normaliseCall('sandbox_create', GPU);
    const ledger = createLedger({ dir, clock: systemClock });
    await ledger.reserve(
      {
        session: 's1',
        tool: 'sandbox_create',
        operation: '',
        argsHash: call?.argsHash ?? '',
        namespace: undefined,
        hardware: undefined,
        unitMicroUsd: 1,
        minutes: 1,
        amountMicroUsd: 1,
        approval: 'host',
        subject: { kind: 'sandbox', id: 'modal-x' },
      },
      { session: undefined, day: undefined },
    );
    const fate = (hasEnded: boolean) =>
      worldWith({ fateOf: async () => ({ hasEnded, claimedMs: Date.now() }) });
    const again = calling('sandbox_create', { ...GPU, wait_s: 5 });
    expect((await decide(again, fate(false))).decision).toBe('nothing');
    expect((await decide(again, fate(true))).decision).toBe('ask');
  });
});

describe('the price in the hook', () => {
  it.each([
    {},
    { gpu: 'T4' },
    { gpu: ['h100', 'A100'], gpu_count: 4 },
    { gpu: ['T4', 'H100'] },
    { gpu: ['T4', 'B200+'] },
    { gpu: 'a10g', cpu: 8, memory_mib: 65_536, max_lifetime_seconds: 7200 },
    { cpu_limit: 16, memory_limit_mib: 100_000 },
    { gpu: 'B200+' },
    { region: 'eu' },
  ])('is that of the server: %j', (options) => {
    const whole = modalOptions.parse(options);
    const gpus = [whole.gpu].flat();
    const quote = roughQuote(options);
    expect(quote?.usdPerHour).toBe(dearestOf(whole, gpus, ratesFrom([])).usdPerHour);
    expect(quote?.limitS).toBe(whole.max_lifetime_seconds);
  });

  it.each([{ gpu: 5 }, { gpu_count: '2' }, { cpu: -1 }, { max_lifetime_seconds: 'long' }])(
    'is not guessed from %j',
    (options) => expect(roughQuote(options)).toBeUndefined(),
  );
});

it('an event that nobody knows blocks nothing and says so', async () => {
  expect(await runHook('Stop', '{}', worldWith())).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('there is no hook "Stop"'),
  });
});
