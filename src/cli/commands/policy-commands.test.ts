import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPolicy } from '#main/policy.ts';
import { systemClock } from '#platform/clock.ts';
import type { PlannedOperation } from '#policy/contract.ts';
import { runFake } from '../../../test/rigs/cli-host.ts';
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

it('doctor tells of a ledger that cannot be read', async () => {
  const { appendFileSync, mkdirSync } = await import('node:fs');
  mkdirSync(path.join(stateDir, 'policy'), { mode: 0o700 });
  appendFileSync(path.join(stateDir, 'policy/ledger.jsonl'), 'damaged\n');
  expect((await run('doctor')).out).toMatch(/policy.*Line 1 of the ledger cannot be read/);
});
