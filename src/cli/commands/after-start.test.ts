/** What people do with a sandbox that was started: wait for it, stop it, read its log, open it. */
import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { fakeHost, runFake } from '../../../test/rigs/cli-host.ts';
import { sandboxView, sessionView } from '../../../test/rigs/cli-objects.ts';
import { runCli } from '../program.ts';
import { newLines } from './logs.ts';

const ended = sandboxView({
  state: 'ended',
  end: { cause: 'time-limit', message: 'Its time was over.', logTail: ['last words'] },
});

describe('wait, stop, logs, open', () => {
  it('S29: wait takes its codes from the state', async () => {
    expect(
      (await runFake(['wait', '--timeout', '5'], { sandboxes: [sandboxView({ state: 'queued' })] }))
        .code,
    ).toBe(3);
    const over = await runFake(['wait'], { sandboxes: [ended] });
    expect(over.code).toBe(1);
    expect(over.out).toContain('last words');
    expect((await runFake(['wait'])).code).toBe(4);
  });

  it('S29, X116: stop ends sessions first; nothing to stop is done', async () => {
    const { code, calls, out } = await runFake(['stop'], { sandboxes: [sandboxView()] });
    expect([code, calls, out]).toEqual([
      0,
      ['endAllIn local-lab', 'stop local-lab', 'close'],
      'Sandbox local-lab is gone.\n',
    ]);
    expect((await runFake(['stop'], { sandboxes: [ended] })).calls).toEqual(['close']);
    expect((await runFake(['stop'])).code).toBe(0);
  });

  it('S29: a stop that cannot be seen to work is exit code 1', async () => {
    const parts = {
      stop: () => Promise.reject(new GloveboxError('sandbox/stop-failed', 'It is still there.')),
    };
    expect((await runFake(['stop'], { sandboxes: [sandboxView()], parts })).code).toBe(1);
  });

  it('S29: stops although sessions cannot be ended only with --force', async () => {
    const world = {
      sandboxes: [sandboxView()],
      parts: { sessions: { endAllIn: () => Promise.reject(new Error('the disk is full')) } },
    };
    const refused = await runFake(['stop'], world);
    expect([refused.code, refused.calls]).toEqual([1, ['close']]);
    expect(refused.err).toContain('the disk is full');
    expect(refused.err).toContain('glovebox stop local-lab --force');
    const forced = await runFake(['stop', '--force'], world);
    expect([forced.code, forced.calls]).toEqual([0, ['stop local-lab', 'close']]);
    expect(forced.err).toContain('the disk is full');
  });

  it('stop asks which of several, and takes all when told so', async () => {
    const sandboxes = [sandboxView({}, { id: 'a' }), sandboxView({}, { id: 'b' })];
    const vague = await runFake(['stop'], { sandboxes });
    expect([vague.code, vague.calls]).toEqual([2, ['close']]);
    expect(vague.err).toContain('several sandboxes: a, b');
    const all = await runFake(['stop', '--all', '--json'], { sandboxes });
    expect(all.calls).toEqual(['endAllIn a', 'stop a', 'endAllIn b', 'stop b', 'close']);
    expect(all.json()).toMatchObject({ stopped: [{ sandbox_id: 'a' }, { sandbox_id: 'b' }] });
  });

  it('stop --all stops the others too where one cannot be stopped', async () => {
    const views = ['a', 'b', 'c'].map((id) => sandboxView({}, { id }));
    const asked: string[] = [];
    const stop = async (id: string) => {
      asked.push(id);
      if (id !== 'b') throw new GloveboxError('sandbox/stop-failed', `${id} still runs.`);
      return sandboxView({ state: 'ended' }, { id });
    };
    const { code, out, err } = await runFake(['stop', '--all'], {
      sandboxes: views,
      parts: { stop },
    });
    expect([code, out, asked]).toEqual([1, 'Sandbox b is gone.\n', ['a', 'b', 'c']]);
    expect(err).toContain('a still runs.');
    expect(err).toContain('c still runs.');
  });

  it('logs prints lines; of a log that moved on only what is new', async () => {
    expect((await runFake(['logs', '-n', '7'], { sandboxes: [sandboxView()] })).out).toBe(
      'one\ntwo\n',
    );
    expect(newLines(['a', 'b', 'c'], ['b', 'c', 'd', 'e'])).toEqual(['d', 'e']);
    expect(newLines(['a', 'a'], ['a', 'a'])).toEqual([]);
    expect(newLines(['a'], ['x', 'y'])).toEqual(['x', 'y']);
    expect(newLines([], ['x'])).toEqual(['x']);
  });

  it('open stays where the browser needs it to get there, until the sandbox has ended or Ctrl-C', async () => {
    let closed = 0;
    const view = { url: 'http://127.0.0.1:1/', close: () => void (closed += 1) };
    const openPage = () => Promise.resolve({ page: '/pages/x.html', view });
    const world = {
      sandboxes: [sandboxView({ state: 'ended' }), sandboxView({}, { id: 'live' })],
      parts: { waysIn: { openPage, openPort: openPage } },
    };
    const { clock } = fakeHost(world).host;
    const hurried = {
      ...clock,
      now: () => 0,
      monotonic: () => 0,
      after: (ms: number, go: () => void) => {
        if (ms === 30_000) setTimeout(go);
        return () => undefined;
      },
    };
    const sessions = [sessionView()];
    const over = await runFake(['open'], { ...world, sessions, host: { clock: hurried } });
    expect([over.code, closed]).toEqual([0, 1]);
    expect(over.err).toContain('Sandbox local-lab has ended, and the view with it.');
    const { host, stderr, interrupt } = fakeHost(world);
    const running = runCli(['open', 'live'], host);
    await expect.poll(() => stderr.text).toContain('Ctrl-C ends the view');
    expect(closed).toBe(1);
    interrupt();
    await running;
    expect(closed).toBe(2);
  });

  it('open finds the notebook of a session, and prints the page where there is no browser', async () => {
    const world = { sandboxes: [sandboxView()], sessions: [sessionView()] };
    expect((await runFake(['open'], world)).calls).toContain(
      'openPage local-lab notebooks/probe.ipynb',
    );
    expect((await runFake(['open', 'notebooks/probe.ipynb'], world)).calls).toContain(
      'browser /pages/x.html',
    );
    expect((await runFake(['open', 'local-lab'], world)).calls).toContain('openPage local-lab ');
    const port = await runFake(['open', 'local-lab', '--port', '7860'], world);
    expect(port.calls).toContain('openPort local-lab 7860');
    const headless = await runFake(['open'], {
      ...world,
      host: { openInBrowser: () => Promise.resolve(false) },
    });
    expect([headless.code, headless.out]).toEqual([0, '/pages/x.html\n']);
    expect((await runFake(['open'])).code).toBe(4);
    expect((await runFake(['open', 's-none'], world)).code).toBe(4);
  });
});
