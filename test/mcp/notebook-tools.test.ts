/** The daily loop through the built bundle: a real client, a real Jupyter server, real kernels, both eras. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  prepareForKernels,
  startServer,
  unpackBundle,
  type Bundle,
  type BundledServer,
} from '../rigs/bundle.ts';
import { ERAS, type Era } from './harness.ts';

const PLOT = 'import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()';

const resultSchema = z.object({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
  _meta: z.looseObject({ run_id: z.string().optional() }).optional(),
});

interface Answer {
  readonly isError: boolean;
  readonly text: string;
  readonly types: readonly string[];
  readonly runId: string | undefined;
}

type CallOptions = Parameters<BundledServer['client']['callTool']>[1];

function callerOf({ client }: BundledServer) {
  return async (name: string, input: object, options?: CallOptions): Promise<Answer> => {
    const call = { name, arguments: { ...input } };
    const { isError, content, _meta } = resultSchema.parse(await client.callTool(call, options));
    return {
      isError: isError === true,
      text: content.map(({ text }) => text ?? '').join('\n'),
      types: content.map(({ type }) => type),
      runId: _meta?.run_id,
    };
  };
}

async function open(era: Era, bundle: Bundle = unpackBundle()) {
  const server = await startServer(bundle, { era, env: prepareForKernels(bundle) });
  return { bundle, server, call: callerOf(server) };
}

const within = { timeout: 30_000 };
const sessionIdIn = ({ text }: Answer): string =>
  /session_id: (s-\S+)/.exec(text)?.[1] ?? `none in ${text}`;
const pathIn = ({ text }: Answer): string =>
  /^notebook_path: (.+)$/m.exec(text)?.[1] ?? `none in ${text}`;

describe.each(ERAS)('notebook tools, %s era', (era) => {
  it('X63, X85: run code with state, text, an exception and a plot, and keep it all in the file', async () => {
    const { call } = await open(era);
    const started = await call('start_new_notebook', { experiment_name: 'daily loop' });
    const session = { session_id: sessionIdIn(started) };

    const first = await call('execute_code', {
      ...session,
      code: `answer = 6 * 7
get_ipython().events.register('post_execute', lambda: print('after the result'))
print("hello")
answer`,
    });
    expect(first).toMatchObject({
      isError: false,
      text: expect.stringMatching(/hello[\s\S]*42[\s\S]*after the result/),
    });
    // At once on an idle machine; where writing takes its time, a moment after the answer.
    const file = (): string => readFileSync(pathIn(started), 'utf8');
    // What comes behind the result is in the file too, and so is the count.
    await expect
      .poll(file, within)
      .toMatch(/"execution_count": 1,[\s\S]*hello[\s\S]*42[\s\S]*after the result/);

    const failing = await call('execute_code', { ...session, code: 'answer / 0' });
    expect(failing.isError).toBe(false);
    expect(failing.text).toContain('ZeroDivisionError');

    const plot = await call('execute_code', { ...session, code: PLOT });
    expect(plot.types).toContain('image');

    const markdown = await call('add_markdown', { ...session, markdown: '# What was seen' });
    expect(markdown.isError).toBe(false);
    const edited = await call('edit_cell', {
      ...session,
      cell: 1,
      find: '/ 0',
      replace: '/ 2',
      run: true,
    });
    expect(edited.text).toContain('21.0');

    for (const kept of ['hello', '21.0', 'image/png', '# What was seen'])
      await expect.poll(file, within).toContain(kept);
    expect(file()).not.toContain('ZeroDivisionError');
  });

  it('R2, X13, X14, X76, F16, acceptance 8: a wait that ends leaves the code running, in the file, and says how to go on; what is sent meanwhile has its own output', async () => {
    const { bundle, call } = await open(era);
    const started = await call('start_new_notebook', { experiment_name: 'wait' });
    const session = { session_id: sessionIdIn(started) };
    const go = path.join(bundle.folder, 'go');
    const code = `import os, time
print("begun", flush=True)
while not os.path.exists("${go}"):
    time.sleep(0.02)
print("finished")`;
    const waited = await call('execute_code', { ...session, code, wait_s: 0.5 });
    expect(waited.text).toContain('still running');
    expect(waited.text).toContain(`get_run(run_id="${waited.runId}"`);
    const file = (): string => readFileSync(pathIn(started), 'utf8');
    await expect.poll(file, within).toContain('"begun\\n"');
    expect(file()).not.toContain('"finished\\n"');
    const meanwhile = call('execute_code', { ...session, code: 'print("of the next")' });
    writeFileSync(go, '');
    expect((await meanwhile).text).toMatch(/of the next/);
    expect((await meanwhile).text).not.toMatch(/begun|finished/);
    const followed = await call('get_run', { run_id: waited.runId, wait_s: 30 });
    expect(followed.text).toMatch(/begun[\s\S]*finished/);
  });

  it('R4: progress arrives while code runs', async () => {
    const { call } = await open(era);
    const session = {
      session_id: sessionIdIn(await call('start_new_notebook', { experiment_name: 'progress' })),
    };
    const messages: string[] = [];
    const values: number[] = [];
    await call(
      'execute_code',
      {
        ...session,
        code: 'import time\nfor epoch in range(3):\n    print("epoch", epoch, flush=True)\n    time.sleep(0.7)',
      },
      {
        onprogress: ({ message = '', progress }) => {
          messages.push(message);
          values.push(progress);
        },
      },
    );
    expect(messages.join('\n')).toMatch(/epoch \d/);
    expect(values).toEqual([...new Set(values)].toSorted((a, b) => a - b));
  });

  it('R6, X24, X77: a cancelled call interrupts its code, and what it printed is kept', async () => {
    const { call } = await open(era);
    const started = await call('start_new_notebook', { experiment_name: 'cancel' });
    const session = { session_id: sessionIdIn(started) };
    const controller = new AbortController();
    const running = call(
      'execute_code',
      { ...session, code: 'import time\nprint("begun", flush=True)\nwhile True: time.sleep(0.05)' },
      {
        signal: controller.signal,
        onprogress: ({ message = '' }) => {
          if (message.includes('begun')) controller.abort('enough');
        },
      },
    );
    await expect(running).rejects.toThrow();
    const next = await call('execute_code', {
      ...session,
      code: 'print("free again")',
      wait_s: 30,
    });
    expect(next.text).toContain('free again');
    const file = (): string => readFileSync(pathIn(started), 'utf8');
    await expect.poll(file, within).toMatch(/"begun\\n"[\s\S]*KeyboardInterrupt/);
  });

  it('R9, X40, acceptance 6: the session outlives the server, and the next one finds its variables', async () => {
    const first = await open(era);
    const started = await first.call('start_new_notebook', { experiment_name: 'outlive' });
    const session = { session_id: sessionIdIn(started) };
    await first.call('execute_code', { ...session, code: 'kept = "still here"' });
    await first.server.client.close();
    expect(existsSync(pathIn(started))).toBe(true);

    const second = await open(era, first.bundle);
    expect((await second.call('list_sessions', {})).text).toContain(session.session_id);
    const after = await second.call('execute_code', { ...session, code: 'print(kept)' });
    expect(after.text).toContain('still here');
  });

  it('T1: failures carry a code and the next step', async () => {
    const { call } = await open(era);
    const answer = await call('execute_code', { session_id: 's-nosuch', code: '1' });
    expect(answer.isError).toBe(true);
    expect(answer.text).toMatch(/^\[session\/unknown\] .*\nNext: .+/s);
  });
});
