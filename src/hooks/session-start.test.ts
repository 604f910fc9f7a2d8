import { mkdirSync, mkdtempSync, rmSync, writeFileSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { systemClock } from '#platform/clock.ts';
import { createLedger } from '#policy/ledger.ts';
import { hookWorld } from '../../test/rigs/hook-world.ts';
import type { HookWorld } from './contract.ts';
import { runHook } from './run-hook.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-hook-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const worldWith = (changes?: Parameters<typeof hookWorld>[1]): HookWorld => hookWorld(dir, changes);

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
        whoAmI: async () => ({
          name: 'ada',
          organisations: ['lab'],
          source: 'HF_TOKEN',
          role: 'fineGrained',
        }),
      }),
    );
    expect(text).toContain(
      'Hugging Face: ada, organisations: lab (token from HF_TOKEN, role fine-grained).',
    );
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

  it('tells of the newest notebook also where hundreds of sessions were before it', async () => {
    const folder = path.join(dir, 'sessions');
    mkdirSync(folder);
    const write = (id: string, more: object): string => {
      const file = path.join(folder, `${id}.json`);
      const record = {
        id,
        projectDir: '/project',
        createdMs: 1,
        notebookPath: `/project/${id}.ipynb`,
      };
      writeFileSync(file, JSON.stringify({ ...record, ...more }));
      return file;
    };
    for (let count = 0; count < 300; count += 1)
      utimesSync(write(`s-a${count}`, { endedMs: 2 }), 1000, 1000);
    write('s-z', {});
    expect(await contextOf(worldWith({}))).toContain('- s-z.ipynb (session_id s-z)');
  });

  it('settles Jobs that have ended meanwhile, and leaves those alone of which the Hub says nothing at once', async () => {
    const ledger = createLedger({ dir, clock: systemClock });
    for (const id of ['me/ended', 'me/silent', 'me/failing']) {
      const made = await ledger.reserve(
        {
          session: 's1',
          tool: 'hf_jobs',
          operation: 'run',
          argsHash: '',
          namespace: 'me',
          hardware: 'a10g-large',
          unitMicroUsd: 25_000,
          minutes: 60,
          amountMicroUsd: 1_500_000,
          approval: 'host',
          subject: { kind: 'job', id },
        },
        { session: undefined, day: undefined },
      );
      if ('id' in made) await ledger.attach(made.id);
    }
    const after = (ms: number, call: () => void) =>
      systemClock.after(Math.min(ms, 50), call, { background: true });
    const world = worldWith({
      clock: { ...systemClock, after },
      fateOfJob: ({ subject }) => {
        if (subject?.id === 'me/ended')
          return Promise.resolve({ kind: 'ended', hasStarted: true, runningS: 120 });
        return subject?.id === 'me/silent'
          ? new Promise(() => undefined)
          : Promise.reject(new Error('down'));
      },
    });
    const text = await contextOf(world, 'compact');
    // Two minutes and one for its start, and what the others may still cost.
    expect(text).toContain('Money: spent or reserved $3.08 this session');
    expect(text).not.toContain('me/ended');
    for (const id of ['me/silent', 'me/failing']) expect(text).toContain(`- ${id} on a10g-large`);
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
