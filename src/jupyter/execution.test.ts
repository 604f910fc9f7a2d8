/** When one request counts as finished, and what its listener hears. */
import { describe, expect, test } from 'vitest';
import type { KernelMessage } from './contract.ts';
import { TrackedExecution } from './execution.ts';

const message = (
  channel: KernelMessage['channel'],
  msgType: string,
  content: KernelMessage['content'] = {},
): KernelMessage => ({
  channel,
  header: { msg_id: 'm', msg_type: msgType, session: 'k' },
  parentHeader: { msg_id: 'r', msg_type: 'execute_request', session: 's' },
  metadata: {},
  content,
  buffers: [],
});

const busy = message('iopub', 'status', { execution_state: 'busy' });
const idle = message('iopub', 'status', { execution_state: 'idle' });
const output = message('iopub', 'stream', { text: 'a' });
const reply = message('shell', 'execute_reply', { status: 'ok', execution_count: 3 });
const aborted = message('shell', 'execute_reply', { status: 'aborted' });

describe('C19, X15, X61: finished is reply and idle, in any order', () => {
  test.each([
    ['reply first', [busy, output, reply, idle], 4],
    ['idle first', [busy, idle, output, reply], 4],
    ['reply before everything', [reply, busy, output, idle], 4],
    ['repeated', [busy, idle, idle, output, reply, reply], 5],
    ['aborted without idle', [aborted], 1],
  ])('%s', async (_name, messages, finishedAfter) => {
    const heard: string[] = [];
    const tracked = new TrackedExecution('r', {
      onMessage: ({ header }) => heard.push(header.msg_type),
    });
    for (const [index, one] of messages.entries()) {
      tracked.accept(one);
      expect(tracked.finished).toBe(index + 1 >= finishedAfter);
    }
    expect((await tracked.execution.finished).outputLost).toBeUndefined();
    expect(heard).toEqual(
      messages.filter(({ channel }) => channel === 'iopub').map(({ header }) => header.msg_type),
    );
  });

  test.each([
    ['the reply before the idle', [busy, output, reply, reply, idle], [3]],
    ['the idle before the reply', [busy, idle, reply], []],
    ['nothing else to come', [aborted], []],
  ])('a listener hears that only broadcasts are left: %s', (_name, messages, expected) => {
    const counts: (number | null)[] = [];
    const tracked = new TrackedExecution('r', {
      onMessage: () => undefined,
      onReply: ({ executionCount }) => counts.push(executionCount),
    });
    for (const one of messages) tracked.accept(one);
    expect(counts).toEqual(expected);
  });

  test('the reply is read leniently', async () => {
    const tracked = new TrackedExecution('r', { onMessage: () => undefined });
    tracked.accept(busy);
    tracked.accept(idle);
    tracked.accept(
      message('shell', 'execute_reply', {
        status: 'error',
        ename: 'E',
        traceback: ['a', 7],
        payload: [{ source: 'page' }, 'no'],
      }),
    );
    expect(await tracked.execution.finished).toEqual({
      status: 'error',
      executionCount: null,
      payload: [{ source: 'page' }],
      error: { name: 'E', value: '', traceback: ['a', ''] },
    });
  });

  test('a lost idle ends it and says so', async () => {
    const tracked = new TrackedExecution('r', { onMessage: () => undefined });
    tracked.accept(busy);
    tracked.idleLost();
    expect(tracked.finished).toBe(false);
    tracked.accept(reply);
    tracked.idleLost();
    expect(await tracked.execution.finished).toEqual({
      status: 'ok',
      executionCount: 3,
      payload: [],
      outputLost: true,
    });
  });
});

test.each([
  ['a request whose begin was not heard says so', [output, reply, idle], false, true],
  ['one that was taken over says nothing of it', [output, reply, idle], true, undefined],
  ['one that never ran says nothing of it', [aborted], false, undefined],
] as const)('%s', async (_name, messages, isAdopted, beginLost) => {
  const tracked = new TrackedExecution('r', { onMessage: () => undefined }, isAdopted);
  for (const one of messages) tracked.accept(one);
  expect((await tracked.execution.finished).beginLost).toBe(beginLost);
});

test.each([busy, output, reply])('the first sign of it starts it', async (first) => {
  const tracked = new TrackedExecution('r', { onMessage: () => undefined });
  tracked.accept(first);
  await tracked.execution.started;
});

test('a released execution still knows when it is finished, but tells nobody', () => {
  const heard: string[] = [];
  const tracked = new TrackedExecution('r', {
    onMessage: ({ header }) => heard.push(header.msg_type),
  });
  tracked.execution.release();
  for (const one of [busy, output, reply, idle]) tracked.accept(one);
  expect(tracked.finished).toBe(true);
  expect(heard).toEqual([]);
});

test('X1: a listener that fails does not keep the execution from ending', () => {
  const tracked = new TrackedExecution('r', {
    onMessage: () => {
      throw new Error('bad picture');
    },
  });
  tracked.accept(reply);
  expect(() => tracked.accept(idle)).toThrow('bad picture');
  expect(tracked.finished).toBe(true);
});
