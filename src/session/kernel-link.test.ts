/** What a link believes of its kernel: when code may be trusted to the socket, and what proves a loss. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createJupyterServer } from '#jupyter/rest.ts';
import { silentLog } from '#platform/log.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel-socket.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { KernelLink } from './kernel-link.ts';
import type { Loss } from './loss.ts';

let kernel: FakeKernel;
beforeEach(async () => {
  kernel = await new FakeKernel().start();
});
afterEach(() => kernel.stop());

async function openLink({ hasRun = false } = {}) {
  const clock = createManualClock();
  const losses: Loss[] = [];
  const checksFailed: string[] = [];
  const link = new KernelLink({
    server: createJupyterServer({ endpoint: () => Promise.resolve(kernel.endpoint) }),
    kernelId: kernel.kernelId,
    connectionId: 'me',
    lastProcess: undefined,
    serverGeneration: 1,
    readyTimeoutMs: 60_000,
    clock,
    log: { ...silentLog, debug: (message) => checksFailed.push(message) },
    sandboxStatus: () => Promise.resolve({ id: 'local-x', state: 'ready', generation: 1 }),
    hasRun: () => hasRun,
    onLoss: (loss) => losses.push(loss),
    onProcess: () => undefined,
    onOpened: () => undefined,
    onReopened: () => undefined,
    onUp: () => undefined,
    onLateOutput: () => undefined,
  });
  onTestFinished(() => link.close());
  await link.open();
  return { link, clock, losses, checksFailed };
}

const asked = (): number => kernel.received.filter(({ channel }) => channel === 'control').length;

describe('C21: a socket', () => {
  it('that was heard within 30 s is trusted unasked', async () => {
    const { link, clock } = await openLink();
    const before = asked();
    clock.advance(10_000);
    expect(await link.isUsable()).toBe(true);
    expect(asked()).toBe(before);
  });

  it('that was silent for longer is trusted when the kernel answers on control', async () => {
    const { link, clock } = await openLink();
    const before = asked();
    clock.jump(40_000);
    expect(await link.isUsable()).toBe(true);
    expect(asked()).toBe(before + 1);
    expect(await link.isUsable()).toBe(true);
    expect(asked()).toBe(before + 1);
  });

  it('on which nothing is answered is not, until something is', async () => {
    const { link, clock } = await openLink();
    kernel.answersControl = false;
    clock.jump(40_000);
    const before = asked();
    const usable = link.isUsable();
    await vi.waitFor(() => expect(asked()).toBe(before + 1), { timeout: 30_000 });
    clock.advance(2_000);
    expect(await usable).toBe(false);
    expect(link.obstacle).toContain('has not answered');
    kernel.answersControl = true;
    expect(await link.isUsable()).toBe(true);
    expect(link.obstacle).toBeUndefined();
  });
});

it('C15: a new process that answers the question whether the socket lives is proven before code goes to it', async () => {
  const { link, clock, losses } = await openLink();
  kernel.process = 'another process';
  kernel.deafProbes = 100;
  clock.jump(40_000);
  expect(await link.isUsable()).toBe(false);
  expect(losses).toMatchObject([{ class: 'kernel_restarted' }]);
});

describe('C22: while code runs, the server is asked for the kernel every 15 s', () => {
  it('C2, X34: an answer that proves nothing loses nothing', async () => {
    const { clock, losses, checksFailed } = await openLink({ hasRun: true });
    kernel.restStatus = 500;
    for (const count of [1, 2, 3, 4]) {
      clock.advance(15_000);
      await vi.waitFor(() => expect(checksFailed).toHaveLength(count), { timeout: 30_000 });
    }
    expect(losses).toEqual([]);
  });

  it('a kernel that was deleted elsewhere is gone', async () => {
    const { clock, losses } = await openLink({ hasRun: true });
    kernel.restStatus = 404;
    clock.advance(15_000);
    await vi.waitFor(() => expect(losses).toHaveLength(1), { timeout: 30_000 });
    expect(losses[0]).toMatchObject({ class: 'kernel_gone' });
  });
});
