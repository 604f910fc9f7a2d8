/** The order of runs and what becomes of each, with a kernel played by hand. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newRunId, newUuid } from '#core/ids.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import { FakeChannel, type SentRequest } from '../../test/fakes/fake-channel.ts';
import type { RunRecord } from './contract.ts';
import { interruptRun } from './interrupt.ts';
import { RunJournal } from './journal.ts';
import type { Outcome } from './outcome.ts';
import { RunQueue } from './run-queue.ts';
import type { QueueLink } from './run-sender.ts';
import { Run } from './run.ts';

let dir: string;
let channel: FakeChannel;
let queue: RunQueue;
let blocked: string | undefined;
let failsToEnd: boolean;
let recallSource: string | undefined;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-queue-'));
  channel = new FakeChannel();
  blocked = undefined;
  failsToEnd = false;
  recallSource = undefined;
  const link: QueueLink = {
    channel,
    isUsable: () => Promise.resolve(channel.connected),
    obstacle: undefined,
    touch: () => undefined,
  };
  queue = new RunQueue({
    clock: systemClock,
    log: silentLog,
    allowStdin: false,
    link: () => link,
    blocked: () => blocked,
    generation: () => 1,
    recallSource: () => Promise.resolve(recallSource),
    onMessage: (run, message) => void run.receive(message),
    onReply: () => undefined,
    onInputRequest: (run) => run.update({ state: 'waiting_input' }),
    onEnd: (run, outcome) => {
      if (failsToEnd) return Promise.reject(new Error('the disk is gone'));
      run.update({ ...endOf(outcome), endedMs: systemClock.now() });
      return Promise.resolve();
    },
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function endOf(outcome: Outcome): Partial<RunRecord> {
  if (outcome.kind === 'replied') return { state: outcome.reply.status };
  return { state: outcome.state, explanation: outcome.explanation };
}

function newRun(code: string, group?: string): Run {
  const record: RunRecord = {
    version: 1,
    id: newRunId('s-abcdefgh'),
    sessionId: 's-abcdefgh',
    msgId: newUuid(),
    code,
    insertedCell: false,
    storeHistory: true,
    generation: 1,
    owner: currentIdentity(),
    state: 'queued',
    createdMs: systemClock.now(),
    saved: false,
    ...(group !== undefined && { group }),
  };
  return new Run({
    record,
    files: new RunJournal(dir).open(record),
    clock: systemClock,
    maxOutputBytes: 1e6,
    cellIndex: () => undefined,
    queuePosition: () => 0,
  });
}

async function sent(index: number): Promise<SentRequest> {
  await expect.poll(() => channel.sent.length).toBeGreaterThan(index);
  const request = channel.sent[index];
  if (request === undefined) throw new Error('nothing was sent');
  return request;
}

const stored = (run: Run): unknown =>
  readFileSync(path.join(dir, 'runs', `${run.id}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
    .reduce((record, line) => Object.assign(record, line['run']), {});

it('C17: has one request in the kernel at a time, in the order of the calls', async () => {
  const [first, second] = [newRun('a'), newRun('b')];
  queue.add(first);
  queue.add(second);
  const one = await sent(0);
  expect(one.request.code).toBe('a');
  expect(channel.sent).toHaveLength(1);
  expect(queue.position(second)).toBe(1);
  one.begin();
  one.reply({});
  expect((await sent(1)).request.code).toBe('b');
  expect(first.state).toBe('ok');
});

it('C16: the record with the message id is on disk before the request is sent', async () => {
  const run = newRun('a');
  let onDisk: unknown;
  const execute = channel.execute.bind(channel);
  channel.execute = (request, handlers) => {
    onDisk = stored(run);
    return execute(request, handlers);
  };
  queue.add(run);
  const request = await sent(0);
  request.begin();
  request.reply({});
  expect(onDisk).toMatchObject({ state: 'sending', msgId: run.record.msgId, code: 'a' });
});

it('waits for a lost connection and for another client, and then sends once', async () => {
  channel.connected = false;
  const run = newRun('a');
  queue.add(run);
  await expect.poll(() => run.obstacle).toContain('reconnecting');
  channel.connected = true;
  channel.foreignBusy = true;
  await expect.poll(() => run.obstacle).toContain('another client');
  expect(channel.sent).toHaveLength(0);
  channel.foreignBusy = false;
  await sent(0);
  expect(channel.sent).toHaveLength(1);
});

it('sends nothing while the kernel is lost, and says so', async () => {
  blocked = 'The kernel is dead.';
  const run = newRun('a');
  queue.add(run);
  await run.whenFinal();
  expect(run.record).toMatchObject({
    state: 'not_started',
    explanation: expect.stringContaining('The kernel is dead.'),
  });
  expect(channel.sent).toHaveLength(0);
});

it('X2, X3: removing a queued run touches no other, and the removed one is never sent', async () => {
  const runs = [newRun('a'), newRun('b'), newRun('c')];
  for (const run of runs) queue.add(run);
  const [, second] = runs;
  if (second === undefined) throw new Error('no run');
  await sent(0);
  expect(queue.remove(second, 'removed')).toBe(true);
  expect(second.state).toBe('cancelled');
  (await sent(0)).reply({});
  (await sent(1)).reply({});
  await queue.whenIdle();
  expect(channel.sent.map(({ request }) => request.code)).toEqual(['a', 'c']);
});

it('the cells of one call stop at the first that fails; others go on', async () => {
  const [first, second, third] = [newRun('a', 'g'), newRun('b', 'g'), newRun('c')];
  for (const run of [first, second, third]) queue.add(run);
  (await sent(0)).reply({ status: 'error' });
  (await sent(1)).reply({});
  await queue.whenIdle();
  expect([first.state, second.state, third.state]).toEqual(['error', 'cancelled', 'ok']);
});

describe('C20: a request of which there is no news', () => {
  it('was not started when the counter stands where it stood', async () => {
    queue.add(newRun('before'));
    (await sent(0)).reply({ executionCount: 7 });
    const run = newRun('a');
    queue.add(run);
    await sent(1);
    void queue.settleGap(run);
    const probe = await sent(2);
    expect(probe.request).toMatchObject({ silent: true, code: '' });
    probe.reply({ executionCount: 7 });
    await run.whenFinal();
    expect(run.state).toBe('not_started');
  });

  it('is unknown when the counter went on or there was a sign of it', async () => {
    const run = newRun('a');
    queue.add(run);
    (await sent(0)).begin();
    void queue.settleGap(run);
    (await sent(1)).reply({ executionCount: 1 });
    await run.whenFinal();
    expect(run.state).toBe('output_unknown');
    expect(run.record.explanation).not.toMatch(/run it again|re-run/);
  });

  it('was interrupted when an interrupt came before its end, and the kernel is through with it', async () => {
    const run = newRun('a');
    queue.add(run);
    (await sent(0)).begin();
    void queue.settleGap(run, 'interrupt');
    (await sent(1)).reply({ executionCount: 1 });
    await run.whenFinal();
    expect(run.state).toBe('interrupted');
  });

  describe('and a Python kernel that tells how its last execution ended', () => {
    const told = (code: string, count: number, error: unknown = null): Record<string, string> => {
      const sha256 = createHash('sha256').update(code).digest('hex');
      return {
        'application/vnd.glovebox.execution+json': JSON.stringify({ count, sha256, error }),
      };
    };

    /** A run after another one that stood at 7, with a kernel that says `answer` of it. */
    async function missed(answer: Record<string, string>): Promise<Run> {
      recallSource = 'tell()';
      queue.add(newRun('before'));
      (await sent(0)).reply({ executionCount: 7 });
      const run = newRun('a');
      queue.add(run);
      (await sent(1)).begin();
      void queue.settleGap(run);
      const probe = await sent(2);
      expect(probe.request).toMatchObject({ silent: true, storeHistory: false });
      expect(probe.request.code).toContain('tell()');
      probe.display(answer);
      probe.reply({ executionCount: 8 });
      await run.whenFinal();
      return run;
    }

    it('is ok when that was ours', async () => {
      const run = await missed(told('a', 8));
      expect(run.state).toBe('ok');
      expect(run.notices.join()).toContain('may be missing');
    });

    it('is an error, which its cell shows, when that was ours and ended so', async () => {
      const error = { name: 'ValueError', value: 'no', traceback: ['ValueError: no'] };
      const run = await missed(told('a', 8, error));
      expect(run.state).toBe('error');
      expect(run.view().outputs).toMatchObject([{ output_type: 'error', ename: 'ValueError' }]);
    });

    it.each([
      ['other code', told('b', 8)],
      ['the same code, run once more by somebody else', told('a', 9)],
      ['nothing that can be read', { 'application/vnd.glovebox.execution+json': '{' }],
    ])('is unknown when that was %s', async (_what, answer) => {
      expect((await missed(answer)).state).toBe('output_unknown');
    });
  });

  it('asks again when the question was dropped with the run before it, and believes a reply that comes late', async () => {
    const run = newRun('a');
    queue.add(run);
    const real = await sent(0);
    void queue.settleGap(run);
    (await sent(1)).reply({ status: 'aborted' });
    await sent(2);
    real.reply({ status: 'error' });
    await run.whenFinal();
    expect(run.state).toBe('error');
  });
});

