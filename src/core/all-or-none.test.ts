/** Several at once: all of them, or none. */
import { expect, test } from 'vitest';
import { allOrNone } from './all-or-none.ts';
import { GloveboxError } from './errors.ts';

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new GloveboxError('cancelled', 'given up')));
  });

test('P7: come in their order, whichever is ready first', async () => {
  const order: string[] = [];
  const made: Promise<string>[] = [];
  const making = allOrNone(3, {
    signal: undefined,
    make: (at) => {
      // The later of two is ready first.
      const one = (async () => {
        await Promise.resolve();
        await made[at + 1];
        order.push(`s${at}`);
        return `s${at}`;
      })();
      made[at] = one;
      return one;
    },
    end: () => expect.fail('nothing is to be ended'),
  });
  expect(await making).toEqual(['s0', 's1', 's2']);
  expect(order).toEqual(['s2', 's1', 's0']);
});

test('P7: when one fails the others are given up or ended, and its failure is told', async () => {
  const ended: string[] = [];
  const failing = allOrNone(3, {
    signal: undefined,
    make: async (at, signal) => {
      if (at === 0) return 'made';
      if (at === 1) return untilAborted(signal);
      await Promise.resolve();
      throw new GloveboxError('sandbox/no-capacity', 'no H100 is free');
    },
    end: async (made) => ended.push(made),
  });
  await expect(failing).rejects.toMatchObject({ code: 'sandbox/no-capacity' });
  expect(ended).toEqual(['made']);
  const stuck = allOrNone(2, {
    signal: undefined,
    make: async (at) => (at === 0 ? 'made' : Promise.reject(new Error('no'))),
    end: () => Promise.reject(new Error('it does not go')),
  });
  await expect(stuck).rejects.toMatchObject({
    code: 'sandbox/stop-failed',
    message: 'no And of the others, not all could be ended: it does not go',
  });
});

test('P7: one that was given up and cannot be ended is told of too', async () => {
  const failing = allOrNone(2, {
    signal: undefined,
    make: async (at, signal) => {
      if (at === 1) throw new GloveboxError('sandbox/no-capacity', 'no H100 is free.');
      await untilAborted(signal).catch(() => undefined);
      throw new GloveboxError('sandbox/stop-failed', 's0 lives on.');
    },
    end: () => expect.fail('nothing was made'),
  });
  await expect(failing).rejects.toMatchObject({
    code: 'sandbox/stop-failed',
    message: expect.stringMatching(/^no H100 is free\. .*s0 lives on\.$/),
  });
});

test('P7: a call that is cancelled leaves none', async () => {
  const cancel = new AbortController();
  const making = allOrNone(2, {
    signal: cancel.signal,
    make: (_, signal) => untilAborted(signal),
    end: () => expect.fail('nothing was made'),
  });
  cancel.abort();
  await expect(making).rejects.toMatchObject({ code: 'cancelled' });
});
