/** Notices before the time limit: when, what is saved, and what is run (S14, X130). */
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#platform/log.ts';
import { createManualClock, type ManualClock } from '../../test/fakes/manual-clock.ts';
import { followExpiry, type ExpirySession } from './expiry.ts';

const MINUTE_MS = 60_000;
/** Lets everything happen that waits for nothing but its turn. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('S14, X130: a session in a sandbox with a time limit', () => {
  let clock: ManualClock;
  let told: string[];
  let ran: string[];
  let saved: number;
  let brought: string[];
  let state: 'idle' | 'busy';
  let isOpen: boolean;
  let deadline: number | undefined;
  beforeEach(() => {
    clock = createManualClock();
    told = [];
    ran = [];
    saved = 0;
    brought = [];
    state = 'idle';
    isOpen = true;
    deadline = clock.now() + 60 * MINUTE_MS;
  });

  const begin = async (onExpire?: string): Promise<void> => {
    const session: ExpirySession = {
      id: 's-1',
      record: { sandboxId: 'slurm-x' },
      notify: (text) => told.push(text),
      flush: async () => undefined,
      notebook: {
        flush: async () => {
          saved += 1;
        },
      },
      view: () => ({ state }),
      scratch: (code) => ran.push(code),
    };
    followExpiry(session, {
      clock,
      log: silentLog,
      deadlineMs: async () => deadline,
      isOpen: async () => isOpen,
      onExpire,
      bringHome: async () => brought,
    });
    await settle();
  };
  const pass = async (minutes: number): Promise<void> => {
    clock.advance(minutes * MINUTE_MS);
    await settle();
  };

  test('is told 15, 5 and 1 minute before, and not earlier', async () => {
    await begin();
    await pass(44);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual([
      expect.stringMatching(/sandbox slurm-x comes in 15 min, at \d\d:\d\d:\d\d/),
    ]);
    await pass(10);
    await pass(4);
    expect(told.map((text) => /in (\d+ min)/.exec(text)?.[1])).toEqual([
      '15 min',
      '5 min',
      '1 min',
    ]);
    await pass(30);
    expect(told.length).toBe(3);
  });

  test('5 minutes before, the notebook is saved and the given code runs in an idle kernel', async () => {
    await begin('save()');
    await pass(45);
    await pass(10);
    expect([saved, ran]).toEqual([1, ['save()']]);
  });

  test('M17: a minute before, all is saved and brought home once more, and the code does not run again', async () => {
    brought = ['brought home: outputs/modal-x'];
    await begin('save()');
    for (const minutes of [45, 10, 4]) await pass(minutes);
    expect([saved, ran]).toEqual([2, ['save()']]);
    expect(told.filter((text) => text.includes('brought home'))).toHaveLength(2);
    expect(told[0]).toContain('glovebox keep-alive slurm-x');
  });

  test('N8: and what was written for keeps is brought home', async () => {
    brought = ['brought home: outputs/slurm-x'];
    await begin();
    await pass(45);
    expect(told.join()).not.toContain('brought home');
    await pass(10);
    expect(told).toContain('brought home: outputs/slurm-x');
  });

  test('a busy kernel is left alone', async () => {
    state = 'busy';
    await begin('save()');
    await pass(45);
    await pass(10);
    expect([saved, ran]).toEqual([1, []]);
  });

  test('notices that are past are not made up for', async () => {
    deadline = clock.now() + 3 * MINUTE_MS;
    await begin();
    await pass(2);
    expect(told.length).toBe(1);
  });

  test('a limit that was moved counts', async () => {
    await begin();
    deadline = clock.now() + 120 * MINUTE_MS;
    await pass(45);
    expect(told).toEqual([]);
    await pass(60);
    expect(told.length).toBe(1);
  });

  test('nothing without a limit, and nothing once the session is closed', async () => {
    await begin();
    isOpen = false;
    await pass(59);
    expect(told).toEqual([]);
    deadline = undefined;
    await begin();
    expect(clock.pending).toBe(0);
  });
});