it('nothing is left when it is closed while code is held back', async () => {
  channel.connected = false;
  const held = newRun('a');
  queue.add(held);
  const waiting = newRun('b');
  queue.add(waiting);
  await expect.poll(() => held.obstacle).toBeDefined();
  queue.close('It was closed.');
  await queue.whenIdle();
  expect([held.state, waiting.state]).toEqual(['cancelled', 'cancelled']);
  expect(channel.sent).toEqual([]);
});

it('a loss ends the run in the kernel at once', async () => {
  const run = newRun('a');
  queue.add(run);
  (await sent(0)).output('half');
  queue.settleCurrent({ kind: 'settled', state: 'lost', loss: 'kernel_dead', explanation: 'dead' });
  await run.whenFinal();
  expect(run.view()).toMatchObject({ state: 'lost', outputs: [{ text: 'half' }] });
});

it('carries on a run of an earlier process without sending anything', async () => {
  const run = newRun('a');
  run.note({ state: 'sent' });
  queue.adopt(run, channel);
  expect(channel.adopted).toEqual([run.record.msgId]);
  const later = newRun('b');
  queue.add(later);
  const adopted = await sent(0);
  adopted.output('rest');
  adopted.reply({});
  await run.whenFinal();
  expect(run.view().outputs).toMatchObject([{ text: 'rest' }]);
  expect((await sent(1)).request.code).toBe('b');
});

