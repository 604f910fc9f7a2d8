import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPolicySettings } from '#config/policy-settings.ts';
import { systemClock } from '#platform/clock.ts';
import { createLedger } from '#policy/ledger.ts';
import { normaliseCall } from '#policy/normalise.ts';
import { createRedactor } from '#policy/redaction/redactor.ts';
import { createReceipts } from '#policy/receipts.ts';
import { isRecord } from '#core/json.ts';
import { modalOptions } from '../sandbox/backends/modal/options.ts';
import { dearestOf } from '../sandbox/backends/modal/cost.ts';
import { roughQuote } from '../sandbox/backends/modal/rough-quote.ts';
import type { HookWorld } from './contract.ts';
import { runHook } from './run-hook.ts';

const PREFIX = 'mcp__plugin_glovebox_glovebox__';
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-hook-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function worldWith(
  changes: Partial<HookWorld> & { readonly vars?: Record<string, string> } = {},
): HookWorld {
  const { vars = {}, ...rest } = changes;
  return {
    env: {},
    dir,
    projectDir: '/project',
    clock: systemClock,
    sessionId: 's1',
    settings: readPolicySettings(vars),
    defaultBackend: undefined,
    quoteOf: async (_, options) => roughQuote(options),
    readSandbox: async () => undefined,
    fateOf: async () => undefined,
    whoAmI: async () => ({ unknown: 'no token' }),
    uploads: {
      isOn: undefined,
      repo: undefined,
      claudeDir: dir,
      startWorker: async () => undefined,
    },
    redactsOutputs: false,
    loadRedactor: async () => createRedactor(),
    signal: new AbortController().signal,
    ...rest,
  };
}

const ID = 'toolu_1';
const calling = (tool: string, tool_input: unknown, more: object = {}): string =>
  JSON.stringify({
    session_id: 's1',
    hook_event_name: 'PreToolUse',
    permission_mode: 'default',
    tool_use_id: ID,
    tool_name: `${PREFIX}${tool}`,
    tool_input,
    ...more,
  });

/** What the hook decided, and the reason. */
async function decide(stdin: string, world = worldWith()) {
  const { exitCode, stdout = '', stderr } = await runHook('PreToolUse', stdin, world);
  if (stdout === '') return { exitCode, decision: 'nothing', reason: '', stderr };
  const { hookSpecificOutput }: { hookSpecificOutput?: unknown } = JSON.parse(stdout);
  if (!isRecord(hookSpecificOutput)) throw new Error(stdout);
  expect(hookSpecificOutput['hookEventName']).toBe('PreToolUse');
  return {
    exitCode,
    decision: hookSpecificOutput['permissionDecision'],
    reason: String(hookSpecificOutput['permissionDecisionReason']),
  };
}

const GPU = { backend: 'modal', options: { gpu: 'T4', max_lifetime_seconds: 7200 } };

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
      expect.stringMatching(/^prices {5}estimate from Modal's price list/),
      'budget     cap $5.00, spent or reserved $0.00, left after this $2.86',
      'account    that of your modal token',
      'hardware   1 x T4, 2 cores, 8 GiB',
      'price      $1.07/h',
      'options    {"gpu":"T4","max_lifetime_seconds":7200}',
    ]);
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
    const yolo = worldWith({ vars: { GLOVEBOX_YOLO: '1' } });
    expect((await decide(calling('sandbox_create', GPU), yolo)).decision).toBe('nothing');
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
    const stop = calling('sandbox_stop', { sandbox_id: 'modal-x' });
    expect((await decide(stop, of('s1'))).decision).toBe('nothing');
    expect((await decide(stop, of(undefined))).decision).toBe('nothing');
    expect((await decide(stop, of('s2'))).decision).toBe('ask');
    expect((await decide(stop, of('s1', '/other'))).decision).toBe('ask');
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

describe('3.4: receipts', () => {
  const amountMicroUsd = 120 * 17_790;
  const claim = () => {
    const call = normaliseCall('sandbox_create', GPU);
    return {
      toolUseId: ID,
      tool: 'sandbox_create',
      argsHash: call?.argsHash ?? '',
      scriptSha256: undefined,
      amountMicroUsd,
    };
  };
  const redeem = (changes: object = {}, clock = systemClock) =>
    createReceipts({ dir, clock }).redeem({ ...claim(), ...changes });

  it('are good once, for what was shown', async () => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem()).toBe(true);
    expect(await redeem()).toBe(false);
  });

  it.each([
    ['other arguments', { argsHash: 'other' }],
    ['a script that was changed', { scriptSha256: 'x' }],
    ['another tool', { tool: 'hf_jobs' }],
    ['a dearer estimate', { amountMicroUsd: amountMicroUsd * 2 }],
    ['an estimate that nobody knows any more', { amountMicroUsd: null }],
    ['another call', { toolUseId: 'toolu_2' }],
  ])('are not good for %s', async (_, changes) => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem(changes)).toBe(false);
  });

  it('are good for what is cheaper, and for twelve hours', async () => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem({ amountMicroUsd: 1 })).toBe(true);
    await decide(calling('sandbox_create', GPU));
    const later = { ...systemClock, now: () => Date.now() + 12 * 3_600_000 + 60_000 };
    expect(await redeem({}, later)).toBe(false);
  });

  it.each([['unheard-of'], [undefined], ['']])(
    'are not written in the mode %j',
    async (permission_mode) => {
      expect((await decide(calling('sandbox_create', GPU, { permission_mode }))).decision).toBe(
        'ask',
      );
      expect(await redeem()).toBe(false);
    },
  );

  it('that somebody else wrote are worth nothing', async () => {
    await decide(calling('sandbox_create', GPU));
    const folder = path.join(dir, 'policy/receipts');
    const [name = ''] = readdirSync(folder);
    const content = JSON.stringify({
      ...claim(),
      permissionMode: 'default',
      sessionId: 's1',
      atMs: Date.now(),
    });
    writeFileSync(path.join(folder, name), JSON.stringify({ content, mac: 'a'.repeat(64) }));
    expect(await redeem()).toBe(false);
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
    expect(quote?.usdPerHour).toBe(dearestOf(whole, gpus).usdPerHour);
    expect(quote?.limitS).toBe(whole.max_lifetime_seconds);
  });

  it.each([{ gpu: 5 }, { gpu_count: '2' }, { cpu: -1 }, { max_lifetime_seconds: 'long' }])(
    'is not guessed from %j',
    (options) => expect(roughQuote(options)).toBeUndefined(),
  );
});

