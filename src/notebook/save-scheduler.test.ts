/** When a notebook is written. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/fakes/manual-clock.ts';
import { SaveScheduler } from './save-scheduler.ts';

const SMALL = 10_000;
const BIG = 10_000_000;

let clock: ManualClock;
let scheduler: SaveScheduler;
let changes: number;
/** Counts of changes that reached the file. */
let saves: number[];
/** How long a save takes, and what it throws. */
let tookMs: number;
let failure: Error | undefined;
let failuresSeen: unknown[];
let bytes: number;

function start(size: number): void {
  bytes = size;
  clock = createManualClock();
  [changes, saves, tookMs, failure, failuresSeen] = [0, [], 1, undefined, []];
  scheduler = new SaveScheduler(
    {
      clock,
      changes: () => changes,
      onFailure: (error) => failuresSeen.push(error),
      async save() {
        const upTo = changes;
        await Promise.resolve();
        clock.advance(tookMs);
        if (failure !== undefined) throw failure;
        saves.push(upTo);
        return { changes: upTo, bytes };
      },
    },
    size,
  );
}

/** Lets everything that is under way come to its end. */
const rest = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function edit(): void {
  changes += 1;
  scheduler.request();
}

describe('a small notebook', () => {
  beforeEach(() => start(SMALL));

  it('is not written without a change', async () => {
    scheduler.request();
    expect(await scheduler.settle()).toBe(true);
    await scheduler.flush();
    expect(saves).toEqual([]);
  });

  it('is written at once', async () => {
    edit();
    await rest();
    expect(saves).toEqual([1]);
    expect(clock.pending).toBe(0);
  });

  it('is written once for changes of one moment, and again for those that come meanwhile', async () => {
    edit();
    edit();
    edit();
    await rest();
    expect(saves).toEqual([1, 3]);
  });

  it('has everything in the file when it has settled, also what was changed while it was written', async () => {
    edit();
    edit();
    expect(await scheduler.settle()).toBe(true);
    expect(saves.at(-1)).toBe(2);
  });

  it('is big after two slow saves, and written when it is idle', async () => {
    tookMs = 30;
    for (let count = 0; count < 2; count += 1) {
      changes += 1;
      await scheduler.settle();
    }
    changes += 1;
    expect(await scheduler.settle()).toBe(false);
    clock.advance(600);
    await rest();
    expect(saves.at(-1)).toBe(3);
  });

  it('is not big after one slow save', async () => {
    tookMs = 30;
    changes += 1;
    await scheduler.settle();
    changes += 1;
    expect(await scheduler.settle()).toBe(true);
  });
});

describe('X88: a big notebook', () => {
  beforeEach(() => start(BIG));

  it('is left alone at the end of a run, and written soon after', async () => {
    changes += 1;
    expect(await scheduler.settle()).toBe(false);
    await rest();
    expect(saves).toEqual([]);
    clock.advance(250);
    await rest();
    expect(saves).toEqual([1]);
    expect(await scheduler.settle()).toBe(true);
  });

  it('is written every two seconds while it is busy', async () => {
    for (let ms = 0; ms < 10_000; ms += 100) {
      edit();
      clock.advance(100);
      await rest();
    }
    expect(saves.length).toBeGreaterThanOrEqual(4);
    expect(saves.length).toBeLessThanOrEqual(5);
    clock.advance(2_000);
    await rest();
    expect(saves.at(-1)).toBe(changes);
  });

  it('rests after a save that took long, although it is idle', async () => {
    tookMs = 50;
    edit();
    await scheduler.flush();
    edit();
    clock.advance(999);
    await rest();
    expect(saves).toEqual([1]);
    clock.advance(1);
    await rest();
    expect(saves).toEqual([1, 2]);
  });

  it('is written at once when somebody wants it', async () => {
    edit();
    await scheduler.flush();
    expect(saves).toEqual([1]);
    expect(clock.pending).toBe(0);
  });
});

describe('a save that fails', () => {
  beforeEach(() => {
    start(SMALL);
    failure = new Error('no space');
  });

  it('is told to everybody who waits', async () => {
    changes += 1;
    const waiting = await Promise.allSettled([scheduler.settle(), scheduler.flush()]);
    expect(waiting.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('is tried again later, less and less often, until it works', async () => {
    edit();
    await rest();
    expect(failuresSeen).toHaveLength(1);
    clock.advance(2_000);
    await rest();
    clock.advance(2_000);
    await rest();
    expect(failuresSeen).toHaveLength(2);
    clock.advance(2_000);
    await rest();
    expect(failuresSeen).toHaveLength(3);
    failure = undefined;
    clock.advance(8_000);
    await rest();
    expect(saves).toEqual([1]);
    expect(clock.pending).toBe(0);
  });

  it('is tried again at once by the next one who waits', async () => {
    edit();
    await rest();
    failure = undefined;
    expect(await scheduler.settle()).toBe(true);
    expect(saves).toEqual([1]);
  });

  it('of a big notebook is told at the next end of a run', async () => {
    start(BIG);
    failure = new Error('no space');
    edit();
    clock.advance(250);
    await rest();
    changes += 1;
    await expect(scheduler.settle()).rejects.toThrowError('no space');
  });

  it('is not tried again after the end', async () => {
    edit();
    await rest();
    scheduler.stop();
    expect(clock.pending).toBe(0);
  });
});

describe('a file that holds something else than it should', () => {
  it('is written although nothing was changed', async () => {
    start(SMALL);
    scheduler.invalidate();
    await scheduler.flush();
    expect(saves).toEqual([0]);
  });
});
