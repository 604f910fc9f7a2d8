import { describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { fakeHost, runFake } from '../../test/rigs/cli-host.ts';
import { fakeTool, sandboxView, sessionView } from '../../test/rigs/cli-objects.ts';

const greet = fakeTool('greet_person');

describe('words', () => {
  it.each([[['--version']], [['-V']], [['status', '--version']], [['tool', 'x', '-V', '--json']]])(
    'X129: %j prints the version and does nothing else',
    async (argv) => {
      const { code, out, calls } = await runFake(argv, { sandboxes: [sandboxView()] });
      expect([code, out, calls]).toEqual([0, '1.2.3\n', []]);
    },
  );

  it.each([
    [['--help']],
    [['status', '--help']],
    [['--debug', 'start', '-h']],
    [['exec', '--help', '--json']],
  ])('X129: %j prints help on stdout and does nothing else', async (argv) => {
    const { code, out, err, calls } = await runFake(argv);
    expect([code, err, calls]).toEqual([0, '', []]);
    expect(out).toContain('Usage: glovebox');
  });

  it.each([
    [[], ''],
    [['stats'], "unknown command 'stats'"],
    [['status', 'a', 'b'], 'too many arguments'],
    [['sessions', '--al'], "unknown option '--al'"],
    [['run'], "missing required argument 'file'"],
    [['logs', '-n'], 'argument missing'],
    [['logs', '-n', 'many'], '--lines is "many"'],
    [['wait', '--timeout', 'soon'], '--timeout is "soon"'],
    [['start', '4:00:00'], 'takes no time limit'],
    [['start', '--cpus', '2', 'more'], '"more" is not expected here'],
    [['start', '--cpu', '2'], 'There is no --cpu. Did you mean --cpus?'],
    [['start', '--profile', 'big'], 'There is no profile "big".'],
    [['exec', '--cell', '1'], '--cell needs --session'],
    [['run', 'script.py'], 'is neither a notebook nor a script'],
    [['tool', 'greet_persn'], 'There is no tool "greet_persn". Did you mean "greet_person"?'],
    [['tool', 'greet_person', '--json', '[1]'], 'must be one JSON object'],
    [['completion', 'csh'], 'There is no completion for "csh"'],
  ])('S29: %j is wrong usage, exit code 2, nothing on stdout', async (argv, message) => {
    const { code, out, err, calls } = await runFake(argv, {
      tools: [greet],
      sandboxes: [sandboxView()],
    });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(calls.filter((call) => call !== 'close')).toEqual([]);
  });

  it('names the next step of wrong usage', async () => {
    const { err } = await runFake(['sessions', '--al']);
    expect(err).toBe(
      "glovebox: unknown option '--al' (Did you mean --all?)\n  next: glovebox sessions --help\n",
    );
  });

  it('takes --json, --debug and --project before and after the command', async () => {
    const seen: unknown[] = [];
    const host = {
      loadConfig: (flags: unknown) => {
        seen.push(flags);
        return fakeHost({}).host.loadConfig({});
      },
    };
    await runFake(['--debug', '--project', '/p', 'sessions'], { host });
    await runFake(['sessions', '--debug', '--project', '/p'], { host });
    expect(seen).toEqual([1, 2].map(() => ({ 'log.debug': true, project_dir: '/p' })));
    expect((await runFake(['--json', 'sessions'])).json()).toEqual({ sessions: [] });
    expect((await runFake(['sessions', '--json'])).json()).toEqual({ sessions: [] });
  });

  it('warns about a configuration that is not used as written, and works on', async () => {
    const { code, err } = await runFake(['sessions'], {
      env: { GLOVEBOX_WAIT_S: 'x', JLAB_MCP_PYTHON: '/p' },
    });
    expect(code).toBe(0);
    expect(err).toBe(
      'glovebox: error: GLOVEBOX_WAIT_S is "x" but must be a whole number from 0 to 600.\n',
    );
  });
});

describe('failures', () => {
  const failing = (error: Error) => ({
    parts: {
      async list() {
        throw error;
      },
    },
  });

  it('become message, next step and exit code', async () => {
    const error = new GloveboxError('server/unreachable', 'No answer.', { hint: 'Wait.' });
    const { code, out, err, calls } = await runFake(['status'], failing(error));
    expect([code, out, err, calls]).toEqual([
      5,
      '',
      'glovebox: No answer.\n  next: Wait.\n',
      ['close'],
    ]);
  });

  it('are data as well with --json', async () => {
    const error = new GloveboxError('server/unreachable', 'No answer.', { hint: 'Wait.' });
    const { json } = await runFake(['status', '--json'], failing(error));
    expect(json()).toEqual({
      error: { code: 'server/unreachable', message: 'No answer.', retryable: true, hint: 'Wait.' },
    });
  });

  it('that nobody expected show their stack only with --debug', async () => {
    const plain = await runFake(['status'], failing(new TypeError('odd')));
    expect([plain.code, plain.err]).toEqual([
      1,
      'glovebox: odd\n  next: Try again with --debug for the whole story.\n',
    ]);
    expect((await runFake(['status', '--debug'], failing(new TypeError('odd')))).err).toContain(
      'TypeError: odd',
    );
  });
});

describe('completion', () => {
  const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
    const world = { tools: [greet], sandboxes: [sandboxView()], sessions: [sessionView()] };
    const { code, out, err } = await runFake(['__complete', ...words], world);
    expect([code, err]).toEqual([0, '']);
    return out.split('\n').filter((line) => line !== '');
  };

  it('knows commands, flags, tools and ids', async () => {
    expect(await complete('st')).toEqual(['start', 'status', 'stop']);
    expect(await complete('stop', '--a')).toEqual(['--all']);
    expect(await complete('tool', 'gr')).toEqual(['greet_person']);
    expect(await complete('tool', 'greet_person', '--w')).toEqual(['--who']);
    expect(await complete('stop', '')).toEqual(['local-lab']);
    expect(await complete('keep-alive', '')).toEqual(['local-lab']);
    expect(await complete('keep-alive', '--w')).toEqual(['--without-files']);
    expect(await complete('exec', '1', '--session', 's')).toEqual(['s-abc']);
    expect(await complete('open', '')).toEqual(['s-abc', 'local-lab']);
    expect(await complete('run', '')).toEqual([]);
    expect(await complete('--json', '--project', '/p', 'stop', '')).toEqual(['local-lab']);
    expect(await complete('--project', '')).toEqual([]);
  });

  it('knows values where they can be listed: back ends and their options, words of a command, choices', async () => {
    expect(await complete('start', '--backend', '')).toEqual(['local']);
    expect(await complete('start', '--c')).toEqual(['--cpus', '--config', '--count']);
    expect(await complete('start', '--backend', 'local', '--la')).toEqual(['--label']);
    expect(await complete('budget', 's')).toEqual(['show', 'set']);
    expect(await complete('transcripts', 'en')).toEqual(['enable']);
    expect(await complete('tool', 'greet_person', '--tone', '')).toEqual(['kind', 'curt']);
    expect(await complete('tool', 'greet_person', '--who', '')).toEqual([]);
    expect(await complete('stop', '--force', '')).toEqual([]);
    expect(await complete('start', '--profile', '')).toEqual([]);
  });

  it('stays silent when something is broken', async () => {
    const host = { openServices: () => Promise.reject(new Error('broken')) };
    const { code, out, err } = await runFake(['__complete', 'stop', ''], { host });
    expect([code, out, err]).toEqual([0, '', '']);
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    expect((await runFake(['completion', shell])).out).toContain('glovebox __complete');
  });
});

it('serves MCP', async () => {
  expect((await runFake(['mcp'])).calls).toEqual(['serveMcp']);
});
