import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { createPolicy } from '#main/policy.ts';
import { systemClock } from '#platform/clock.ts';
import type { PlannedOperation } from '#policy/contract.ts';
import { runFake } from '../../../test/rigs/cli-host.ts';
import { sandboxView } from '../../../test/rigs/cli-objects.ts';
import type { World } from '../../../test/rigs/cli-services.ts';

/** A few seconds after the moment at which the fake command line stands. */
const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 2, 3, 4, 30) };

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'glovebox-cli-policy-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const sandbox: PlannedOperation = {
  tool: 'sandbox_create',
  operation: '',
  question: 'Start a paid sandbox on modal?',
  facts: ['hardware   1 x T4'],
  binding: { id: 'x' },
  about: { backend: 'modal' },
  cost: {
    amountMicroUsd: 1_067_400,
    unitMicroUsd: 17_790,
    minutes: 60,
    isFresh: true,
    source: 'list',
  },
};

/** A call that could ask nobody. */
async function refused(operation = sandbox): Promise<string> {
  const policy = createPolicy({ dir: stateDir, env: {}, clock });
  const signal = new AbortController().signal;
  const failed: unknown = await policy
    .authorize(operation, { ask: async () => 'unavailable', signal })
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'policy/needs-approval' });
  const [waiting] = await policy.approvals.list();
  return waiting?.id ?? '';
}

const isGranted = (operation = sandbox): Promise<boolean> =>
  createPolicy({ dir: stateDir, env: {}, clock }).approvals.redeem(operation);

const run = (words: string, world: World = {}) => runFake(words.split(' '), { stateDir, ...world });

describe('glovebox approve', () => {
  it('lists what waits', async () => {
    expect((await run('approve')).out).toBe('No call waits for approval.\n');
    const id = await refused();
    expect((await run('approve')).out).toMatch(
      new RegExp(`^${id}  \\$1\\.07  .* ago  Start a paid`),
    );
  });

  it.each([
    ['nothing at a terminal', undefined],
    ['yes', 'yes'],
    ['an end of the input', ''],
    ['another amount', '1.06'],
  ])('grants nothing for %s', async (_, typed) => {
    const id = await refused();
    const { code, err } = await run(`approve ${id}`, typed === undefined ? {} : { typed });
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(/person at a terminal|Not approved/),
    });
    expect(await isGranted()).toBe(false);
  });

  it('grants the call when the amount is typed, and never for an agent', async () => {
    const id = await refused();
    const agent = await run(`approve ${id}`, { typed: '1.07', host: { isRunByAgent: true } });
    expect([agent.code, await isGranted()]).toEqual([1, false]);
    expect((await run(`approve ${id}`, { typed: '$1.07' })).code).toBe(0);
    expect([await isGranted(), await isGranted()]).toEqual([true, false]);
    expect((await run(`approve ${id}`, { typed: '1.07' })).err).toContain('No call waits');
  });
});

describe('glovebox budget', () => {
  it('shows caps and what still runs', async () => {
    const env = { GLOVEBOX_BUDGET_USD: '5' };
    expect((await run('budget', { env })).out).toBe(
      'caps: $5.00 a session, no cap a day\nnothing was spent today\n',
    );
    const policy = createPolicy({ dir: stateDir, env, clock });
    const signal = new AbortController().signal;
    const subject = { kind: 'sandbox' as const, id: 'modal-x' };
    const grant = await policy.authorize(
      { ...sandbox, subject },
      { ask: async () => 'approved', signal },
    );
    await grant.attach();
    expect((await run('budget show', { env })).out).toMatch(
      /open: modal-x {2}at most \$1\.07 {2}since .* approved by elicitation/,
    );
  });

  it('sets a cap that wins over the environment, in sessions that run too; default gives it back', async () => {
    const env = { GLOVEBOX_BUDGET_USD: '1' };
    const policy = createPolicy({ dir: stateDir, env, clock });
    const session = async () => (await policy.loadCaps()).caps;
    expect(await session()).toEqual({ session: 1_000_000, day: undefined });
    expect((await run('budget set 10', { env, typed: '10' })).out).toContain(
      'the cap of a session: $10.00',
    );
    expect((await run('budget set --day 50', { env, typed: '50' })).code).toBe(0);
    expect(await session()).toEqual({ session: 10_000_000, day: 50_000_000 });
    expect((await run('budget set unlimited', { env, typed: 'unlimited' })).code).toBe(0);
    expect(await session()).toEqual({ session: undefined, day: 50_000_000 });
    expect((await run('budget set default', { env, typed: 'default' })).code).toBe(0);
    expect(await session()).toEqual({ session: 1_000_000, day: 50_000_000 });
  });

  it.each([
    ['budget set 10', {}, 1],
    ['budget set 10', { typed: '11' }, 1],
    ['budget set 10', { typed: '10', host: { isRunByAgent: true } }, 1],
    ['budget set ten', { typed: 'ten' }, 2],
    ['budget set -5', { typed: '-5' }, 2],
    ['budget raise 10', { typed: '10' }, 2],
  ])('%s with %j changes nothing', async (words, world, code) => {
    expect((await run(words, world)).code).toBe(code);
    const { stored } = await createPolicy({
      dir: stateDir,
      env: {},
      clock,
    }).loadCaps();
    expect(stored).toEqual({});
  });
});