it('refuses more than a hundred that wait', () => {
  for (let count = 0; count < 101; count += 1) queue.add(newRun(String(count)));
  expect(() => queue.add(newRun('too many'))).toThrow(/100 runs wait/);
});

describe('where what follows the end of a run fails every time', () => {
  it('the run has ended all the same, and the next one gets its turn', async () => {
    failsToEnd = true;
    const [first, second] = [newRun('a'), newRun('b')];
    queue.add(first);
    queue.add(second);
    const one = await sent(0);
    one.begin();
    one.reply({});
    const two = await sent(1);
    expect(first.view()).toMatchObject({
      state: 'output_unknown',
      explanation: expect.stringContaining('the disk is gone'),
    });
    two.begin();
    two.reply({});
    await queue.whenIdle();
    expect(second.state).toBe('output_unknown');
  });

  it('a run of an earlier process has ended, too', async () => {
    failsToEnd = true;
    const run = newRun('a');
    run.note({ state: 'running' });
    queue.adopt(run, channel);
    queue.settleCurrent({ kind: 'settled', state: 'lost', explanation: 'gone' });
    await queue.whenIdle();
    expect(run.state).toBe('output_unknown');
  });
});

it('C26: an interrupt whose run has ended behind the code of another client hits nothing else', async () => {
  const run = newRun('a');
  channel.foreignBusy = true;
  let interrupts = 0;
  const outcome = interruptRun({
    run,
    patient: true,
    clock: systemClock,
    link: { channel },
    server: { interruptKernel: () => Promise.resolve(void (interrupts += 1)) },
    kernelId: 'kernel',
    byMessage: false,
    inputs: { newest: 0, interrupted: () => undefined },
    askWhetherEnded: () => undefined,
    limitsMs: [1_000, 1_000],
  });
  // The next run is in the kernel by now.
  run.update({ state: 'ok', endedMs: systemClock.now() });
  channel.foreignBusy = false;
  expect(await outcome).toEqual({ kind: 'stopped' });
  expect(interrupts).toBe(0);
});
