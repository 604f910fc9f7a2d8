/** Two programs on one session: what one of them leaves when it is killed is seen to, although the session is the other's. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { call, idOf } from '../mcp/call.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { Lane, type Program } from './lane.ts';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
}, 240_000);
afterAll(() => lane.end(), 60_000);

async function startProgram(): Promise<Program> {
  const program = await lane.program();
  onTestFinished(() => program.client.close().catch(() => undefined));
  return program;
}

const CODE =
  'import time\nfor i in range(30):\n    print("line", i, flush=True)\n    time.sleep(0.05)\nx = "done"';

/** The first program has the session; the second is killed while its code is in the kernel. */
async function leaveRun(): Promise<{
  readonly owner: Program;
  readonly session_id: string;
  readonly run_id: string;
  readonly cellId: string;
  readonly file: string;
}> {
  const owner = await startProgram();
  const started = await call(owner.client, 'start_new_notebook', { experiment_name: 'two' });
  const session_id = idOf(started, 'session_id');
  const other = await startProgram();
  const run = await call(other.client, 'execute_code', { session_id, code: CODE, wait_s: 0.3 });
  expect(['sent', 'running']).toContain(run.meta['state']);
  await other.kill();
  return {
    owner,
    session_id,
    run_id: idOf(run, 'run_id'),
    cellId: idOf(run, 'cell_id'),
    file: idOf(started, 'notebook_path'),
  };
}

describe('a run of a program that is killed, in a session that another one holds', () => {
  it.each(['the one that holds it', 'a new one'])('is carried on by %s', async (who) => {
    // Before the run, which would end before a program has started on a busy machine.
    const newOne = who === 'a new one' ? await startProgram() : undefined;
    const { owner, session_id, run_id, cellId, file } = await leaveRun();
    const { client } = newOne ?? owner;
    const done = await call(client, 'get_run', { run_id, wait_s: 60 });
    expect(done.meta).toMatchObject({ state: 'ok' });
    expect(done.text).toContain('may be missing');
    const cell = (await readNotebookFile(file)).find(({ id }) => id === cellId);
    const printed = (cell?.outputs ?? [])
      .flatMap((output) => (output.output_type === 'stream' ? output.text.split('\n') : []))
      .filter((line) => line !== '');
    expect(new Set(printed).size, 'a line twice').toBe(printed.length);
    expect(printed).toContain('line 29');
    const next = await call(client, 'execute_code', { session_id, code: 'print("x is", x)' });
    expect(next.text).toContain('x is done');
  });

  it('has ended meanwhile: its end is called unknown, and nothing runs twice', async () => {
    const { owner, session_id, run_id } = await leaveRun();
    // Its turn comes when the other one is done.
    const next = await call(owner.client, 'execute_code', { session_id, code: 'x', wait_s: 60 });
    expect(next.text).toContain('done');
    const done = await call(owner.client, 'get_run', { run_id, wait_s: 60 });
    expect(done.meta).toMatchObject({ state: 'output_unknown' });
    expect(done.text).toContain('inspect the variables');
  });
});

it('a notebook that both start at the same moment has one session, and is begun once', async () => {
  const programs = [await startProgram(), await startProgram()];
  const file = path.join(lane.world.projectDir, 'both.ipynb');
  const source = 'hits = globals().get("hits", 0) + 1';
  const cell = { cell_type: 'code', id: 'a', metadata: {}, outputs: [], execution_count: null };
  const notebook = { cells: [{ ...cell, source }], metadata: {}, nbformat: 4, nbformat_minor: 5 };
  await writeFile(file, JSON.stringify(notebook));
  const request = { notebook_path: file, restore: true, wait_s: 60 };
  const started = await Promise.all(
    programs.map(({ client }) => call(client, 'start_notebook', request)),
  );
  const [one = '', other = ''] = started.map((answer) => idOf(answer, 'session_id'));
  expect(one).toBe(other);
  const fresh = started.filter(({ text }) => text.includes('Fresh kernel'));
  expect(fresh).toHaveLength(1);
  for (const { client } of programs) {
    const { text } = await call(client, 'list_sessions');
    expect(text.split('both.ipynb')).toHaveLength(2);
    const hits = await call(client, 'execute_code', {
      session_id: one,
      code: 'print("hits", hits)',
    });
    expect(hits.text).toContain('hits 1');
  }
});