describe('--approve-max-usd', () => {
  it.each([
    ['start --backend modal --approve-max-usd lots', {}, 2],
    ['start --backend modal --approve-max-usd 5', { host: { isRunByAgent: true } }, 1],
  ])('%s with %j is refused', async (words, world, code) => {
    expect((await run(words, world)).code).toBe(code);
  });
});

describe('3.2: ending the sandbox of another session', () => {
  const sandboxes = [sandboxView({}, { id: 'modal-x' })];
  const of = (session: string | undefined, projectDir = '/project'): World => ({
    sandboxes,
    env: { CLAUDE_CODE_SESSION_ID: 's1' },
    parts: {
      origin: async () => ({
        projectDir,
        backend: 'modal',
        ...(session !== undefined && { session }),
      }),
    },
  });
  const asked: string[] = [];
  const answering = (consent: 'approved' | 'declined', isRunByAgent = false) => ({
    isRunByAgent,
    ask: async ({ text }: { readonly text: string }) => {
      asked.push(text);
      return consent;
    },
  });
  const stopped = ['endAllIn modal-x', 'stop modal-x'];

  it.each([['s1'], [undefined]])('that of the own one (%s) is ended at once', async (session) => {
    const { calls } = await run('stop modal-x', of(session));
    expect(calls).toEqual([...stopped, 'close']);
  });

  it.each([
    ['nobody can be asked', {}],
    ['the person says no', { host: answering('declined') }],
    ['an agent says yes by itself', { words: '--yes', host: answering('approved', true) }],
  ])(
    'nothing is ended when %s',
    async (_, { words = '', host }: { words?: string; host?: object }) => {
      for (const command of ['stop modal-x', 'stop --all']) {
        const { code, calls } = await run(`${command} ${words}`.trim(), {
          ...of('s2'),
          ...(host !== undefined && { host }),
        });
        expect([code, calls.filter((call) => call !== 'close')]).toEqual([1, []]);
      }
    },
  );

  it('a yes at the terminal ends it, and so does --yes of a person; the question says what is lost', async () => {
    asked.length = 0;
    const yes = await run('stop modal-x', { ...of('s2'), host: answering('approved') });
    expect(yes.calls).toEqual([...stopped, 'close']);
    expect(asked).toEqual([
      'Stop the sandbox modal-x? All variables in its kernels are lost.\nasked because it was started by another session, which may be working in it\nbackend    modal\nproject    /project\nsessions   none',
    ]);
    const elsewhere = of('s2', '/other');
    const forced = await run('stop modal-x --yes --force', elsewhere);
    expect(forced.calls).toEqual([...stopped, 'close']);
  });

  it('SEC13: one of another project, and for an agent of another conversation, takes force and its exact name', async () => {
    const agent = { host: answering('approved', true) };
    for (const [command, world] of [
      ['stop modal-x --yes', of('s2', '/other')],
      ['stop --all --force --yes', of('s2', '/other')],
      ['stop --force --yes', of('s2', '/other')],
      ['stop modal-x', { ...of('s2'), ...agent }],
      ['stop --all --force', { ...of('s2'), ...agent }],
    ] as const) {
      const { code, err, calls } = await run(command, world);
      expect([code, calls.filter((call) => call !== 'close')], command).toEqual([1, []]);
      expect(err).toContain('glovebox stop modal-x --force');
    }
    const named = await run('stop modal-x --force', { ...of('s2'), ...agent });
    expect(named.calls).toEqual([...stopped, 'close']);
  });
});

it('M18: always tells what runs and costs, of whatever project', async () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const paid = (id: string, projectDir: string) =>
    sandboxView(
      { usdPerHour: 1.5, paidSinceMs: nowMs - 3_600_000, beforehandUsd: 0.25 },
      { id, projectDir, backend: 'modal' },
    );
  const all = [paid('modal-a', '/project'), paid('modal-b', '/other')];
  const parts: World['parts'] = {
    backends: () => ['local', 'modal'],
    list: async ({ projectDir }) =>
      all.filter((view) => projectDir === undefined || view.projectDir === projectDir),
  };
  const { out } = await run('status', { parts });
  expect(out).toContain(
    'paid sandboxes that run: 2, $3.00/h, about $3.50 so far (modal-a, modal-b)',
  );
  const { json } = await run('status --json', { parts });
  expect(json()).toMatchObject({ paid: { usd_per_hour: 3, spent_usd: 3.5 } });
});

it('7: what fails is told without secrets, as text and as JSON', async () => {
  const secret = `hf_${'aB3'.repeat(12)}`;
  const failing: World = {
    host: {
      redact: async (_config, text) => text.replaceAll(secret, '[REDACTED:hf-token]'),
      openServices: () =>
        Promise.reject(
          new GloveboxError('remote/forbidden', `no entry for ${secret}`, {
            hint: `not ${secret}`,
          }),
        ),
    },
  };
  for (const words of ['budget', 'budget --json', 'tool x --debug', 'approve']) {
    const { out, err } = await run(words, failing);
    expect(out + err, words).not.toContain(secret);
  }
  expect((await run('budget', failing)).err).toBe(
    'glovebox: no entry for [REDACTED:hf-token]\n  next: not [REDACTED:hf-token]\n',
  );
});

it('doctor tells of a ledger that cannot be read', async () => {
  const { appendFileSync, mkdirSync } = await import('node:fs');
  mkdirSync(path.join(stateDir, 'policy'), { mode: 0o700 });
  appendFileSync(path.join(stateDir, 'policy/ledger.jsonl'), 'damaged\n');
  expect((await run('doctor')).out).toMatch(/policy.*Line 1 of the ledger cannot be read/);
});
