/** The wire client on real servers and kernels, in both framings: what an ordinary day needs. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { outputsOf, textOf, until, useLab } from '../rigs/jupyter-lab.ts';
import { isWhole } from '../rigs/variables.ts';

describe.each(['v1', 'legacy'] as const)('framing %s', (framing) => {
  const lab = useLab({ framing });

  test('C6, C15: a fresh kernel is ready and computes', async () => {
    const { run, channel } = await lab().kernel();
    const info = await channel.ready(10_000);
    expect(info.implementation).toBe('ipython');
    expect(info.languageInfo).toMatchObject({ name: 'python' });
    const { reply, messages } = await run('1+1');
    expect(reply).toEqual({ status: 'ok', executionCount: 1, payload: [] });
    expect(messages.map(({ header }) => header.msg_type)).toEqual([
      'status',
      'execute_input',
      'execute_result',
      'status',
    ]);
    expect(messages[2]?.content['data']).toEqual({ 'text/plain': '2' });
  });

  test('streams stay apart, errors keep what was printed before', async () => {
    const { run } = await lab().kernel();
    const { reply, messages } = await run(
      'import sys\nprint("grüße 🧪", flush=True)\nprint("oh", file=sys.stderr, flush=True)\n1/0',
    );
    expect([textOf(messages), textOf(messages, 'stderr')]).toEqual(['grüße 🧪\n', 'oh\n']);
    // A kernel may send a line in two pieces.
    const kinds = outputsOf(messages).filter((kind, at, all) => kind !== all[at - 1]);
    expect(kinds).toEqual(['stream', 'error']);
    expect(reply).toMatchObject({
      status: 'error',
      error: { name: 'ZeroDivisionError', value: 'division by zero' },
    });
    expect(reply.error?.traceback.join('\n')).toContain('Traceback (most recent call last)');
  });

  test('displays, their updates, clearing, payloads', async () => {
    const { run } = await lab().kernel();
    const { reply, messages } = await run(
      [
        'from IPython.display import display, clear_output, HTML',
        'h = display("a", display_id="x")',
        'h.update("b")',
        'clear_output(wait=True)',
        'display(HTML("<b>c</b>"))',
        'len?',
      ].join('\n'),
    );
    expect(outputsOf(messages)).toEqual([
      'display_data',
      'update_display_data',
      'clear_output',
      'display_data',
    ]);
    expect(messages.find(({ header }) => header.msg_type === 'clear_output')?.content).toEqual({
      wait: true,
    });
    expect(reply.payload).toMatchObject([{ source: 'page' }]);
  });

  test('binary buffers arrive as they were sent', async () => {
    const { run } = await lab().kernel();
    const { messages } = await run(
      'from comm import create_comm\nc = create_comm(target_name="t", data={"a": 1}, buffers=[bytes(range(256)), b""])',
    );
    const comm = messages.find(({ header }) => header.msg_type === 'comm_open');
    expect(comm?.content).toMatchObject({ target_name: 't', data: { a: 1 } });
    expect(comm?.buffers.map((buffer) => [...buffer])).toEqual([
      Array.from({ length: 256 }, (_, n) => n),
      [],
    ]);
  });

  test('C27: input is refused by default, and answered when asked for', async () => {
    const { run, begin, channel } = await lab().kernel();
    expect((await run('input()')).reply.error?.name).toBe('StdinNotImplementedError');
    const asked: unknown[] = [];
    const { execution, messages } = begin(
      'import getpass\nprint(input("Name: "), getpass.getpass("Secret: "))',
      {
        onInputRequest: (request) => asked.push(request),
      },
    );
    await until(() => asked.length === 1);
    channel.sendInput(execution.msgId, 'Ada');
    await until(() => asked.length === 2);
    channel.sendInput(execution.msgId, 'secret');
    await execution.finished;
    expect(asked).toEqual([
      { prompt: 'Name: ', password: false },
      { prompt: 'Secret: ', password: true },
    ]);
    expect(messages.length).toBeGreaterThan(0);
  });

  test('10 MB in one print arrive whole', async () => {
    const { run } = await lab().kernel();
    const { messages } = await run('print("x" * 10_000_000)');
    expect(textOf(messages)).toHaveLength(10_000_001);
  });
});

describe('busy, interrupted and crowded kernels', () => {
  const lab = useLab();

  test('C15, X5: a busy kernel is ready, and its own code goes on', async () => {
    const { begin, channel, kernelId } = await lab().kernel();
    const { execution } = begin('import time\nfor i in range(600): time.sleep(0.05)');
    await execution.started;
    const other = await lab().attach(kernelId);
    expect((await other.channel.ready(10_000)).implementation).toBe('ipython');
    expect(await channel.pingControl(5000)).toBe(true);
    await lab().server.interruptKernel(kernelId);
    expect((await execution.finished).error?.name).toBe('KeyboardInterrupt');
  });

  test('C26: an interrupt by message on the control channel is answered', async () => {
    const { channel, events, run } = await lab().kernel();
    channel.interruptByMessage();
    expect(await channel.pingControl(5000)).toBe(true);
    expect((await run('1')).reply.status).toBe('ok');
    expect(events.filter(({ type }) => type === 'malformed')).toEqual([]);
  });

  test('C17: requests queued in the kernel are aborted by an interrupt', async () => {
    const { begin, kernelId } = await lab().kernel();
    const running = begin('import time\ntime.sleep(60)');
    await running.execution.started;
    const queued = begin('print("never")');
    await lab().server.interruptKernel(kernelId);
    expect((await running.execution.finished).status).toBe('error');
    expect((await queued.execution.finished).status).toBe('aborted');
    expect(textOf(queued.messages)).toBe('');
  });

  test('C19, X9: what a thread prints after the end stays with its run', async () => {
    const { begin, run, events } = await lab().kernel();
    const { execution } = begin(
      'import threading, time\ndef late():\n  time.sleep(0.3); print("late", flush=True)\nthreading.Thread(target=late).start()',
    );
    await execution.finished;
    await until(() => events.some(({ type }) => type === 'late-output'));
    const late = events.flatMap((event) => (event.type === 'late-output' ? [event] : []));
    expect(textOf(late.map(({ message }) => message))).toBe('late\n');
    expect(new Set(late.map(({ parentId }) => parentId))).toEqual(new Set([execution.msgId]));
    expect(textOf((await run('print("mine")')).messages)).toBe('mine\n');
  });

  test("X12: another client's code is known with its text", async () => {
    const { kernelId, channel, events, run } = await lab().kernel();
    const other = await lab().attach(kernelId);
    await other.channel.ready(10_000);
    const theirs = other.begin('import time\ntime.sleep(60)');
    await until(() => events.some((event) => event.type === 'foreign' && event.code !== undefined));
    expect(channel.foreignBusy).toBe(true);
    await lab().server.interruptKernel(kernelId);
    await theirs.execution.finished;
    await until(() => !channel.foreignBusy);
    expect((await run('1')).reply.status).toBe('ok');
  });

  test('X12: code of another client that began before we came is noticed', async () => {
    const { kernelId, begin } = await lab().kernel();
    const { execution } = begin('import time\ntime.sleep(60)');
    await execution.started;
    // The server learns of it a little later than we do.
    await vi.waitFor(async () => {
      expect((await lab().server.kernel(kernelId))?.executionState).toBe('busy');
    });
    const late = await lab().attach(kernelId);
    expect(late.channel.foreignBusy).toBe(true);
    await lab().server.interruptKernel(kernelId);
    await until(() => !late.channel.foreignBusy);
  });

  test('usage tells pid and memory', async () => {
    const { channel, run } = await lab().kernel();
    const { messages } = await run('import os; print(os.getpid())');
    const usage = await channel.usage(10_000);
    expect(usage?.pid).toBe(Number(textOf(messages)));
    expect(usage?.memoryBytes).toBeGreaterThan(1_000_000);
  });

  test('C8: 12 MB of code are refused, 5 MB of data in code run', async () => {
    const { run, channel } = await lab().kernel();
    const refused = (): unknown =>
      channel.execute(
        { msgId: randomUUID(), code: `x = "${'a'.repeat(12_000_000)}"` },
        { onMessage: () => undefined },
      );
    expect(refused).toThrow(expect.objectContaining({ code: 'input/too-large' }));
    const { messages } = await run(`x = "${'ä'.repeat(2_500_000)}"; print(len(x))`);
    expect(textOf(messages)).toBe('2500000\n');
  });

  test('silent code leaves no trace in the counter', async () => {
    const { run } = await lab().kernel();
    await run('x = 1');
    expect((await run('x', { silent: true, storeHistory: false })).reply.executionCount).toBe(1);
    expect((await run('x')).reply.executionCount).toBe(2);
  });

  test('F15, acceptance 10: short runs one after the other lose nothing, nor does the first run of any kernel', async () => {
    const { run } = await lab().kernel();
    for (let n = 0; n < (isWhole ? 5000 : 200); n += 1) {
      const { messages, reply } = await run(`print(${n})`);
      expect(textOf(messages)).toBe(`${n}\n`);
      expect(reply.outputLost).toBeUndefined();
    }
    // Every test of this file starts one.
    for (const wanted = isWhole ? 500 : 0; lab().freshKernels < wanted;) {
      await lab().tidy();
      await lab().kernel();
    }
  }, 3_600_000);
});
