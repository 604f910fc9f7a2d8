/** The small judges of a connection: heartbeat, pongs, back-off, process stamp, foreign code, replay. */
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createAcknowledger } from './acknowledger.ts';
import type { KernelMessage } from './contract.ts';
import { createForeignActivity } from './foreign-activity.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createProcessStamp } from './process-stamp.ts';
import { reconnectDelayMs } from './reconnect.ts';
import { createReplayFilter } from './replay-filter.ts';

describe('C9: heartbeat', () => {
  const start = (): {
    clock: ReturnType<typeof createManualClock>;
    said: string[];
    heartbeat: ReturnType<typeof startHeartbeat>;
  } => {
    const clock = createManualClock();
    const said: string[] = [];
    const heartbeat = startHeartbeat({
      clock,
      ping: () => said.push(`ping ${clock.monotonic()}`),
      onSilence: (reason) => said.push(`${reason}, at ${clock.monotonic()}`),
    });
    return { clock, said, heartbeat };
  };

  test('pings every 20 s and gives up after 45 s of silence', () => {
    const { clock, said } = start();
    clock.advance(60_000);
    expect(said).toEqual(['ping 20000', 'ping 40000', 'nothing was received for 45 s, at 45000']);
    expect(clock.pending).toBe(0);
  });

  test('X11: what is received postpones the end, not the pings', () => {
    const { clock, said, heartbeat } = start();
    for (let n = 0; n < 10; n += 1) {
      clock.advance(30_000);
      heartbeat.received();
    }
    expect(said.filter((text) => text.startsWith('ping'))).toHaveLength(15);
    expect(said.every((text) => text.startsWith('ping'))).toBe(true);
  });

  test('silence while we did not run ourselves proves nothing', () => {
    const { clock, said, heartbeat } = start();
    clock.jump(3_600_000);
    expect(said).toEqual(['ping 3600000']);
    heartbeat.received();
    clock.advance(40_000);
    expect(said).toHaveLength(3);
    clock.advance(10_000);
    expect(said.at(-1)).toMatch(/nothing was received/);
  });

  test('after such a pause it still gives up soon', () => {
    const { clock, said } = start();
    clock.jump(3_600_000);
    clock.advance(6000);
    expect(said.at(-1)).toMatch(/nothing was received/);
  });

  test('stopped is stopped', () => {
    const { clock, said, heartbeat } = start();
    heartbeat.stop();
    clock.advance(100_000);
    expect(said).toEqual([]);
  });
});

describe('C7: pongs', () => {
  const nextRead = (): Promise<void> => Promise.resolve();

  test('each read is answered at once, the messages of one read once', async () => {
    const clock = createManualClock();
    let pongs = 0;
    const acknowledger = createAcknowledger(clock, () => (pongs += 1));
    for (let read = 1; read <= 10; read += 1) {
      acknowledger.received(clock.monotonic());
      acknowledger.received(clock.monotonic());
      expect(pongs).toBe(read);
      await nextRead();
    }
  });

  test('a flood is answered every 5 ms, and its last message too', async () => {
    const clock = createManualClock();
    let pongs = 0;
    const acknowledger = createAcknowledger(clock, () => (pongs += 1));
    for (let read = 0; read < 1000; read += 1) {
      acknowledger.received(clock.monotonic());
      await nextRead();
    }
    expect(pongs).toBe(64);
    clock.advance(5);
    expect(pongs).toBe(65);
    expect(clock.pending).toBe(0);
  });

  test('a request of ours and time each restore the credit', async () => {
    const clock = createManualClock();
    let pongs = 0;
    const acknowledger = createAcknowledger(clock, () => (pongs += 1));
    const spend = async (): Promise<void> => {
      for (let read = 0; read < 64; read += 1) {
        acknowledger.received(clock.monotonic());
        await nextRead();
      }
    };
    await spend();
    acknowledger.sent();
    await spend();
    expect(pongs).toBe(128);
    clock.advance(1000);
    await spend();
    expect(pongs).toBe(192);
  });

  test('stopped, nothing is written any more', async () => {
    const clock = createManualClock();
    let pongs = 0;
    const acknowledger = createAcknowledger(clock, () => (pongs += 1));
    for (let read = 0; read < 70; read += 1) {
      acknowledger.received(clock.monotonic());
      await nextRead();
    }
    acknowledger.stop();
    clock.advance(1000);
    expect(pongs).toBe(64);
  });
});

test('C14: the delays grow to 5 s, and after 5 min to 30 s', () => {
  const minute = 60_000;
  const delays = [0, 1, 2, 3, 4, 5, 50].map((failures) => reconnectDelayMs(failures, minute));
  expect(delays).toEqual([250, 500, 1000, 2000, 5000, 5000, 5000]);
  expect(reconnectDelayMs(60, 5 * minute)).toBe(5000);
  expect(reconnectDelayMs(61, 5 * minute + 1)).toBe(30_000);
});

