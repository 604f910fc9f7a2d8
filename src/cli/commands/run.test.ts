import { describe, expect, it } from 'vitest';
import type { CliServices } from '../host.ts';
import { GloveboxError } from '#core/errors.ts';
import { fakeHost, runFake } from '../../../test/rigs/cli-host.ts';
import { fakeRun, fakeSession, fakeTool, sessionView } from '../../../test/rigs/cli-objects.ts';
import { runCli } from '../program.ts';

describe('run', () => {
  const opens = () => Promise.resolve({ blocks: [], meta: { session_id: 's-abc' } });
  const tools = [fakeTool('start_notebook')];

  it('runs the code cells one by one, saves after each and shuts down', async () => {
    const session = fakeSession([
      { source: 'a = 1', run: fakeRun() },
      { source: '# text', type: 'markdown' },
      { source: ' ' },
      { source: 'b = 2', run: fakeRun({ state: 'running' }, { state: 'ok' }) },
    ]);
    const { code, out, err, calls } = await runFake(['run', 'notebooks/probe.ipynb'], {
      tools,
      session,
      callTool: opens,
    });
    expect(code).toBe(0);
    expect(session.calls).toEqual(['run c0', 'flush', 'run c3', 'flush', 'flush']);
    expect(out).toBe('2 of 2 cells ok. Saved: /project/notebooks/probe.ipynb\n');
    expect(err).toBe('[1/2] cell 0 ok 1.5 s  a = 1\n[2/2] cell 3 ok 1.5 s  b = 2\n');
    expect(calls).toEqual(['shutdown s-abc', 'close']);
  });

  const failing = () =>
    fakeSession([
      {
        source: '1/0',
        run: fakeRun({
          state: 'error',
          error: { name: 'E', value: 'v' },
          outputs: [
            { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['Trace', 'E: v'] },
          ],
        }),
      },
      { source: 'b', run: fakeRun() },
    ]);

  it('stops at the first cell that fails, exit code 1', async () => {
    const session = failing();
    const { code, out, err } = await runFake(['run', 'p.ipynb'], {
      tools,
      session,
      callTool: opens,
    });
    expect(code).toBe(1);
    expect(session.calls).not.toContain('run c1');
    expect(out).toContain('0 of 2 cells ok, 1 failed, 1 not run.');
    expect(err).toContain('Trace\nE: v\n');
  });

  it('goes on when told so, keeps the session when told so, and says it all in JSON', async () => {
    const argv = ['run', 'p.ipynb', '--continue-on-error', '--keep', '--json'];
    const { code, json, calls } = await runFake(argv, {
      tools,
      session: failing(),
      callTool: opens,
    });
    expect([code, calls]).toEqual([1, ['close']]);
    expect(json()).toMatchObject({
      session_id: 's-abc',
      executed: 2,
      failed: 1,
      not_run: 0,
      cells: [{ cell_index: 0, state: 'error', error: { name: 'E' } }, { state: 'ok' }],
    });
  });

  it('finds the notebook from the current folder, else where an agent would', async () => {
    const asked: unknown[] = [];
    const callTool: CliServices['callTool'] = async (_tool, input) => {
      asked.push(input);
      if (asked.length === 1) throw new GloveboxError('path/not-allowed', 'outside');
      return opens();
    };
    const session = fakeSession([]);
    const { code } = await runFake(['run', 'p.ipynb', '--kernel', 'ir'], {
      tools,
      session,
      callTool,
    });
    expect(code).toBe(0);
    expect(asked).toEqual(
      ['/project/p.ipynb', 'p.ipynb'].map((file) => ({
        notebook_path: file,
        wait_s: 600,
        kernel: 'ir',
      })),
    );
    let count = 0;
    const fails: CliServices['callTool'] = async () => {
      count += 1;
      throw new GloveboxError('path/not-found', `try ${count}`);
    };
    const missing = await runFake(['run', 'p.ipynb'], { tools, callTool: fails });
    expect([missing.code, missing.err]).toEqual([1, 'glovebox: try 1\n']);
  });

  it('does not run in a session that lives already, nor in a kernel of somebody else', async () => {
    const session = fakeSession([{ source: 'a', run: fakeRun() }]);
    const live = await runFake(['run', 'p.ipynb'], {
      tools,
      session,
      sessions: [sessionView()],
      callTool: opens,
    });
    expect([live.code, live.calls, session.calls]).toEqual([2, ['close'], []]);
    let asked = 0;
    const list = () =>
      Promise.resolve((asked += 1) === 1 ? [] : [sessionView({ ownsKernel: false })]);
    const foreign = await runFake(['run', 'p.ipynb'], {
      tools,
      session,
      callTool: opens,
      parts: { sessions: { list } },
    });
    expect([foreign.code, foreign.calls, session.calls]).toEqual([
      2,
      ['shutdown s-abc', 'close'],
      [],
    ]);
  });

  it('interrupts the cell on Ctrl-C, saves, and says so', async () => {
    const run = fakeRun({ state: 'running' });
    const session = fakeSession([{ source: 'while True: pass', run }]);
    const world = fakeHost({
      tools,
      session: { ...session, runCells: (refs) => (world.interrupt(), session.runCells(refs)) },
      callTool: opens,
    });
    expect(await runCli(['run', 'p.ipynb'], world.host)).toBe(130);
    expect(session.calls).toEqual(['run c0', 'interrupt', 'flush']);
    expect(world.calls).toEqual(['shutdown s-abc', 'close']);
    expect(world.stderr.text).toContain(
      'The outputs so far are saved in /project/notebooks/probe.ipynb.',
    );
  });
});
