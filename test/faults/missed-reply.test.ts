/** Connections that break in the very moment a cell ends: a Python kernel tells afterwards how it ended. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { call, idOf, type Answer } from '../mcp/call.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { Lane, type Program } from './lane.ts';
import { Moments } from './moments.ts';

const moments = new Moments();
let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start({
    ...moments.watcher,
    refused: () => undefined,
    held: () => undefined,
  });
}, 240_000);
afterAll(() => lane.end(), 60_000);

async function startProgram(): Promise<Program> {
  const program = await lane.program();
  onTestFinished(() => program.client.close().catch(() => undefined));
  return program;
}

/** Runs code whose reply is lost with its connection. */
async function missTheReply(
  program: Program,
  code: string,
): Promise<{ readonly done: Answer; readonly session_id: string; readonly file: string }> {
  const started = await call(program.client, 'start_new_notebook', { experiment_name: 'missed' });
  const session_id = idOf(started, 'session_id');
  await call(program.client, 'execute_code', { session_id, code: 'x = 1' });
  moments.reset();
  onTestFinished(moments.arm({ at: 'reply', nth: 1, side: 'before' }, () => lane.relay.cut()));
  const done = await call(program.client, 'execute_code', { session_id, code, wait_s: 60 });
  return { done, session_id, file: idOf(started, 'notebook_path') };
}

it('it ended well: the run is ok, with a word about what may be missing', async () => {
  const program = await startProgram();
  const { done, session_id } = await missTheReply(program, 'x += 1\nprint("x is", x)');
  expect(done.meta).toMatchObject({ state: 'ok' });
  expect(done.text).toContain('may be missing');
  const next = await call(program.client, 'execute_code', { session_id, code: 'print("now", x)' });
  expect(next.text).toContain('now 2');
});

it('it raised: the run is an error, and its cell shows which', async () => {
  const program = await startProgram();
  const { done, file } = await missTheReply(program, 'x += 1\nraise KeyError("gone")');
  expect(done.meta).toMatchObject({ state: 'error' });
  expect(done.text).toContain('KeyError');
  // On a busy machine the answer does not wait for the file.
  const outputs = async (): Promise<unknown> =>
    (await readNotebookFile(file)).find(({ id }) => id === idOf(done, 'cell_id'))?.outputs;
  await expect
    .poll(outputs, { timeout: 30_000 })
    .toContainEqual(expect.objectContaining({ output_type: 'error', ename: 'KeyError' }));
});

it('its program is killed with it: the next one is told by the kernel', async () => {
  const first = await startProgram();
  const started = await call(first.client, 'start_new_notebook', { experiment_name: 'killed' });
  const session_id = idOf(started, 'session_id');
  await call(first.client, 'execute_code', { session_id, code: 'x = 1' });
  const run = await call(first.client, 'execute_code', {
    session_id,
    code: 'import time\ntime.sleep(1)\nx += 1',
    wait_s: 0.1,
  });
  moments.reset();
  const killed = new Promise<void>((resolve) => {
    moments.arm({ at: 'reply', nth: 1, side: 'after' }, () => void first.kill().then(resolve));
  });
  await killed;
  const second = await startProgram();
  const done = await call(second.client, 'get_run', { run_id: idOf(run, 'run_id'), wait_s: 60 });
  expect(done.meta).toMatchObject({ state: 'ok' });
});