const from = (
  session: string,
  parent: Partial<KernelMessage['header']> = {},
  msgType = 'status',
  content: KernelMessage['content'] = {},
): KernelMessage => ({
  channel: 'iopub',
  header: { msg_id: 'm', msg_type: msgType, session },
  parentHeader: parent,
  metadata: {},
  content,
  buffers: [],
});

describe('C23: the stamp of the kernel process', () => {
  test('the first stamp is no change, another one is', () => {
    const stamp = createProcessStamp('me', undefined);
    expect(stamp.observe(from('k1'))).toBeUndefined();
    expect(stamp.current).toBe('k1');
    expect(stamp.observe(from('k1'))).toBeUndefined();
    expect(stamp.observe(from('k2'))).toEqual({ from: 'k1', to: 'k2' });
  });

  test('X32: a restart that happened before we came is seen', () => {
    expect(createProcessStamp('me', 'k1').observe(from('k2'))).toEqual({ from: 'k1', to: 'k2' });
  });

  test('the server speaks with our own id, some kernels with that of the request', () => {
    const stamp = createProcessStamp('me', 'k1');
    expect(stamp.observe(from('me'))).toBeUndefined();
    expect(stamp.observe(from('other', { msg_id: 'p', session: 'other' }))).toBeUndefined();
    expect(stamp.observe(from(''))).toBeUndefined();
    expect(stamp.current).toBe('k1');
  });

  test('a late word of the old process is not a second restart', () => {
    const stamp = createProcessStamp('me', 'k1');
    stamp.observe(from('k2'));
    expect(stamp.observe(from('k1'))).toBeUndefined();
    expect(stamp.observe(from('k2'))).toBeUndefined();
    expect(stamp.current).toBe('k2');
  });
});

describe("X12: another client's code", () => {
  const request = (
    msg_id: string,
    msg_type = 'execute_request',
  ): Partial<KernelMessage['header']> => ({
    msg_id,
    msg_type,
    session: 'other',
  });
  const status = (id: string, state: string, type?: string): KernelMessage =>
    from('k', request(id, type), 'status', { execution_state: state });
  const input = (id: string, code: string): KernelMessage =>
    from('k', request(id), 'execute_input', { code });
  const start = (): { said: unknown[]; foreign: ReturnType<typeof createForeignActivity> } => {
    const said: unknown[] = [];
    const foreign = createForeignActivity(({ state, code }) =>
      said.push(code === undefined ? state : `${state} ${code}`),
    );
    return { said, foreign };
  };

  test('busy, its code, idle', () => {
    const { said, foreign } = start();
    for (const one of [status('a', 'busy'), input('a', 'x = 1')]) foreign.observe(one);
    expect(foreign.busy).toBe(true);
    foreign.observe(status('a', 'idle'));
    expect(foreign.busy).toBe(false);
    expect(said).toEqual(['busy', 'busy x = 1', 'idle']);
  });

  test('two at a time are over when both are', () => {
    const { said, foreign } = start();
    for (const one of [status('a', 'busy'), status('b', 'busy'), status('a', 'idle')]) {
      foreign.observe(one);
    }
    expect(foreign.busy).toBe(true);
    foreign.observe(status('b', 'idle'));
    expect(said).toEqual(['busy', 'idle']);
  });

  test('completion and probes do not count', () => {
    const { said, foreign } = start();
    for (const type of ['kernel_info_request', 'complete_request', 'inspect_request']) {
      foreign.observe(status('a', 'busy', type));
    }
    expect(said).toEqual([]);
  });

  test('code that ran before we came ends with any idle, or when ours begins', () => {
    const { said, foreign } = start();
    foreign.assume();
    foreign.observe(status('never seen', 'idle'));
    foreign.assume();
    foreign.ownStarted();
    expect(said).toEqual(['busy', 'idle', 'busy', 'idle']);
    foreign.ownStarted();
    foreign.reset();
    expect(said).toHaveLength(4);
  });
});

describe('C13: repeated messages', () => {
  test('only what came over an earlier socket is a repetition', () => {
    const filter = createReplayFilter();
    filter.nextSocket();
    expect(['a', 'a', 'b', ''].map((id) => filter.isRepeated(id))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    filter.nextSocket();
    expect(['a', 'b', 'c', ''].map((id) => filter.isRepeated(id))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('memory is bounded, and the latest 4,096 are known', () => {
    const filter = createReplayFilter();
    for (let n = 0; n < 100_000; n += 1) filter.isRepeated(`m${n}`);
    filter.nextSocket();
    const isKnown = (n: number): boolean => filter.isRepeated(`m${n}`);
    expect(Array.from({ length: 4096 }, (_, n) => isKnown(99_999 - n)).every(Boolean)).toBe(true);
    expect(Array.from({ length: 4096 }, (_, n) => isKnown(n)).some(Boolean)).toBe(false);
  });
});
