/** restore_notebook, and the restore of start_notebook and restart_kernel, through MCP on a real Jupyter. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let app: App;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp();
}, 240_000);
afterAll(() => world.end());

const clientOf = async (): Promise<Client> =>
  (await connect('modern', { tools, services: async () => app.services })).client;

interface Source {
  readonly source: string;
  readonly type?: 'code' | 'markdown';
  readonly tags?: readonly string[];
}

/** Writes a notebook that never ran. @returns its path, relative to the project */
function writeNotebook(name: string, cells: readonly (Source | string)[]): string {
  const file = `${name}.ipynb`;
  const document = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } },
    cells: cells.map((cell, index) => {
      const { source, type = 'code', tags } = typeof cell === 'string' ? { source: cell } : cell;
      return {
        id: `cell-${index}`,
        cell_type: type,
        metadata: tags === undefined ? {} : { tags },
        source,
        ...(type === 'code' && { execution_count: null, outputs: [] }),
      };
    }),
  };
  writeFileSync(path.join(world.projectDir, file), JSON.stringify(document));
  return file;
}

const open = async (mcp: Client, name: string, cells: readonly (Source | string)[]) =>
  idOf(
    await call(mcp, 'start_notebook', { notebook_path: writeNotebook(name, cells) }),
    'session_id',
  );

const evaluate = async (mcp: Client, session_id: string, code: string): Promise<string> =>
  (await call(mcp, 'execute_scratch', { session_id, code })).text;

const onDisk = (name: string): string =>
  readFileSync(path.join(world.projectDir, `${name}.ipynb`), 'utf8');

it('D14: runs all code cells in order, but blank ones and those with the tag', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'all', [
    { source: '# Title', type: 'markdown' },
    'order = ["a"]',
    '  \n',
    { source: 'order.append("tagged")', tags: ['skip-restore'] },
    'order.append("b"); print("second")',
  ]);
  const restored = await call(mcp, 'restore_notebook', { session_id });
  expect(restored.meta).toMatchObject({ executed: 2, failed: 0, skipped: 2, to_come: 0 });
  expect(restored.text).toContain('Restore: 2 executed, 0 failed, 2 skipped.');
  expect(restored.text).toContain('cell 2 (id cell-2) · skipped: it is empty');
  expect(restored.text).toContain('cell 3 (id cell-3) · skipped: it has the tag skip-restore');
  expect(restored.text).toContain('Side effects of these cells');
  expect(await evaluate(mcp, session_id, 'order')).toContain("['a', 'b']");
  expect(onDisk('all')).toContain('second');
});

it('D14: stops at the first error with its whole message, and goes on from a cell', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'stops', [
    'seen = [0]',
    'seen.append(1)\nraise ValueError("x" * 3000 + "the end")',
    'seen.append(2)',
  ]);
  const stopped = await call(mcp, 'restore_notebook', { session_id });
  expect(stopped.meta).toMatchObject({ executed: 1, failed: 1, not_run: 1 });
  expect(stopped.text).toContain('xxxthe end');
  expect(stopped.text).toContain('nothing of this one was executed');
  expect(stopped.text).toContain('from_cell="cell-1"');
  expect(await evaluate(mcp, session_id, 'seen')).toContain('[0, 1]');
  await call(mcp, 'edit_cell', { session_id, cell: 1, source: 'seen.append("mended")' });
  const rest = await call(mcp, 'restore_notebook', { session_id, from_cell: 'cell-1' });
  expect(rest.meta).toMatchObject({ executed: 2, failed: 0 });
  expect(await evaluate(mcp, session_id, 'seen')).toContain("[0, 1, 'mended', 2]");
  const unknown = await callError(mcp, 'restore_notebook', { session_id, from_cell: 9 });
  expect(unknown).toContain('[cell/unknown]');
});

it('D14: goes on after errors when asked to, and sends no cell that the kernel drops', async () => {
  const mcp = await clientOf();
  const cells = Array.from({ length: 12 }, (_, index) =>
    index % 2 === 0 ? `raise KeyError(${index})` : `n = ${index}`,
  );
  const session_id = await open(mcp, 'continues', cells);
  const restored = await call(mcp, 'restore_notebook', { session_id, continue_on_error: true });
  expect(restored.meta).toMatchObject({ executed: 6, failed: 6, not_run: 0 });
  expect(restored.text).toContain('KeyError: 10');
  expect(await evaluate(mcp, session_id, 'n')).toContain('11');
});

it('X86: tells cell i/N as progress, and every cell is on disk before the next runs', async () => {
  const mcp = await clientOf();
  const file = path.join(world.projectDir, 'saved.ipynb');
  // Each cell reads its own notebook: the output of the one before has to be there.
  const look = (index: number): string =>
    `import time; assert "out-${index - 1}" in open(${JSON.stringify(file)}).read().replace("print(\\"out-${index - 1}\\")", "")\nprint("out-${index}")\ntime.sleep(1.1)`;
  const session_id = await open(mcp, 'saved', ['print("out-0")', look(1), look(2)]);
  const steps: { progress: number; total?: number | undefined; message?: string | undefined }[] =
    [];
  const result = await mcp.callTool(
    { name: 'restore_notebook', arguments: { session_id } },
    { timeout: 60_000, onprogress: (step) => void steps.push(step) },
  );
  expect(result._meta).toMatchObject({ executed: 3, failed: 0 });
  expect(steps.length).toBeGreaterThan(1);
  for (const { message, total, progress } of steps) {
    expect(message).toMatch(/^cell [123]\/3 · /);
    expect(total).toBe(3);
    expect(progress).toBeLessThanOrEqual(3);
  }
  expect(steps.at(-1)?.message).toContain('cell 3/3');
});

