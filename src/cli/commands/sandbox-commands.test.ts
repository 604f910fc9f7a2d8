import { describe, expect, it, vi } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { fakeHost, runFake } from '../../../test/rigs/cli-host.ts';
import { fakeBackend, sandboxView, sessionView } from '../../../test/rigs/cli-objects.ts';
import type { SandboxWait } from '../host.ts';
import { runCli } from '../program.ts';

const ended = sandboxView({
  state: 'ended',
  end: { cause: 'time-limit', message: 'Its time was over.', logTail: ['last words'] },
});

describe('status', () => {
  it.each([
    ['ready', 0],
    ['starting', 3],
    ['queued', 3],
    ['suspended', 3],
    ['unreachable', 5],
    ['unknown', 5],
    ['ended', 1],
  ] as const)('S29: %s is exit code %i', async (state, expected) => {
    const { code, out } = await runFake(['status'], { sandboxes: [sandboxView({ state })] });
    expect(code).toBe(expected);
    expect(out).toContain(`state: ${state}`);
  });

  it('S29: what was stopped on request is nothing, exit code 4; a living one beside it counts', async () => {
    const end = { cause: 'stopped', message: 'It was stopped on request.' } as const;
    const stopped = sandboxView({ state: 'ended', end }, { id: 'gone' });
    const { code, out } = await runFake(['status'], { sandboxes: [stopped] });
    expect(code).toBe(4);
    expect(out).toContain('stopped on request');
    expect((await runFake(['status'], { sandboxes: [stopped, sandboxView()] })).code).toBe(0);
  });

  it('S29: nothing is exit code 4', async () => {
    expect((await runFake(['status'])).code).toBe(4);
    expect((await runFake(['status', 'x'])).code).toBe(4);
  });

  it.each(['wait', 'logs', 'open'])(
    'S29: %s without a sandbox says so to programs too',
    async (command) => {
      const { code, json, err } = await runFake([command, '--json']);
      expect([code, json()]).toMatchObject([4, { error: { code: 'sandbox/unknown' } }]);
      expect(err).toContain('glovebox start starts a sandbox.');
    },
  );

  it('tells the best of several, and sessions where they belong', async () => {
    const sandboxes = [
      sandboxView({ state: 'unreachable' }, { id: 'b' }),
      sandboxView({}, { id: 'a' }),
      ended,
    ];
    const sessions = [
      sessionView({ sandboxId: 'a', runs: [{ id: 'r-1', state: 'running', elapsedMs: 5 }] }),
    ];
    const { code, json } = await runFake(['status', '--json'], { sandboxes, sessions });
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      project_dir: '/project',
      sandboxes: [
        { sandbox_id: 'b', sessions: [] },
        {
          sandbox_id: 'a',
          sessions: [{ session_id: 's-abc', runs: [{ run_id: 'r-1', state: 'running' }] }],
        },
      ],
    });
  });
});

