/** The notebook and sandbox tools through MCP on a real Jupyter, in this process: cells, queue, places, bad input. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { isAlive } from '../rigs/processes.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let app: App;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp();
}, 240_000);
afterAll(() => world.end());

const clientOf = async (services: App): Promise<Client> =>
  (await connect('modern', { tools, services: async () => services.services })).client;

interface Started {
  readonly session_id: string;
  readonly file: string;
}

async function newNotebook(mcp: Client, name: string): Promise<Started> {
  const started = await call(mcp, 'start_new_notebook', { experiment_name: name });
  return { session_id: idOf(started, 'session_id'), file: idOf(started, 'notebook_path') };
}

function sourcesIn(file: string): readonly string[] {
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const cells = isRecord(document) && Array.isArray(document['cells']) ? document['cells'] : [];
  return cells.map((cell: unknown) => (isRecord(cell) ? [cell['source']].flat().join('') : ''));
}

it('C26, X4, X16, X95, acceptance 11: interrupts a run, removes a queued one, and keeps the variables and what waits behind', async () => {
  const mcp = await clientOf(app);
  const { session_id } = await newNotebook(mcp, 'interrupt');
  await call(mcp, 'execute_code', { session_id, code: 'kept = 1' });
  const code = 'import time\nwhile True: time.sleep(0.05)';
  const started = await call(mcp, 'execute_code', { session_id, code, wait_s: 0.5 });
  const queued = await call(mcp, 'execute_code', { session_id, code: 'never = 1', wait_s: 0 });
  expect(queued.text).toContain('queued');
  const run_id = idOf(queued, 'run_id');
  const behind = { session_id, code: 'print("behind", kept)', wait_s: 0 };
  const later = idOf(await call(mcp, 'execute_code', behind), 'run_id');
  expect((await call(mcp, 'ping', { session_id })).text).toContain('kernel, asked itself: answers');
  const removed = await call(mcp, 'interrupt_kernel', { session_id, run_id });
  expect(removed.text).toContain('taken out of the queue');
  const stopped = await call(mcp, 'interrupt_kernel', { session_id });
  expect(stopped.meta).toMatchObject({ run_id: idOf(started, 'run_id'), state: 'interrupted' });
  expect(stopped.text).toContain('KeyboardInterrupt');
  const ran = await call(mcp, 'get_run', { run_id: later, wait_s: 40 });
  expect(ran.meta).toMatchObject({ state: 'ok' });
  expect(ran.text).toContain('behind 1');
  const after = '(kept, "never" in globals())';
  expect((await call(mcp, 'execute_code', { session_id, code: after })).text).toContain(
    '(1, False)',
  );
  expect((await call(mcp, 'interrupt_kernel', { session_id })).text).toContain(
    'Nothing is running',
  );
});

it('T4, X78, X79, N2, acceptance 46: edits, runs, moves and deletes cells by id, by index and from the end', async () => {
  const mcp = await clientOf(app);
  const { session_id, file } = await newNotebook(mcp, 'cells');
  await call(mcp, 'execute_code', { session_id, code: 'a = 1' });
  const title = await call(mcp, 'add_markdown', { session_id, markdown: '# Title', at: 0 });
  expect(title.meta).toMatchObject({ cell_index: 0 });
  const cell = idOf(title, 'cell_id');
  const edit = { session_id, cell: -1, find: '1', replace: '2', run: true };
  const edited = await call(mcp, 'edit_cell', edit);
  expect(edited.text).toContain('-a = 1');
  expect(edited.text).toContain('+a = 2');
  await call(mcp, 'edit_cell', { session_id, cell: -1, find: '2', replace: '3' });
  const value = await call(mcp, 'execute_scratch', { session_id, code: 'print("a is", a)' });
  expect(value.text).toContain('a is 2');
  await call(mcp, 'edit_cell', { session_id, cell: -1, find: '3', replace: '2' });
  await call(mcp, 'edit_cell', { session_id, cell, source: '# Better' });
  const moved = await call(mcp, 'move_cell', { session_id, cell, at: 'end' });
  expect(moved.text).toContain('from index 0 to 1');
  const ran = await call(mcp, 'run_cell', { session_id, cells: [0, 1] });
  expect(ran.text).toContain('skipped: it is markdown');
  expect(sourcesIn(file)).toEqual(['a = 2', '# Better']);
  await call(mcp, 'delete_cell', { session_id, cells: [1] });
  expect((await call(mcp, 'execute_scratch', { session_id, code: 'a' })).text).toContain('2');
  expect(sourcesIn(file)).toEqual(['a = 2']);
});

it('C19, X9: what a thread prints afterwards is in the cell it came from, and the next answer tells of it', async () => {
  const mcp = await clientOf(app);
  const { session_id, file } = await newNotebook(mcp, 'late');
  const gate = `${file}.gate`;
  const code = `import os, threading, time
def tell():
    while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
    print("from the thread", flush=True)
threading.Thread(target=tell).start()`;
  await call(mcp, 'execute_code', { session_id, code });
  writeFileSync(gate, '');
  const outputs = async (): Promise<string> =>
    JSON.stringify((await readNotebookFile(file)).map((cell) => cell.outputs));
  await expect.poll(outputs, { timeout: 30_000 }).toContain('from the thread');
  const next = await call(mcp, 'execute_code', { session_id, code: '"next"' });
  expect(next.text).toContain('late output of cell 0');
  expect(next.text).toContain('from the thread');
  const after = await call(mcp, 'execute_code', { session_id, code: '"after"' });
  expect(after.text).not.toContain('from the thread');
});

it('stops several cells at the first that fails and says what was not run', async () => {
  const mcp = await clientOf(app);
  const { session_id } = await newNotebook(mcp, 'several');
  for (const code of ['s = []', 's.append(1)', 'raise ValueError("stop here")', 's.append(2)']) {
    await call(mcp, 'execute_code', { session_id, code });
  }
  const ran = await call(mcp, 'run_cell', { session_id, cells: [0, 1, 2, 3] });
  expect(ran.text).toContain('stop here');
  expect(ran.text).toContain('nothing of this one was executed');
  expect((await call(mcp, 'execute_scratch', { session_id, code: 's' })).text).toContain('[1]');
});

it('X46: runs scratch code in a fresh kernel that is gone afterwards', async () => {
  const mcp = await clientOf(app);
  const code = 'import os; print("pid", os.getpid())';
  const first = await call(mcp, 'execute_scratch', { code });
  const pid = Number(/pid (\d+)/.exec(first.text)?.[1]);
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
});

it('a second process works in the same session at the same time', async () => {
  const mcp = await clientOf(app);
  const { session_id, file } = await newNotebook(mcp, 'second');
  await call(mcp, 'execute_code', { session_id, code: 'shared = "from the first"' });
  const second = await clientOf(await world.newApp());
  expect((await call(second, 'list_sessions')).text).toContain(session_id);
  const read = await call(second, 'execute_code', { session_id, code: 'shared' });
  expect(read.text).toContain('from the first');
  expect((await call(second, 'attach_to_session', { session_id })).text).toContain('Attached');
  await call(mcp, 'execute_code', { session_id, code: '"again"' });
  expect(sourcesIn(file)).toEqual(['shared = "from the first"', 'shared', '"again"']);
});

it('opens an existing notebook with a fresh kernel, again with its live session, and as a copy', async () => {
  const mcp = await clientOf(app);
  const file = path.join(world.projectDir, 'analysis.ipynb');
  const cell = {
    cell_type: 'code',
    metadata: {},
    execution_count: null,
    outputs: [],
    source: ['y = 5\n', 'y'],
  };
  writeFileSync(
    file,
    JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: {}, cells: [cell] }),
  );
  const opened = await call(mcp, 'start_notebook', { notebook_path: 'analysis.ipynb' });
  expect(opened.text).toContain('Fresh kernel');
  const session_id = idOf(opened, 'session_id');
  expect((await call(mcp, 'run_cell', { session_id, cell: 0 })).text).toContain('5');
  const again = await call(mcp, 'start_notebook', { notebook_path: file });
  expect(again.text).toContain('live session');
  expect(idOf(again, 'session_id')).toBe(session_id);
  const forked = await call(mcp, 'start_notebook', { notebook_path: file, fork: true });
  expect(idOf(forked, 'notebook_path')).toContain('analysis_continued');
});

it('C25, X38, X41: calls of one moment open one session of a notebook, and its restarts of one moment are one', async () => {
  const mcp = await clientOf(app);
  const notebook_path = path.join(world.projectDir, 'at-once.ipynb');
  writeFileSync(notebook_path, '{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[]}');
  const three = (tool: string, args: Record<string, unknown>) =>
    Promise.all([1, 2, 3].map(() => call(mcp, tool, args)));
  const opened = await three('start_notebook', { notebook_path });
  const [session_id = '', ...others] = new Set(opened.map((one) => idOf(one, 'session_id')));
  expect(others).toEqual([]);
  expect(opened.filter(({ text }) => text.includes('Fresh kernel'))).toHaveLength(1);
  const sandboxId = idOf(await call(mcp, 'attach_to_session', { session_id }), 'sandbox_id');
  const server = app.services.sessions.server(sandboxId);
  const before = (await server.listKernels()).length;
  const restarted = await three('restart_kernel', { session_id });
  expect(restarted.map(({ meta }) => meta['generation'])).toEqual([2, 2, 2]);
  expect((await server.listKernels()).length).toBe(before);
  expect((await call(mcp, 'execute_code', { session_id, code: '6 * 7' })).text).toContain('42');
});

it('X39: attaches to a kernel that somebody else started, and never deletes it', async () => {
  const mcp = await clientOf(app);
  const { session_id } = await newNotebook(mcp, 'own');
  const sandboxId = idOf(await call(mcp, 'attach_to_session', { session_id }), 'sandbox_id');
  const server = app.services.sessions.server(sandboxId);
  const { id: kernel_id } = await server.startKernel({ name: 'python3' });
  expect((await call(mcp, 'list_sessions')).text).toContain(`kernel ${kernel_id}`);
  const borrowed = await call(mcp, 'attach_to_session', { kernel_id });
  expect(borrowed.text).toContain('started by somebody else');
  const session = idOf(borrowed, 'session_id');
  expect((await call(mcp, 'execute_code', { session_id: session, code: '6 * 7' })).text).toContain(
    '42',
  );
  expect((await call(mcp, 'shutdown_session', { session_id: session })).text).toContain('Detached');
  expect(await server.kernel(kernel_id)).toBeDefined();
  await server.deleteKernel(kernel_id);
});

it('X45: a kernel that cannot be deleted is told, and its session is kept, with what runs in it', async () => {
  const mcp = await clientOf(app);
  const { session_id } = await newNotebook(mcp, 'kept');
  const { server, record } = await app.services.sessions.get(session_id);
  const failure = new GloveboxError('server/error', 'The server answered 500.');
  vi.spyOn(server, 'deleteSession').mockRejectedValueOnce(failure);
  const code = 'import time\ntime.sleep(2)\n6 * 7';
  const { meta } = await call(mcp, 'execute_code', { session_id, code, wait_s: 0.1 });
  expect(await callError(mcp, 'shutdown_session', { session_id })).toContain('answered 500');
  const run = await call(mcp, 'get_run', { run_id: meta['run_id'], wait_s: 40 });
  expect(run.meta).toMatchObject({ state: 'ok' });
  expect(run.text).toContain('42');
  const endless = { session_id, code: 'while True: time.sleep(0.05)', wait_s: 0.1 };
  const last = await call(mcp, 'execute_code', endless);
  await call(mcp, 'shutdown_session', { session_id });
  const end = await call(mcp, 'get_run', { run_id: last.meta['run_id'] });
  expect(end.meta?.['state']).toMatch(/^(lost|interrupted)$/);
  expect(await server.kernel(record.kernelId)).toBeUndefined();
});

it('C25: a restart whose server does not answer gives nothing up, and one that failed on the way leaves the kernel that is there', async () => {
  const mcp = await clientOf(app);
  const { session_id } = await newNotebook(mcp, 'unrestarted');
  const { server } = await app.services.sessions.get(session_id);
  const code = 'import time\ntime.sleep(3)\nkept = 6 * 7\nkept';
  const { meta } = await call(mcp, 'execute_code', { session_id, code, wait_s: 0.1 });
  const silence = new GloveboxError('server/unreachable', 'The server does not answer.');
  vi.spyOn(server, 'kernel').mockRejectedValueOnce(silence);
  expect(await callError(mcp, 'restart_kernel', { session_id })).toContain('does not answer');
  const run = await call(mcp, 'get_run', { run_id: meta['run_id'], wait_s: 30 });
  expect([run.meta['state'], run.text]).toEqual(['ok', expect.stringContaining('42')]);
  const failure = new GloveboxError('cancelled', 'The restart was given up.');
  vi.spyOn(server, 'restartKernel').mockRejectedValueOnce(failure);
  expect(await callError(mcp, 'restart_kernel', { session_id })).toContain('was given up');
  const after = await call(mcp, 'execute_code', { session_id, code: 'kept', wait_s: 30 });
  expect(after.text).toContain('42');
  expect((await call(mcp, 'restart_kernel', { session_id })).meta).toMatchObject({ generation: 2 });
});

it('T5: tells sandboxes, resources and the way to a kernel', async () => {
  const mcp = await clientOf(app);
  const { session_id, file } = await newNotebook(mcp, 'places');
  const status = await app.readStatus(new AbortController().signal);
  expect(status).toMatchObject({
    sandboxes: [{ backend: 'local', state: 'ready', host: expect.any(String) }],
    sessions: expect.arrayContaining([
      expect.objectContaining({ session_id, notebook_path: file, state: 'idle', generation: 1 }),
    ]),
  });
  const { server } = await app.services.sessions.get(session_id);
  const { headers } = await server.endpoint();
  const token = headers['Authorization']?.replace('token ', '') ?? 'none';
  expect(token).not.toBe('none');
  expect(JSON.stringify(status)).not.toContain(token);
  expect((await call(mcp, 'sandbox_options')).text).toContain('local:');
  const listed = await call(mcp, 'sandbox_list');
  const sandbox_id = /^(local-\S+) {2}ready/m.exec(listed.text)?.[1];
  expect(sandbox_id).toBeDefined();
  expect((await call(mcp, 'sandbox_list', { sandbox_id })).text).toContain(session_id);
  expect((await call(mcp, 'sandbox_wait', { sandbox_id })).text).toContain('ready');
  const same = await call(mcp, 'sandbox_create', { backend: 'local' });
  expect(same.meta).toMatchObject({ sandbox_id, state: 'ready' });
  const dry = await call(mcp, 'sandbox_create', { backend: 'local', dry_run: true });
  expect(dry.text).toContain('nothing was started');
  // P7: a line for each, and where to go on from there.
  const pair = { backend: 'local', name: 'pair', count: 2 };
  const quoted = await call(mcp, 'sandbox_create', { ...pair, dry_run: true });
  expect(quoted.text).toContain('names: pair-1, pair-2');
  const both = await call(mcp, 'sandbox_create', { ...pair, all_or_nothing: true, wait_s: 0 });
  expect(both.text).toMatch(/^pair-1 {2}local-pair-1-\w{12} {2}\w+.*\npair-2 {2}local-pair-2-/);
  expect(both.text).toContain('Next, for each: start_new_notebook(');
  expect(both.text).toContain('the failure of one ends the others');
  expect(both.meta).toMatchObject({ sandboxes: [{ backend: 'local' }, { backend: 'local' }] });
  expect((await call(mcp, 'check_resources')).text).toContain('memory:');
  expect((await call(mcp, 'check_resources', { sandbox_id })).text).toContain(world.projectDir);
  expect((await call(mcp, 'ping', { session_id })).text).toContain('kernel, asked itself: answers');
  expect((await call(mcp, 'ping')).text).toContain('jupyter server: answers');
});

describe('bad input', () => {
  it('T1, T2, X98: names what is wrong and the next step, and loses nothing', async () => {
    const mcp = await clientOf(app);
    const { session_id, file } = await newNotebook(mcp, 'bad input');
    await call(mcp, 'execute_code', { session_id, code: 'ok = 1' });
    const before = readFileSync(file, 'utf8');
    const kernel_id = '00000000-0000-0000-0000-000000000000';
    const cases: readonly (readonly [string, Record<string, unknown>, string, string])[] = [
      ['run_cell', { session_id, cell: 7 }, 'cell/unknown', '1 cell'],
      ['run_cell', { session_id, cell: 1.5 }, 'input/invalid', 'cell'],
      ['run_cell', { session_id }, 'input/invalid', 'cell'],
      ['edit_cell', { session_id, cell: 'nope', source: 'x' }, 'cell/unknown', 'nope'],
      ['edit_cell', { session_id, cell: 0, find: 'zzz', replace: 'y' }, 'cell/no-match', 'cell'],
      ['edit_cell', { session_id, cell: 0 }, 'input/invalid', 'source'],
      ['delete_cell', { session_id, cells: [0, 0] }, 'input/invalid', ''],
      ['delete_cell', { session_id, cells: [0, 5] }, 'cell/unknown', ''],
      ['move_cell', { session_id, cell: 0, at: 'sideways' }, 'input/invalid', 'sideways'],
      ['execute_code', { session_id, code: '   ' }, 'input/invalid', 'empty'],
      ['execute_code', { session_id, code: 'x', colour: 'red' }, 'input/invalid', 'colour'],
      ['execute_code', { session_id, code: 42 }, 'input/invalid', 'code'],
      ['execute_code', { session_id, code: 'x', wait_s: -1 }, 'input/invalid', 'wait_s'],
      ['execute_code', { session_id: 's-zzzzzzzz', code: 'x' }, 'session/unknown', session_id],
      ['execute_code', { code: 'x' }, 'input/invalid', 'session_id'],
      ['get_run', { run_id: 'r-zzzzzzzz-zzzzz' }, 'run/unknown', ''],
      ['get_run', { run_id: '../../etc/passwd' }, 'run/unknown', ''],
      ['start_notebook', { notebook_path: '/etc/passwd.ipynb' }, 'path/', ''],
      ['start_notebook', { notebook_path: '../../outside.ipynb' }, 'path/', ''],
      ['start_notebook', { notebook_path: 'missing.ipynb' }, 'path/not-found', ''],
      [
        'start_new_notebook',
        { experiment_name: 'x', kernel: 'cobol' },
        'kernel/spec-unknown',
        'python3',
      ],
      [
        'sandbox_create',
        { backend: 'local', options: { nonsense: 1 } },
        'config/invalid',
        'nonsense',
      ],
      ['sandbox_stop', { sandbox_id: 'nope' }, 'sandbox/unknown', ''],
      ['attach_to_session', {}, 'input/invalid', 'exactly one'],
      ['attach_to_session', { kernel_id }, 'kernel/unknown', ''],
    ];
    for (const [name, args, code, part] of cases) {
      const text = await callError(mcp, name, args);
      const which = `${name} ${JSON.stringify(args)}`;
      expect(text, which).toContain(`[${code}`);
      expect(text, which).toContain(part);
      expect(text, which).toContain('Next:');
    }
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect((await call(mcp, 'execute_scratch', { session_id, code: 'ok' })).text).toContain('1');
  });

  it('refuses a notebook that is none, and leaves it as it is', async () => {
    const mcp = await clientOf(app);
    const notebook_path = path.join(world.projectDir, 'broken.ipynb');
    writeFileSync(notebook_path, '{"cells": [');
    for (const tool of ['start_notebook', 'read_notebook']) {
      expect(await callError(mcp, tool, { notebook_path })).toContain('[notebook/invalid]');
    }
    expect(readFileSync(notebook_path, 'utf8')).toBe('{"cells": [');
  });

  it('X81: refuses a path that leaves the project through a link', async () => {
    const mcp = await clientOf(app);
    const outside = path.join(world.dir, 'secret');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'n.ipynb'), '{}');
    symlinkSync(outside, path.join(world.projectDir, 'link'));
    const text = await callError(mcp, 'read_notebook', { notebook_path: 'link/n.ipynb' });
    expect(text).toContain('[path/not-allowed]');
  });

  it('X68: never overwrites a notebook of the same name', async () => {
    const mcp = await clientOf(app);
    const first = await newNotebook(mcp, 'same name');
    const second = await newNotebook(mcp, 'same name');
    expect(second.file).not.toBe(first.file);
    expect(path.basename(second.file)).toContain('_2');
  });

  it('X20: refuses 11 MB of code with an answer, and the session goes on', async () => {
    const mcp = await clientOf(app);
    const { session_id } = await newNotebook(mcp, 'large');
    const code = `x = "${'a'.repeat(11 * 1024 * 1024)}"`;
    expect(await callError(mcp, 'execute_code', { session_id, code })).toContain(
      '[input/too-large]',
    );
    expect((await call(mcp, 'execute_code', { session_id, code: '"fine"' })).text).toContain(
      'fine',
    );
  });

  it('X27, F16, acceptance 11: input() fails at once with an explanation', async () => {
    const mcp = await clientOf(app);
    const { session_id } = await newNotebook(mcp, 'stdin');
    const answer = await call(mcp, 'execute_code', { session_id, code: 'input("name? ")' });
    expect(answer.text).toContain('StdinNotImplementedError');
    expect(answer.text).toContain('set the value in the code');
  });
});
