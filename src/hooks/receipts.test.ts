import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { normaliseCall } from '#policy/normalise.ts';
import { createReceipts } from '#policy/receipts.ts';
import {
  CALL_ID,
  calling,
  decide as decideIn,
  hookWorld,
  PAID_SANDBOX as GPU,
} from '../../test/rigs/hook-world.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-hook-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const decide = (stdin: string) => decideIn(stdin, hookWorld(dir));

describe('3.4: receipts', () => {
  const amountMicroUsd = 120 * 17_790;
  const claim = () => {
    const call = normaliseCall('sandbox_create', GPU);
    return {
      toolUseId: CALL_ID,
      tool: 'sandbox_create',
      argsHash: call?.argsHash ?? '',
      scriptSha256: undefined,
      amountMicroUsd,
    };
  };
  const redeem = (changes: object = {}, clock = systemClock) =>
    createReceipts({ dir, clock }).redeem({ ...claim(), ...changes });

  it('are good once, for what was shown', async () => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem()).toBe(true);
    expect(await redeem()).toBe(false);
  });

  it.each([
    ['other arguments', { argsHash: 'other' }],
    ['a script that was changed', { scriptSha256: 'x' }],
    ['another tool', { tool: 'hf_jobs' }],
    ['a dearer estimate', { amountMicroUsd: amountMicroUsd * 2 }],
    ['an estimate that nobody knows any more', { amountMicroUsd: null }],
    ['another call', { toolUseId: 'toolu_2' }],
  ])('are not good for %s', async (_, changes) => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem(changes)).toBe(false);
  });

  it('are good for what is cheaper, and for twelve hours', async () => {
    await decide(calling('sandbox_create', GPU));
    expect(await redeem({ amountMicroUsd: 1 })).toBe(true);
    await decide(calling('sandbox_create', GPU));
    const later = { ...systemClock, now: () => Date.now() + 12 * 3_600_000 + 60_000 };
    expect(await redeem({}, later)).toBe(false);
  });

  it.each([['unheard-of'], [undefined], ['']])(
    'are not written in the mode %j',
    async (permission_mode) => {
      expect((await decide(calling('sandbox_create', GPU, { permission_mode }))).decision).toBe(
        'ask',
      );
      expect(await redeem()).toBe(false);
    },
  );

  it('that somebody else wrote are worth nothing', async () => {
    await decide(calling('sandbox_create', GPU));
    const folder = path.join(dir, 'policy/receipts');
    const [name = ''] = readdirSync(folder);
    const content = JSON.stringify({
      ...claim(),
      permissionMode: 'default',
      sessionId: 's1',
      atMs: Date.now(),
    });
    writeFileSync(path.join(folder, name), JSON.stringify({ content, mac: 'a'.repeat(64) }));
    expect(await redeem()).toBe(false);
  });
});