it('answers after its wait with handles; asking again joins and runs nothing twice', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'handles', [
    'import os, time\ncount = 0',
    'count += 1\nwhile not os.path.exists("go"): time.sleep(0.05)',
    'count += 1',
  ]);
  const started = await call(mcp, 'restore_notebook', { session_id, wait_s: 0.3 });
  expect(started.text).toContain('still under way');
  const last = /get_run\(run_id="(r-[^"]+)", wait_s/.exec(started.text)?.[1];
  const [again, other] = await Promise.all([
    call(mcp, 'restore_notebook', { session_id, wait_s: 0 }),
    call(mcp, 'restore_notebook', { session_id, wait_s: 0 }),
  ]);
  expect(again.text).toContain('queued nothing');
  expect(other.text).toContain('queued nothing');
  writeFileSync(path.join(world.projectDir, 'go'), '');
  const done = await call(mcp, 'get_run', { run_id: last, wait_s: 30 });
  expect(done.text).toContain('Restore: 3 executed, 0 failed.');
  expect(await evaluate(mcp, session_id, 'count')).toContain('2');
});

it('two restores at the same moment are one', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'one', [
    'try: times += 1\nexcept NameError: times = 1',
    'times',
  ]);
  const both = await Promise.all([
    call(mcp, 'restore_notebook', { session_id }),
    call(mcp, 'restore_notebook', { session_id }),
  ]);
  expect(both.filter(({ text }) => text.includes('queued nothing'))).toHaveLength(1);
  expect(await evaluate(mcp, session_id, 'times')).toContain('1');
});

it('X87, N7, acceptance 49: a cell that kills the kernel ends the restore with the honest class', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'killer', ['a = 1', 'import os; os._exit(1)', 'a = 2']);
  const restored = await call(mcp, 'restore_notebook', { session_id, continue_on_error: true });
  expect(restored.meta).toMatchObject({ executed: 1, failed: 1, not_run: 1 });
  expect(restored.text).toMatch(/cell 1 \(id cell-1\) · lost/);
  expect(restored.text).toContain('The cell did not finish');
});

it('D14, N7, acceptance 49: cancelling the call stops inside the cell and runs none of the rest', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'cancelled', [
    'import time\nreached = 0',
    'reached = 1\nopen("reached", "w").close()\nwhile True: time.sleep(0.05)',
    'reached = 2',
  ]);
  const stop = new AbortController();
  const outcome = mcp
    .callTool(
      { name: 'restore_notebook', arguments: { session_id, continue_on_error: true } },
      { signal: stop.signal },
    )
    .catch(() => 'cancelled');
  await expect.poll(() => evaluateFile('reached'), { timeout: 20_000 }).toBe('');
  stop.abort();
  expect(await outcome).toBe('cancelled');
  const { sessions } = app.services;
  const session = await sessions.get(session_id);
  await expect.poll(() => session.queue.runs.length, { timeout: 20_000 }).toBe(0);
  expect(session.restore?.cells.map(({ state }) => state)).toEqual([
    'ok',
    'interrupted',
    'cancelled',
  ]);
  expect(await evaluate(mcp, session_id, 'reached')).toContain('1');
});

function evaluateFile(name: string): string | undefined {
  try {
    return readFileSync(path.join(world.projectDir, name), 'utf8');
  } catch {
    return undefined;
  }
}

it('restart_kernel(restore) and start_notebook(restore) bring the variables back', async () => {
  const mcp = await clientOf();
  const notebook_path = writeNotebook('both', ['value = 41', 'value += 1']);
  const started = await call(mcp, 'start_notebook', { notebook_path, restore: true });
  expect(started.text).toContain('Restore: 2 executed, 0 failed.');
  expect(started.text).toContain('cells:');
  const session_id = idOf(started, 'session_id');
  expect(await evaluate(mcp, session_id, 'value')).toContain('42');
  const again = await call(mcp, 'start_notebook', { notebook_path, restore: true });
  expect(again.text).toContain('Nothing was restored');
  await evaluate(mcp, session_id, 'value = 0');
  const restarted = await call(mcp, 'restart_kernel', { session_id, restore: true });
  expect(restarted.text).toContain('The kernel was restarted');
  expect(restarted.text).toContain('Restore: 2 executed');
  expect(restarted.meta).toMatchObject({ generation: 2, executed: 2 });
  expect(restarted.text).not.toContain('process ended');
  expect(await evaluate(mcp, session_id, 'value')).toContain('42');
  const alone = await callError(mcp, 'restart_kernel', { session_id, continue_on_error: true });
  expect(alone).toContain('[input/invalid]');
});

it('restores a notebook of more cells than the queue takes single runs', async () => {
  const mcp = await clientOf();
  const session_id = await open(mcp, 'many', [
    'n = 0',
    ...Array.from({ length: 130 }, () => 'n += 1'),
  ]);
  const restored = await call(mcp, 'restore_notebook', { session_id, wait_s: 60 });
  expect(restored.meta).toMatchObject({ executed: 131, failed: 0 });
  expect(await evaluate(mcp, session_id, 'n')).toContain('130');
});
