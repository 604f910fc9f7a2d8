/** The channel against a real websocket server: framing, sending once, and who gets which message. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Heard,
  run,
  typesOf,
  until,
  useChannelStage,
} from '../../test/fakes/channel-stage.ts';
import type { FakeKernel } from '../../test/fakes/fake-kernel-socket.ts';
import type { KernelMessage } from './contract.ts';

const stage = useChannelStage();
const whole = ['status', 'execute_input', 'stream', 'status'];
const printing = (message: KernelMessage, from: FakeKernel): void =>
  from.run(message, [['stream', { name: 'stdout', text: 'a' }]]);

describe('framing', () => {
  test.each([
    [true, 'v1'],
    [true, 'json'],
    [true, 'binary'],
    [false, 'json'],
    [false, 'binary'],
    [false, 'v1'],
  ] as const)('C5, C6, C18: subprotocol answered: %s, frames: %s', async (subprotocol, framing) => {
    stage().kernel.subprotocol = subprotocol;
    stage().kernel.framing = framing;
    stage().kernel.onExecute = printing;
    const channel = await stage().connected();
    expect((await channel.ready(5000)).implementation).toBe('fake');
    const { execution, messages } = run(channel, 'print("ü")');
    expect(await execution.finished).toMatchObject({ status: 'ok', executionCount: 1 });
    expect(typesOf(messages)).toEqual(whole);
    expect(stage().request().content).toEqual({
      code: 'print("ü")',
      silent: false,
      store_history: true,
      stop_on_error: true,
      allow_stdin: false,
      user_expressions: {},
    });
    expect(stage().request().header).toMatchObject({
      session: 'me',
      version: '5.3',
      msg_id: execution.msgId,
    });
  });

  test('C5: token in the header, session in the address, the prefix is kept', async () => {
    await stage().connected();
    const [handshake] = stage().kernel.handshakes;
    expect(handshake?.url).toBe(
      `/prefix/api/kernels/${stage().kernel.kernelId}/channels?session_id=me`,
    );
    expect(handshake?.headers.authorization).toMatch(/^token /);
    expect(handshake?.headers['sec-websocket-protocol']).toBe('v1.kernel.websocket.jupyter.org');
    expect(handshake?.headers['sec-websocket-extensions']).toBeUndefined();
  });

  test('C7, X21: what is received is answered with a pong', async () => {
    stage().kernel.onExecute = (message) => stage().kernel.begin(message);
    const channel = await stage().connected();
    run(channel);
    await until(() => stage().kernel.pongs > 0);
    const before = stage().kernel.pongs;
    stage().kernel.publish('stream', { name: 'stdout', text: 'a' }, stage().request());
    await until(() => stage().kernel.pongs > before);
  });

  test('C7: a server that keeps nothing back until it is acknowledged gets no pong', async () => {
    stage().kernel.sendsAtOnce = true;
    stage().kernel.onExecute = printing;
    const channel = await stage().connected();
    await run(channel).execution.finished;
    // Whatever was sent before this has come there before it.
    expect(await channel.pingControl(5000)).toBe(true);
    expect(stage().kernel.pongs).toBe(0);
  });

  test('C10, X19: broken frames are events; the connection and the run go on', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.sendRaw('{');
      stage().kernel.sendRaw(Buffer.from([1, 2, 3]));
      stage().kernel.sendRaw(
        Buffer.from('{"channel":"iopub","header":{"msg_id":"\xff","msg_type":1}}', 'latin1'),
      );
      stage().kernel.reply(message);
      stage().kernel.idle(message);
    };
    const channel = await stage().connected();
    await run(channel).execution.finished;
    expect(stage().eventTypes()).toEqual(['connected', 'malformed', 'malformed', 'malformed']);
    expect(channel.connected).toBe(true);
  });

  test('X1: a listener that fails is an event and reaches no retry', async () => {
    stage().kernel.onExecute = printing;
    const channel = await stage().connected();
    const execution = channel.execute(
      { msgId: randomUUID(), code: '1' },
      {
        onMessage: () => {
          throw new Error('no picture');
        },
      },
    );
    await execution.finished;
    expect(stage().events.at(-1)).toMatchObject({ type: 'malformed', reason: /no picture/ });
    expect(stage().kernel.executeRequests).toHaveLength(1);
  });
});

describe('at most once', () => {
  test('C16: without a socket nothing is sent, now or later', async () => {
    stage().kernel.onExecute = printing;
    const channel = stage().open();
    expect(() => run(channel)).toThrow(expect.objectContaining({ code: 'server/unreachable' }));
    await channel.connect();
    await channel.ready(5000);
    await channel.close();
    expect(() => run(channel)).toThrow(expect.objectContaining({ code: 'server/unreachable' }));
    expect(stage().kernel.executeRequests).toEqual([]);
  });

  test('C16: after a loss the request is not sent again; the replay completes it', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.publish('stream', { name: 'stdout', text: '1' }, message);
      stage().kernel.drop();
    };
    const channel = await stage().connected();
    const { execution, messages } = run(channel);
    await until(() => stage().eventTypes().includes('disconnected'));
    expect(() => run(channel)).toThrow(expect.objectContaining({ code: 'server/unreachable' }));
    stage().kernel.publish('stream', { name: 'stdout', text: '2' }, stage().request());
    stage().kernel.reply(stage().request());
    stage().kernel.idle(stage().request());
    await execution.finished;
    expect(messages.flatMap(({ content }) => content['text'] ?? [])).toEqual(['1', '2']);
    expect(stage().kernel.executeRequests).toHaveLength(1);
    expect(stage().kernel.handshakes).toHaveLength(2);
    expect(stage().eventTypes()).toEqual(['connected', 'disconnected', 'connected']);
  });

  test('C13: what is replayed twice is delivered once', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      for (const text of ['1', '2', '3'])
        stage().kernel.publish('stream', { name: 'stdout', text }, message);
    };
    stage().kernel.repeats = 3;
    const channel = await stage().connected();
    const { execution, messages } = run(channel);
    await until(() => messages.length === 5);
    stage().kernel.drop();
    await until(() => !stage().kernel.connected);
    stage().kernel.publish('stream', { name: 'stdout', text: '4' }, stage().request());
    stage().kernel.reply(stage().request());
    stage().kernel.idle(stage().request());
    await execution.finished;
    expect(messages.flatMap(({ content }) => content['text'] ?? [])).toEqual(['1', '2', '3', '4']);
  });

  test('the same request cannot be given twice', async () => {
    stage().kernel.onExecute = (message) => stage().kernel.begin(message);
    const channel = await stage().connected();
    const { execution } = run(channel);
    const again = (): unknown =>
      channel.execute({ msgId: execution.msgId, code: '1' }, { onMessage: () => undefined });
    expect(again).toThrow(expect.objectContaining({ code: 'internal' }));
    await execution.started;
    expect(stage().kernel.executeRequests).toHaveLength(1);
  });

  test.each([
    ['code', 'x'.repeat(8 * 2 ** 20 + 1)],
    ['code of few characters but many bytes', '🧪'.repeat(3 * 2 ** 20)],
    ['code that grows in quoting', '\u0001'.repeat(3 * 2 ** 20)],
  ])('C8: too much %s is refused before anything is sent', async (_name, code) => {
    const channel = await stage().connected();
    expect(() => run(channel, code)).toThrow(expect.objectContaining({ code: 'input/too-large' }));
    await channel.ready(5000);
    expect(stage().kernel.executeRequests).toEqual([]);
  });
});

describe('routing', () => {
  test('X7: outputs go to their own request, late ones stay with theirs', async () => {
    stage().kernel.onExecute = (message) => stage().kernel.begin(message);
    const channel = await stage().connected();
    const first = run(channel);
    const second = run(channel);
    await until(() => stage().kernel.executeRequests.length === 2);
    const [one, two] = stage().kernel.executeRequests;
    if (one === undefined || two === undefined) throw new Error('two were sent');
    stage().kernel.publish('stream', { name: 'stdout', text: 'two' }, two);
    stage().kernel.idle(one);
    stage().kernel.publish('stream', { name: 'stdout', text: 'one' }, one);
    stage().kernel.reply(one);
    await first.execution.finished;
    stage().kernel.publish('stream', { name: 'stdout', text: 'late' }, one);
    stage().kernel.reply(two);
    stage().kernel.idle(two);
    await second.execution.finished;
    const texts = ({ messages }: Heard): unknown[] =>
      messages.flatMap(({ content }) => content['text'] ?? []);
    expect([texts(first), texts(second)]).toEqual([['one'], ['two']]);
    expect(stage().events).toContainEqual(
      expect.objectContaining({ type: 'late-output', parentId: first.execution.msgId }),
    );
  });

  test('a released request is listened to no more, and is not late output', async () => {
    stage().kernel.onExecute = (message) => stage().kernel.begin(message);
    const channel = await stage().connected();
    const { execution, messages } = run(channel);
    await until(() => messages.length === 2);
    execution.release();
    stage().kernel.publish('stream', { name: 'stdout', text: 'a' }, stage().request());
    await channel.ready(5000);
    expect(messages).toHaveLength(2);
    expect(stage().eventTypes()).toEqual(['connected']);
  });

  test('R10: a request of an earlier process is adopted before connecting, and the replay completes it', async () => {
    stage().kernel.onExecute = (message) => {
      stage().kernel.begin(message);
      stage().kernel.drop();
    };
    const dying = await stage().connected();
    const { execution } = run(dying);
    await until(() => stage().eventTypes().includes('disconnected'));
    await dying.close();
    stage().kernel.publish('stream', { name: 'stdout', text: 'missed' }, stage().request());
    stage().kernel.reply(stage().request(), { status: 'ok', execution_count: 9 });
    stage().kernel.idle(stage().request());

    const heir = stage().open();
    const messages: KernelMessage[] = [];
    const adopted = heir.adopt(execution.msgId, { onMessage: (message) => messages.push(message) });
    await heir.connect();
    expect(await adopted.finished).toMatchObject({ executionCount: 9 });
    expect(typesOf(messages)).toEqual(['stream', 'status']);
    expect(stage().kernel.executeRequests).toHaveLength(1);
  });

  test('C24: broadcasts without parent are read before filtering', async () => {
    const channel = await stage().connected();
    await channel.ready(5000);
    for (const state of ['restarting', 'autorestarting', 'dead', 'starting'])
      stage().kernel.broadcast(state);
    stage().kernel.sendRaw('{');
    await until(() => stage().eventTypes().includes('malformed'));
    expect(
      stage().events.flatMap((event) => (event.type === 'kernel-status' ? event.state : [])),
    ).toEqual(['restarting', 'autorestarting', 'dead']);
    expect(channel.process).toBe(stage().kernel.process);
    expect(stage().eventTypes()).not.toContain('process-changed');
  });

  test('C23, X32: another stamp is another process, told before its first message', async () => {
    stage().kernel.onExecute = printing;
    const channel = await stage().connected({ lastProcess: 'before' });
    const { execution } = run(channel);
    await execution.finished;
    const [, second] = stage().events;
    expect(second).toMatchObject({
      type: 'process-changed',
      from: 'before',
      to: stage().kernel.process,
    });
    expect(channel.process).toBe(stage().kernel.process);
  });

  test('C23: after a reconnect the process is asked for its stamp by itself', async () => {
    const channel = await stage().connected();
    await channel.ready(5000);
    const before = stage().kernel.process;
    stage().kernel.drop();
    stage().kernel.process = 'after';
    await until(() => stage().eventTypes().includes('process-changed'));
    expect(stage().events.at(-1)).toMatchObject({ from: before, to: 'after' });
  });

  test("C11: another client's code is told with its text", async () => {
    const channel = await stage().connected();
    const header = { msg_id: 'f', msg_type: 'execute_request', session: 'other' };
    const foreign = { header };
    stage().kernel.publish('status', { execution_state: 'busy' }, foreign);
    stage().kernel.publish('execute_input', { code: 'sleep()' }, foreign);
    stage().kernel.publish('stream', { name: 'stdout', text: 'theirs' }, foreign);
    await until(() => stage().events.length === 3);
    expect(channel.foreignBusy).toBe(true);
    stage().kernel.publish('status', { execution_state: 'idle' }, foreign);
    await until(() => !channel.foreignBusy);
    expect(stage().events.slice(1)).toEqual([
      { type: 'foreign', state: 'busy' },
      { type: 'foreign', state: 'busy', code: 'sleep()' },
      { type: 'foreign', state: 'idle' },
    ]);
  });

  test('X12: a kernel that was busy before we came is busy for another client, until ours begins', async () => {
    stage().kernel.executionState = 'busy';
    stage().kernel.otherClients = 2;
    stage().kernel.onExecute = printing;
    const channel = await stage().connected();
    expect(stage().events).toEqual([
      expect.objectContaining({ type: 'connected', otherClients: 2 }),
      { type: 'foreign', state: 'busy' },
    ]);
    await run(channel).execution.finished;
    expect(channel.foreignBusy).toBe(false);
  });

  test('X12: a released request whose answers are lost is forgotten with the answers to a later one', async () => {
    let executed = 0;
    stage().kernel.onExecute = (message, from) => {
      executed += 1;
      if (executed > 1) printing(message, from);
    };
    const channel = await stage().connected();
    run(channel).execution.release();
    await run(channel).execution.finished;
    stage().kernel.executionState = 'busy';
    stage().kernel.drop();
    await until(
      () =>
        stage()
          .eventTypes()
          .filter((type) => type === 'connected').length === 2,
    );
    expect(channel.foreignBusy).toBe(true);
  });

  test('X12: a kernel that only the server calls busy is free as soon as it answers on shell', async () => {
    stage().kernel.executionState = 'busy';
    const channel = await stage().connected();
    expect(channel.foreignBusy).toBe(true);
    await expect.poll(() => stage().kernel.answerShell()).toBe(1);
    await expect.poll(() => channel.foreignBusy).toBe(false);
    expect(stage().events).toContainEqual({ type: 'foreign', state: 'idle' });
  });
});
