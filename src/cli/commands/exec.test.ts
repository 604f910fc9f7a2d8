import { describe, expect, it } from 'vitest';
import { fakeHost, runFake } from '../../../test/rigs/cli-host.ts';
import { fakeRun, fakeSession } from '../../../test/rigs/cli-objects.ts';
import { runCli } from '../program.ts';

describe('exec', () => {
  const output = { output_type: 'stream', name: 'stdout', text: 'hi\n' } as const;

  it('prints what the code prints, from a fresh kernel', async () => {
    const session = fakeSession([
      { source: '', run: fakeRun({ state: 'running' }, { outputs: [output] }) },
    ]);
    const { code, out, calls } = await runFake(['exec', 'print("hi")'], { session });
    expect([code, out, calls]).toEqual([0, 'hi\n', ['runScratch print("hi")', 'close']]);
  });

  it('prints what is too much to be kept as it comes, after what is kept', async () => {
    const run = fakeRun(
      { state: 'running', outputs: [output] },
      { outputs: [output], droppedBytes: 6 },
    );
    const more = { ...output, text: 'more\n' };
    const followRest: typeof run.followRest = (reader) => {
      reader.begin([{ ...output, text: 'hi\nopen' }]);
      for (const each of [{ ...output, text: ' end\n' }, more]) reader.output(each);
    };
    const session = fakeSession([{ source: '', run: Object.assign(run, { followRest }) }]);
    const { code, out } = await runFake(['exec', 'loop'], { session });
    expect([code, out]).toEqual([0, 'hi\nopen end\nmore\n']);
    const { json } = await runFake(['exec', 'loop', '--json'], { session });
    expect(json()).toMatchObject({ dropped_bytes: 6 });
  });

  it('takes code from stdin, a session, a limit, and a cell', async () => {
    const session = fakeSession([]);
    await runFake(['exec', '-', '--session', 's-abc', '--timeout', '2'], {
      session,
      stdin: 'x = 1',
    });
    await runFake(['exec', '1+1', '--session', 's-abc', '--cell'], { session });
    expect(session.calls).toEqual(['scratch x = 1 2000', 'execute 1+1']);
    expect((await runFake(['exec', '1', '--session', 's-no'], { session })).code).toBe(4);
  });

  it('is exit code 1 when the code fails', async () => {
    const session = fakeSession([
      { source: '', run: fakeRun({ state: 'error', error: { name: 'E', value: 'v' } }) },
    ]);
    const { code, json } = await runFake(['exec', '1/0', '--json'], { session });
    expect(code).toBe(1);
    expect(json()).toMatchObject({
      run_id: 'r-1',
      state: 'error',
      error: { name: 'E' },
      outputs: [],
    });
  });

  it('does not wait for input that nobody can give', async () => {
    const session = fakeSession([{ source: '', run: fakeRun({ state: 'waiting_input' }) }]);
    expect((await runFake(['exec', 'input()'], { session })).err).toContain(
      'waits for a line of input',
    );
    expect(session.calls).toContain('interrupt');
  });

  it('interrupts the code when the reader of its output goes away', async () => {
    const run = fakeRun({ state: 'running', outputs: [output] }, { state: 'running' });
    const session = fakeSession([{ source: '', run }]);
    const stdout = { write: () => undefined, isTTY: false, columns: undefined, isClosed: true };
    const { code } = await runFake(['exec', 'loop'], { session, host: { stdout } });
    expect([code, session.calls]).toEqual([1, ['scratch loop', 'interrupt']]);
  });

  it('interrupts the code on Ctrl-C and shows what it printed', async () => {
    const run = fakeRun({ state: 'running', outputs: [output] });
    const session = fakeSession([]);
    const world = fakeHost({ session: { ...session, scratch: () => (world.interrupt(), run) } });
    expect(await runCli(['exec', 'loop', '--session', 's-abc'], world.host)).toBe(130);
    expect(world.stdout.text).toBe('hi\n');
    expect(session.calls).toEqual(['interrupt']);
  });
});