describe('8: SessionStart', () => {
  const contextOf = async (world: HookWorld, source = 'startup'): Promise<string> => {
    const { stdout = '', exitCode } = await runHook(
      'SessionStart',
      JSON.stringify({ source }),
      world,
    );
    expect(exitCode).toBe(0);
    const { hookSpecificOutput }: { hookSpecificOutput?: unknown } = JSON.parse(stdout);
    const text = isRecord(hookSpecificOutput)
      ? String(hookSpecificOutput['additionalContext'])
      : '';
    expect(text.length).toBeLessThanOrEqual(2000);
    return text;
  };

  it('says who the user is, what may be spent, and what still runs', async () => {
    const ledger = createLedger({ dir, clock: systemClock });
    const made = await ledger.reserve(
      {
        session: 'other',
        tool: 'sandbox_create',
        operation: '',
        argsHash: '',
        namespace: undefined,
        hardware: 'T4',
        unitMicroUsd: 17_887,
        minutes: 120,
        amountMicroUsd: 2_146_440,
        approval: 'host',
        subject: { kind: 'sandbox', id: 'modal-x' },
      },
      { session: undefined, day: undefined },
    );
    if ('id' in made) await ledger.attach(made.id);
    const text = await contextOf(
      worldWith({
        vars: { GLOVEBOX_YOLO: 'on' },
        whoAmI: async () => ({ name: 'ada', organisations: ['lab'], source: 'HF_TOKEN' }),
      }),
    );
    expect(text).toContain('Hugging Face: ada, organisations: lab (token from HF_TOKEN).');
    expect(text).toContain('inside the budget. Budget: $5.00 a session, $20.00 a day.');
    expect(text).toContain(
      'Money: spent or reserved $0.00 of $5.00 this session · $2.15 of $20.00 today.',
    );
    expect(text).toMatch(/- modal-x on T4, since .*Z, at most \$2\.15/);
  });

  it.each([
    ['no token', /identity unknown \(no token\).*HF_TOKEN/],
    ['token rejected', /identity unknown \(token rejected\).*replaces the token \(HF_TOKEN\)/],
    ['network', /identity unknown \(network\)/],
  ] as const)('says why it does not know: %s', async (unknown, words) => {
    expect(
      await contextOf(worldWith({ whoAmI: async () => ({ unknown, source: 'HF_TOKEN' }) })),
    ).toMatch(words);
  });

  it('tells what lives in the project, the commands, and old names', async () => {
    mkdirSync(path.join(dir, 'sessions'));
    const record = {
      projectDir: '/project',
      createdMs: 1,
      id: 's-a',
      notebookPath: '/project/notebooks/a.ipynb',
    };
    const others = [
      { ...record, id: 's-b', endedMs: 2 },
      { ...record, id: 's-c', scratch: true },
      { ...record, id: 's-d', projectDir: '/other' },
    ];
    for (const one of [record, ...others])
      writeFileSync(path.join(dir, 'sessions', `${one.id}.json`), JSON.stringify(one));
    writeFileSync(path.join(dir, 'sessions/damaged.json'), '{');
    const plugin = path.resolve(import.meta.dirname, '../../plugin');
    const text = await contextOf(
      worldWith({ env: { CLAUDE_PLUGIN_ROOT: plugin, ML_INTERN_YOLO: '0' } }),
    );
    expect(text).toMatch(
      /Notebooks left open.*\n- notebooks\/a\.ipynb \(session_id s-a\)\nBefore machine-learning/,
    );
    expect(text).toMatch(/Commands for the user: .*\/glovebox:research/);
    expect(text).toContain('Old variable names in use: ML_INTERN_YOLO;');
  });

  it('11.6: waits for nobody who does not answer', async () => {
    const quick = {
      ...systemClock,
      after: (_: number, call: () => void) => systemClock.after(1, call),
    };
    const world = worldWith({ clock: quick, whoAmI: () => new Promise(() => undefined) });
    expect(await contextOf(world)).toContain('identity unknown (network)');
  });

  it('on compact repeats policy and money alone', async () => {
    const text = await contextOf(worldWith(), 'compact');
    expect(text).toMatch(/^# Glovebox\nPolicy: /);
    expect(text).not.toContain('Hugging Face');
  });

  it('never fails the start', async () => {
    mkdirSync(path.join(dir, 'policy'), { recursive: true });
    writeFileSync(path.join(dir, 'policy/ledger.jsonl'), 'damaged\n');
    expect(await contextOf(worldWith())).toContain('the ledger cannot be read');
    const outcome = await runHook(
      'SessionStart',
      '',
      worldWith({ whoAmI: () => Promise.reject(new Error('x')) }),
    );
    expect(outcome.exitCode).toBe(0);
  });
});

it('an event that nobody knows blocks nothing and says so', async () => {
  expect(await runHook('Stop', '{}', worldWith())).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('there is no hook "Stop"'),
  });
});
