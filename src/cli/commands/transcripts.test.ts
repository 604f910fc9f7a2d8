/** `glovebox transcripts`: who can switch it on, and what is said. */
import { describe, expect, it } from 'vitest';
import type { CliHost, CliUploads } from '../host.ts';
import { runFake } from '../../../test/rigs/cli-host.ts';
import type { World } from '../../../test/rigs/cli-services.ts';

const enabled: unknown[] = [];
const uploads: Partial<CliUploads> = {
  enable: async (request) => {
    enabled.push(request);
  },
};
const worldOf = (typed: string | undefined, host: Partial<CliHost> = {}): World => ({
  ...(typed !== undefined && { typed }),
  host: { openUploads: async () => ({ ...unused, ...uploads }), ...host },
});
const unused: CliUploads = {
  status: async () => ({
    isOn: true,
    because: 'GLOVEBOX_SAVE_SESSIONS',
    repo: 'me/x',
    counts: { pending: 1, uploading: 0, done: 2, failed: 0, blocked: 1 },
    lastReason: 'The dataset me/x is public.',
  }),
  enable: async () => undefined,
  disable: async () => ({ dropped: 2 }),
  list: async () => [],
  preview: async (_, write) => {
    write('{"a":1}\n');
    return {
      path: '/t.jsonl',
      lines: 1,
      startedAt: undefined,
      redacted: [{ class: 'jwt', count: 2 }],
      leftOut: ['3 images'],
    };
  },
  drain: async () => ({ outcome: 'off', entries: [] }),
};

describe('9.1: consent', () => {
  it('is given by typing yes at a terminal, after reading what is sent', async () => {
    const { code, out } = await runFake(
      ['transcripts', 'enable', '--repo', 'org/x'],
      worldOf('yes'),
    );
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^On\./) });
    expect(enabled).toEqual([{ repo: 'org/x', isPublic: false }]);
  });

  it.each<[string, string | undefined, Partial<CliHost>, string[]]>([
    ['without a terminal', undefined, {}, []],
    ['with another word', 'y', {}, []],
    ['by an agent', 'yes', { isRunByAgent: true }, []],
    [
      'for a public dataset with the word for a private one',
      'yes',
      {},
      ['--repo', 'org/x', '--public'],
    ],
    ['for a public dataset that is not named', 'public', {}, ['--public']],
    ['for what is no dataset', 'yes', {}, ['--repo', 'x']],
  ])('is not given %s', async (_, typed, host, flags) => {
    const before = enabled.length;
    const { code } = await runFake(['transcripts', 'enable', ...flags], worldOf(typed, host));
    expect(code).not.toBe(0);
    expect(enabled).toHaveLength(before);
  });
});

it('shows how it stands, what was taken out, and that off is off', async () => {
  const { out } = await runFake(['transcripts'], worldOf(undefined));
  expect(out).toBe(
    'on (GLOVEBOX_SAVE_SESSIONS): to me/x\n1 pending, 2 done, 1 blocked\nlast problem: The dataset me/x is public.\n',
  );
  const preview = await runFake(['transcripts', 'preview', 'an-id'], worldOf(undefined));
  expect(preview.out).toBe('{"a":1}\n');
  expect(preview.err).toContain('redacted: 2 × jwt; left out: 3 images');
  const upload = await runFake(['transcripts', 'upload'], worldOf(undefined));
  expect(upload).toMatchObject({ code: 1, err: expect.stringContaining('transcripts enable') });
  expect((await runFake(['transcripts', 'upload', '--worker'], worldOf(undefined))).code).toBe(0);
  expect((await runFake(['transcripts', 'disable'], worldOf(undefined))).out).toContain(
    '2 waiting',
  );
  expect((await runFake(['transcripts', 'what'], worldOf(undefined))).code).toBe(2);
});