describe('start', () => {
  it('S29: shows what is ready, and hands options to the back end', async () => {
    const { code, out, calls } = await runFake([
      'start',
      '--name',
      'n',
      '--cpus',
      '2',
      '--wait-s',
      '1m',
    ]);
    expect([code, calls]).toEqual([0, ['create local n{"cpus":2} 60000', 'close']]);
    expect(out).toContain('sandbox_id: local-lab\n');
  });

  it('a slip in a flag is told with the flag that was meant', async () => {
    const slip = await runFake(['start', '--bakend', 'local']);
    expect([slip.code, slip.err]).toEqual([2, expect.stringContaining('Did you mean --backend?')]);
  });

  it('S29: still on its way is exit code 3, with the way to go on', async () => {
    const { code, err } = await runFake(['start'], {
      sandboxes: [sandboxView({ state: 'starting' })],
    });
    expect(code).toBe(3);
    expect(err).toContain('Nothing is lost. glovebox start goes on waiting');
  });

  it('says that it ran already', async () => {
    const sandboxes = [sandboxView({}, { createdMs: Date.UTC(2026, 0, 2, 1, 4, 5) })];
    expect((await runFake(['start'], { sandboxes })).err).toContain('It runs already, since 2 h.');
  });

  it('--no-wait returns as soon as the sandbox exists without us', async () => {
    let asked = 0;
    const parts = {
      create: () => Promise.resolve(sandboxView({ state: 'preparing' })),
      wait: () =>
        Promise.resolve(sandboxView({ state: (asked += 1) < 3 ? 'preparing' : 'starting' })),
    };
    expect((await runFake(['start', '--no-wait'], { parts })).code).toBe(3);
    expect(asked).toBe(3);
  });

  it('S29: waits for the queue as long as the option says, then until the server answers', async () => {
    const waits: number[] = [];
    const at = (state: 'queued' | 'starting' | 'ready') => (_: unknown, wait: SandboxWait) => {
      waits.push(wait.waitMs);
      return Promise.resolve(sandboxView({ state }));
    };
    const env = { GLOVEBOX_QUEUE_TIMEOUT: '7' };
    const queued = await runFake(['start'], { env, parts: { create: at('queued') } });
    expect([queued.code, waits]).toEqual([3, [7000]]);
    const parts = { create: at('starting'), wait: at('ready') };
    expect((await runFake(['start'], { env, parts })).code).toBe(0);
    expect(waits.slice(1)).toEqual([7000, 2_000_000_000]);
    await runFake(['start', '--wait-s', '9'], { env, parts });
    expect(waits.slice(3)).toEqual([9000]);
  });

  it('P7: starts several at once, and the worst of them is the exit code', async () => {
    const sandboxes = [
      sandboxView({}, { id: 'local-a', name: 'probe-1' }),
      sandboxView({ state: 'queued' }, { id: 'local-b', name: 'probe-2' }),
    ];
    const words = ['sandbox', 'create', '--backend', 'local', '--name', 'probe'];
    const two = await runFake([...words, '--count', '2'], { sandboxes });
    expect([two.code, two.calls]).toEqual([3, ['createSeveral probe-1 probe-2 300000', 'close']]);
    expect(two.out).toBe('probe-1  local-a  ready\nprobe-2  local-b  queued\n');
    const three = await runFake([...words, '--count', '3', '--all-or-nothing', '--json'], {
      sandboxes,
    });
    expect([three.code, three.calls[0]]).toEqual([
      1,
      'createSeveral probe-1 probe-2 probe-3 2000000000 or none',
    ]);
    expect(three.json()).toMatchObject({
      sandboxes: [
        { sandbox_id: 'local-a' },
        { sandbox_id: 'local-b' },
        { name: 'probe-3', error: { code: 'sandbox/no-capacity' } },
      ],
    });
  });

  it.each([
    [['--count', '0']],
    [['--count', '17']],
    [['--count', 'x']],
    [['--all-or-nothing']],
    [['--count', '2', '--all-or-nothing', '--no-wait']],
    [['--count', '2', '--foreground']],
  ])('P7: refuses %j', async (words) => {
    const { code, calls } = await runFake(['start', '--backend', 'local', ...words]);
    expect([code, calls]).toEqual([2, ['close']]);
  });

  it('S5: names the options that one that lives does not have', async () => {
    const sandboxes = [sandboxView({}, { ignoredOptions: ['cpus'] })];
    const { out } = await runFake(['start', '--cpus', '2'], { sandboxes });
    expect(out).toContain('ignored: cpus (');
    const { json } = await runFake(['start', '--cpus', '2', '--json'], { sandboxes });
    expect(json()).toMatchObject({ ignored_options: ['cpus'] });
  });

  describe('S8: with a sandbox on another back end', () => {
    const job = sandboxView({ state: 'queued' }, { id: 'slurm-lab', backend: 'slurm' });

    it('is refused, naming it and the ways on', async () => {
      const { code, err, calls } = await runFake(['start', '--backend', 'local'], {
        sandboxes: [job],
      });
      expect([code, calls]).toEqual([1, ['close']]);
      expect(err).toContain('slurm-lab (queued)');
      expect(err).toContain('glovebox start --backend local --takeover');
      expect(err).toContain('glovebox start --backend slurm goes on');
    });

    it('stops that one first with --takeover', async () => {
      const { calls } = await runFake(['start', '--backend', 'local', '--takeover'], {
        sandboxes: [job],
      });
      expect(calls).toEqual([
        'endAllIn slurm-lab',
        'stop slurm-lab',
        'create local {} 300000',
        'close',
      ]);
    });

    it('starts one beside it when that has a name of its own', async () => {
      const words = ['start', '--backend', 'local', '--name', 'second'];
      const { calls } = await runFake(words, { sandboxes: [job] });
      expect(calls).toEqual(['create local second{} 300000', 'close']);
    });

    it('goes on with it when no back end is named', async () => {
      const asked: string[] = [];
      const parts = {
        backend: (id: string) => {
          asked.push(id);
          return Promise.resolve(fakeBackend);
        },
      };
      await runFake(['start'], { sandboxes: [job], parts });
      expect(asked[0]).toBe('slurm');
      asked.length = 0;
      await runFake(['start'], { sandboxes: [job], parts, env: { GLOVEBOX_BACKEND: 'local' } });
      expect(asked[0]).toBe('local');
    });
  });

  it('S29: Ctrl-C keeps the sandbox, exit code 130, with hints', async () => {
    const { host, stderr, interrupt, calls } = fakeHost({
      parts: {
        create: (_request, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new Error('torn down')));
            interrupt();
          }),
      },
    });
    expect(await runCli(['start'], host)).toBe(130);
    expect(stderr.text).toBe(
      'glovebox: interrupted\n  next: The sandbox is kept. glovebox start goes on with it, glovebox stop ends it.\n',
    );
    expect(calls).toEqual(['close']);
  });

  it('S29, X134: --foreground stops it on Ctrl-C', async () => {
    const { host, interrupt, calls, stderr } = fakeHost({ sandboxes: [sandboxView()] });
    const done = runCli(['start', '--foreground'], host);
    await vi.waitUntil(() => stderr.text.includes('Ctrl-C stops it.'));
    interrupt();
    expect(await done).toBe(130);
    expect(calls.slice(1)).toEqual(['endAllIn local-lab', 'stop local-lab', 'close']);
    expect(stderr.text).toContain('Sandbox local-lab was stopped.');
  });

  it.each([
    [
      { sessions: { endAllIn: () => Promise.reject(new Error('the disk is full')) } },
      'Sandbox local-lab lives on: its sessions cannot be ended (the disk is full). glovebox stop local-lab --force',
    ],
    [
      { stop: () => Promise.reject(new GloveboxError('sandbox/stop-failed', 'It still runs.')) },
      'It still runs. glovebox stop local-lab tries again.',
    ],
  ])('--foreground says so when Ctrl-C could not stop it', async (parts, words) => {
    const { host, interrupt, stderr } = fakeHost({ sandboxes: [sandboxView()], parts });
    const done = runCli(['start', '--foreground'], host);
    await vi.waitUntil(() => stderr.text.includes('Ctrl-C stops it.'));
    interrupt();
    expect(await done).toBe(130);
    expect(stderr.text).toContain(words);
    expect(stderr.text).not.toContain('was stopped');
  });

  it('ends at once on the second Ctrl-C, even when nothing reacts to the first', async () => {
    const { host, interrupt } = fakeHost({ parts: { create: () => new Promise(() => undefined) } });
    const done = runCli(['start'], host);
    await Promise.resolve();
    interrupt();
    interrupt();
    expect(await done).toBe(130);
  });
});
