import { describe, expect, it } from 'vitest';
import { runFake } from '../../../test/rigs/cli-host.ts';
import { sandboxView } from '../../../test/rigs/cli-objects.ts';
import type { World } from '../../../test/rigs/cli-services.ts';
import { protectScriptWords } from './run-script.ts';

const LINE = '{"session_id":"s-1"}\n';

/** A script that makes one sandbox and then does what is asked. */
function world(
  end: { readonly code: number | null; readonly signal: string | null },
  lines: readonly string[],
  price?: number,
): World {
  const status = price === undefined ? {} : { usdPerHour: price };
  return {
    sandboxes: [
      sandboxView(status, { id: 'modal-one' }),
      sandboxView({ state: 'ended' }, { id: 'modal-two' }),
    ],
    host: {
      runScript: async ({ file, args }, events) => {
        expect({ file, args }).toEqual({ file: '/project/setup.ts', args: ['--x', '1'] });
        events.onCreated('modal-one');
        events.onCreated('modal-two');
        for (const line of lines) events.onReady(line);
        return end;
      },
    },
  };
}
const done = { code: 0, signal: null };

describe('glovebox run SCRIPT', () => {
  it('F8: writes the line once, and leaves what was handed over', async () => {
    const { code, out, calls } = await runFake(
      ['run', 'setup.ts', '--x', '1'],
      world(done, [LINE, LINE]),
    );
    expect({ code, out, calls }).toEqual({ code: 0, out: LINE, calls: [] });
  });

  it('F11: ends what lives of a script that failed, and shows its log', async () => {
    const failed = world({ code: 7, signal: null }, []);
    const { code, out, err, calls } = await runFake(['run', 'setup.ts', '--x', '1'], failed);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(calls).toEqual(['logs modal-one 20', 'endAllIn modal-one', 'stop modal-one', 'close']);
    expect(err).toMatch(/log of modal-one:\none\ntwo\n[\s\S]*was ended\.\n[\s\S]*exit code 7/);
  });

  it('F11: keeps it when that is asked for, and says what it costs', async () => {
    const failed = world(done, [], 2.5);
    const { code, err, calls } = await runFake(
      ['run', '--keep-on-error', 'setup.ts', '--x', '1'],
      failed,
    );
    expect({ code, calls }).toEqual({ code: 1, calls: ['logs modal-one 20', 'close'] });
    expect(err).toContain('Sandbox modal-one is kept at about $2.50 per hour.');
    expect(err).toContain('ended without emitReady(session)');
  });

  it('F11: says which one could not be ended', async () => {
    const failed = world({ code: null, signal: 'SIGKILL' }, []);
    const stop = () => Promise.reject(new Error('no network'));
    const { code, err } = await runFake(['run', 'setup.ts', '--x', '1'], {
      ...failed,
      parts: { stop },
    });
    expect(code).toBe(1);
    expect(err).toMatch(/modal-one could not be ended: no network.*glovebox stop modal-one/);
  });

  it('a script that fails after its line keeps what it has handed over', async () => {
    const failed = world({ code: 1, signal: null }, [LINE]);
    const { code, out, calls } = await runFake(['run', 'setup.ts', '--x', '1'], failed);
    expect({ code, out, calls }).toEqual({ code: 1, out: LINE, calls: [] });
  });
});

describe('words after a script', () => {
  it.each([
    ['run setup.ts --x --json', 'run -- setup.ts --x --json'],
    [
      '--project /p run --keep-on-error a.mjs b.ts',
      '--project /p run --keep-on-error -- a.mjs b.ts',
    ],
    ['run -- setup.ts x', 'run -- setup.ts x'],
    ['run probe.ipynb --keep', 'run probe.ipynb --keep'],
    ['exec run a.ts', 'exec run -- a.ts'],
    ['start', 'start'],
  ])('%s', (typed, meant) => {
    expect(protectScriptWords(typed.split(' ')).join(' ')).toBe(meant);
  });
});
