import { describe, expect, it } from 'vitest';
import type { McpClock } from './contract.ts';
import { ProgressReporter, type ProgressNote } from './progress.ts';

/** Time that passes only when told. */
class ManualClock implements McpClock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = next.at;
      next.callback();
    }
    this.#now = end;
  }
}

function setUp() {
  const clock = new ManualClock();
  const notes: ProgressNote[] = [];
  const send = async (note: ProgressNote): Promise<void> => void notes.push(note);
  const reporter = new ProgressReporter({ clock, title: 'Run code', send });
  /** What was sent so far: sends are chained, so they need a turn of the event loop. */
  const sent = async (): Promise<ProgressNote[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return notes;
  };
  return { clock, reporter, sent };
}

describe('R4: progress', () => {
  it('says the title of the tool when the call itself says nothing', async () => {
    const { clock, sent } = setUp();
    clock.pass(999);
    expect(await sent()).toEqual([]);
    clock.pass(1);
    expect(await sent()).toEqual([{ progress: 0.5, message: 'Run code' }]);
  });

  it('sends the first report at once and then the newest of each second', async () => {
    const { clock, reporter, sent } = setUp();
    reporter.report({ message: 'a' });
    expect(await sent()).toMatchObject([{ message: 'a' }]);
    clock.pass(100);
    reporter.report({ message: 'b' });
    clock.pass(100);
    reporter.report({ message: 'c' });
    expect(await sent()).toHaveLength(1);
    clock.pass(800);
    expect(await sent()).toMatchObject([{ message: 'a' }, { message: 'c' }]);
  });

  it('X94, F1, acceptance 4: repeats the current step every ten seconds', async () => {
    const { clock, reporter, sent } = setUp();
    reporter.report({ message: 'cell 3/9', done: 3, total: 9 });
    clock.pass(20_000);
    expect(await sent()).toMatchObject([
      { message: 'cell 3/9', progress: 3, total: 9 },
      { message: 'cell 3/9 (10 s)', total: 9 },
      { message: 'cell 3/9 (20 s)', total: 9 },
    ]);
  });

  it('strictly grows, whatever is reported, and keeps below the next step', async () => {
    const { clock, reporter, sent } = setUp();
    const steps = [undefined, undefined, 0, 1, 1, 0, 2, 1.5, undefined, 3];
    for (const [index, done] of steps.entries()) {
      reporter.report({ message: `step ${index}`, ...(done !== undefined && { done, total: 3 }) });
      clock.pass(1000);
    }
    const values = (await sent()).map(({ progress }) => progress);
    expect(values).toHaveLength(steps.length);
    expect(values).toEqual([...new Set(values)].toSorted((a, b) => a - b));
    expect(values.at(-1)).toBe(3);
  });

  it('leaves out a total that the value has passed', async () => {
    const { clock, reporter, sent } = setUp();
    reporter.report({ message: 'first half', done: 9, total: 9 });
    clock.pass(1000);
    reporter.report({ message: 'second half', done: 1, total: 9 });
    expect((await sent()).map(({ total }) => total)).toEqual([9, undefined]);
  });

  it('does not repeat what did not change', async () => {
    const { clock, reporter, sent } = setUp();
    for (let round = 0; round < 5; round++) {
      reporter.report({ message: 'same' });
      clock.pass(1000);
    }
    expect(await sent()).toHaveLength(1);
  });

  it('keeps messages within 200 characters', async () => {
    const { clock, reporter, sent } = setUp();
    reporter.report({ message: 'x'.repeat(500) });
    clock.pass(10_000);
    for (const { message } of await sent()) expect(message.length).toBe(200);
    expect((await sent()).at(-1)?.message).toMatch(/x… \(10 s\)$/);
  });

  it('sends nothing after the end, and the end waits for what is on its way', async () => {
    const clock = new ManualClock();
    const order: string[] = [];
    const reporter = new ProgressReporter({
      clock,
      title: 'Run code',
      send: async ({ message }) => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push(message);
      },
    });
    reporter.report({ message: 'a' });
    clock.pass(500);
    reporter.report({ message: 'b' });
    await reporter.finish();
    order.push('result');
    reporter.report({ message: 'c' });
    clock.pass(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['a', 'result']);
  });

  it('survives a client that has gone away', async () => {
    const reporter = new ProgressReporter({
      clock: new ManualClock(),
      title: 'Run code',
      send: () => Promise.reject(new Error('closed')),
    });
    reporter.report({ message: 'a' });
    await expect(reporter.finish()).resolves.toBeUndefined();
  });
});
