/** The channel against a real websocket server: readiness, control requests, connecting and connecting again. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { run, typesOf, until, useChannelStage } from '../../test/fakes/channel-stage.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';

const stage = useChannelStage();

describe('readiness and control', () => {
  test('X10: a reply alone proves nothing; it is asked again at once', async () => {
    stage().kernel.deafProbes = 2;
    const channel = await stage().connected();
    await channel.ready(20_000);
    const probes = stage().kernel.received.filter(
      ({ header }) => header.msg_type === 'kernel_info_request',
    );
    expect(probes.length).toBeGreaterThan(1);
  });

  test('C15: silence is given up at the limit', async () => {
    stage().kernel.answersControl = false;
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    const ready = channel.ready(60_000);
    const failed = expect(ready).rejects.toMatchObject({ code: 'kernel/start-failed' });
    for (let asked = 1; asked < 30; asked += 1) {
      await until(() => stage().kernel.received.length === asked);
      clock.advance(2000);
    }
    await until(() => stage().kernel.received.length === 30);
    clock.advance(2000);
    await failed;
  });

  test('a caller that goes away is answered with its own error', async () => {
    stage().kernel.answersControl = false;
    const channel = await stage().connected();
    const abort = new AbortController();
    const ready = channel.ready(60_000, abort.signal);
    abort.abort();
    await expect(ready).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('waiting for readiness ends when the kernel is dead, or the channel is closed', async () => {
    stage().kernel.answersControl = false;
    const channel = await stage().connected();
    const ready = expect(channel.ready(60_000)).rejects.toMatchObject({ code: 'kernel/dead' });
    stage().kernel.broadcast('dead');
    await ready;
    const closed = expect(channel.ready(60_000)).rejects.toMatchObject({ code: 'cancelled' });
    await channel.close();
    await closed;
  });

  test('readiness survives a loss of the connection', async () => {
    stage().kernel.answersControl = false;
    const channel = await stage().connected();
    const ready = channel.ready(60_000);
    stage().kernel.answersControl = true;
    stage().kernel.drop();
    expect((await ready).implementation).toBe('fake');
  });

  test('a socket on which a known kernel is not heard for 10 s is replaced', async () => {
    stage().kernel.answersControl = false;
    const clock = createManualClock();
    const channel = await stage().connected({ clock, lastProcess: 'an earlier process' });
    const ready = channel.ready(60_000);
    clock.advance(10_000);
    await until(() => stage().eventTypes().includes('disconnected'));
    clock.advance(250);
    await until(() => channel.connected);
    // The second one is given the time that the server itself takes.
    clock.advance(20_000);
    expect(channel.connected).toBe(true);
    stage().kernel.answersControl = true;
    clock.advance(2000);
    expect(stage().kernel.handshakes).toHaveLength(2);
    expect((await ready).implementation).toBe('fake');
  });

  test('ping: answered, silent, not connected', async () => {
    const channel = await stage().connected();
    expect(await channel.pingControl(5000)).toBe(true);
    stage().kernel.answersControl = false;
    expect(await channel.pingControl(30)).toBe(false);
    await channel.close();
    expect(await channel.pingControl(5000)).toBe(false);
  });

  test('usage and interrupt by message', async () => {
    const channel = await stage().connected();
    expect(await channel.usage(5000)).toEqual({ pid: 42, memoryBytes: 1024 });
    channel.interruptByMessage();
    await channel.ready(5000);
    expect(typesOf(stage().kernel.received)).toContain('interrupt_request');
    stage().kernel.answersControl = false;
    expect(await channel.usage(30)).toBeUndefined();
    await channel.close();
    expect(() => channel.interruptByMessage()).toThrow(
      expect.objectContaining({ code: 'server/unreachable' }),
    );
  });

  test('C27: input is asked for and answered once, under the request for it', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.send('stdin', 'input_request', { prompt: 'Name: ', password: true }, message);
    };
    const channel = await stage().connected();
    const asked: unknown[] = [];
    const { msgId } = channel.execute(
      { msgId: randomUUID(), code: 'input()', allowStdin: true },
      { onMessage: () => undefined, onInputRequest: (input) => asked.push(input) },
    );
    await until(() => asked.length === 1);
    expect(asked).toEqual([{ prompt: 'Name: ', password: true }]);
    expect(stage().request().content['allow_stdin']).toBe(true);
    channel.sendInput(msgId, 'Ada');
    await until(() => stage().kernel.received.at(-1)?.header.msg_type === 'input_reply');
    const answer = stage().kernel.received.at(-1);
    expect(answer?.content).toEqual({ status: 'ok', value: 'Ada' });
    expect(answer?.channel).toBe('stdin');
    expect(answer?.parentHeader.msg_type).toBe('input_request');
    const again = expect.objectContaining({ code: 'input/invalid' });
    expect(() => channel.sendInput(msgId, 'Ada')).toThrow(again);
    expect(() => channel.sendInput('nobody', 'Ada')).toThrow(again);
  });

  test('a lost idle does not leave the run running for ever', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.reply(message);
    };
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    const { execution, messages } = run(channel);
    await until(() => messages.length === 2 && clock.pending > 1);
    clock.advance(1000);
    expect(await execution.finished).toMatchObject({ status: 'ok', outputLost: true });
  });

  test('an idle that only takes long is waited for', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.reply(message);
    };
    stage().kernel.answersControl = false;
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    const { execution, messages } = run(channel);
    await until(() => messages.length === 2 && clock.pending > 1);
    clock.advance(3000);
    stage().kernel.idle(stage().request());
    expect((await execution.finished).outputLost).toBeUndefined();
  });
});

describe('connecting', () => {
  test.each([
    ['X35: the handshake says 404', 'kernel/gone', 'kernel-gone', { handshakeStatus: 404 }],
    ['REST says 404', 'kernel/gone', 'kernel-gone', { restStatus: 404 }],
    ['the handshake says 403', 'server/refused', 'refused', { handshakeStatus: 403 }],
    ['the handshake says 401', 'server/refused', 'refused', { handshakeStatus: 401 }],
    ['REST says 403', 'server/refused', 'refused', { restStatus: 403 }],
  ] as const)('%s', async (_name, code, event, state) => {
    Object.assign(stage().kernel, state);
    await expect(stage().open().connect()).rejects.toMatchObject({ code });
    expect(stage().eventTypes()).toEqual([event]);
  });

  test.each([
    ['a proxy says 404', 'server/error', { restStatus: 404, jsonErrors: false }],
    ['the handshake says 502', 'server/unreachable', { handshakeStatus: 502 }],
    ['the handshake redirects', 'server/unreachable', { handshakeStatus: 302 }],
  ] as const)('%s: nothing is known about the kernel', async (_name, code, state) => {
    Object.assign(stage().kernel, state);
    await expect(stage().open().connect()).rejects.toMatchObject({ code });
    expect(stage().events).toEqual([]);
  });

  test.each([
    ['kernel-gone', { restStatus: 404 }],
    ['refused', { restStatus: 403 }],
  ] as const)('C14: after a loss, %s is final', async (event, state) => {
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    const ready = channel.ready(60_000);
    await ready;
    stage().kernel.drop();
    await until(() => stage().eventTypes().includes('disconnected'));
    Object.assign(stage().kernel, state);
    clock.advance(500);
    await until(() => stage().eventTypes().includes(event));
    expect(clock.pending).toBe(0);
    await channel.close();
  });

  test('C14: it is tried again and again, with growing delays', async () => {
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    clock.advance(10_000);
    stage().kernel.handshakeStatus = 502;
    stage().kernel.drop();
    await until(() => stage().eventTypes().includes('disconnected'));
    let attempts = 1;
    for (const delayMs of [250, 500, 1000, 2000, 5000, 5000]) {
      // Not any timer: an attempt that is under way has one too.
      await until(() => clock.nextMs === delayMs);
      clock.advance(delayMs - 1);
      expect(clock.nextMs).toBe(1);
      clock.advance(1);
      attempts += 1;
      await until(() => stage().kernel.handshakes.length === attempts);
    }
    await until(() => clock.nextMs === 5000);
    stage().kernel.handshakeStatus = 101;
    clock.advance(5000);
    await until(() => channel.connected);
    expect(stage().eventTypes()).toEqual(['connected', 'disconnected', 'connected']);
  });

  test('C14: a handshake may take 70 s, and no longer', async () => {
    stage().kernel.handshakeStatus = 0;
    const clock = createManualClock();
    const connecting = expect(stage().open({ clock }).connect()).rejects.toMatchObject({
      code: 'server/unreachable',
      message: /70 s/,
    });
    await until(() => stage().kernel.handshakes.length === 1);
    clock.advance(70_000);
    await connecting;
  });

  test('C14: a kernel that has answered before is asked anew after 15 s', async () => {
    stage().kernel.handshakeStatus = 0;
    const clock = createManualClock();
    const channel = stage().open({ clock, lastProcess: 'an earlier process' });
    const connecting = expect(channel.connect()).rejects.toMatchObject({
      code: 'server/unreachable',
      message: /15 s/,
    });
    await until(() => stage().kernel.handshakes.length === 1);
    clock.advance(15_000);
    await connecting;
  });

  test('a connect that is cancelled leaves nothing behind', async () => {
    stage().kernel.handshakeStatus = 0;
    const abort = new AbortController();
    const channel = stage().open();
    const connecting = expect(channel.connect(abort.signal)).rejects.toMatchObject({
      code: 'cancelled',
    });
    await until(() => stage().kernel.handshakes.length === 1);
    abort.abort();
    await connecting;
    stage().kernel.handshakeStatus = 101;
    await channel.connect();
    expect(channel.connected).toBe(true);
  });

  test('C11, X18: connecting twice is one connection; while waiting to reconnect it does not wait', async () => {
    const clock = createManualClock();
    const channel = stage().open({ clock });
    await Promise.all([channel.connect(), channel.connect()]);
    await channel.connect();
    expect(stage().kernel.handshakes).toHaveLength(1);
    stage().kernel.drop();
    await until(() => stage().eventTypes().includes('disconnected'));
    await channel.connect();
    expect(stage().kernel.handshakes).toHaveLength(2);
    clock.advance(10_000);
    await channel.ready(5000);
    expect(stage().kernel.handshakes).toHaveLength(2);
  });

  test('C9: a server that says nothing for 45 s is dropped', async () => {
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    stage().kernel.freeze();
    clock.advance(45_000);
    expect(channel.connected).toBe(false);
    expect(stage().events.at(-1)).toMatchObject({ type: 'disconnected', reason: /45 s/ });
  });

  test('X26: a close that is not answered is abandoned after 5 s', async () => {
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    stage().kernel.freeze();
    let closed = false;
    const closing = channel.close().then(() => (closed = true));
    clock.advance(4999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    clock.advance(1);
    await closing;
    expect(stage().eventTypes()).toEqual(['connected']);
  });

  test('after close nothing reconnects, and close again is the same', async () => {
    const clock = createManualClock();
    const channel = await stage().connected({ clock });
    await Promise.all([channel.close(), channel.close()]);
    expect(clock.pending).toBe(0);
    await expect(channel.connect()).rejects.toMatchObject({ code: 'server/unreachable' });
    expect(stage().kernel.handshakes).toHaveLength(1);
  });
});
