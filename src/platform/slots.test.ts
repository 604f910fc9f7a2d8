import { describe, expect, test } from 'vitest';
import { createSlots } from './slots.ts';

/** Whether a promise is settled once everything that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => (settled = true)).catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('slots', () => {
  test('S22: no more than there are, and who waits gets them in order', async () => {
    const slots = createSlots(2);
    const [first, second] = await Promise.all([slots.take(), slots.take()]);
    const [third, fourth] = [slots.take(), slots.take()];
    expect(await isSettled(third)).toBe(false);
    first();
    first();
    expect(await isSettled(third)).toBe(true);
    expect(await isSettled(fourth)).toBe(false);
    second();
    (await third)();
    (await fourth)();
    await Promise.all([slots.take(), slots.take()]);
  });

  test('who gives up waiting holds nothing and keeps nobody waiting', async () => {
    const slots = createSlots(1);
    const giveBack = await slots.take();
    const caller = new AbortController();
    const given = slots.take(caller.signal);
    const next = slots.take();
    caller.abort();
    await expect(given).rejects.toMatchObject({ code: 'cancelled' });
    await expect(slots.take(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    giveBack();
    (await next)();
    (await slots.take())();
  });
});
