/** Real deaths during real work: what is told afterwards is true, nothing runs twice, nothing acknowledged is lost. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError, idOf, type Answer } from './call.ts';
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

async function newSession(
  mcp: Client,
  name: string,
): Promise<{ readonly session_id: string; readonly file: string; readonly pid: number }> {
  const started = await call(mcp, 'start_new_notebook', { experiment_name: name });
  const session_id = idOf(started, 'session_id');
  const answer = await call(mcp, 'execute_scratch', {
    session_id,
    code: 'import os; print("pid", os.getpid())',
  });
  return {
    session_id,
    file: idOf(started, 'notebook_path'),
    pid: Number(/pid (\d+)/.exec(answer.text)?.[1]),
  };
}

/** A cell that appends one line to a file each time it really runs, then waits for another file. */
function effectCell(name: string): {
  readonly code: string;
  readonly runs: () => number;
  open(): void;
} {
  const log = path.join(world.projectDir, `${name}.log`);
  const gate = path.join(world.projectDir, `${name}.gate`);
  const code = [
    'import os, time',
    `with open(${JSON.stringify(log)}, "a") as f: f.write("ran\\n")`,
    'print("begun", flush=True)',
    'n = 0',
    `while not os.path.exists(${JSON.stringify(gate)}):`,
    '    n += 1',
    '    if n % 10 == 0: print("tick", n, flush=True)',
    '    time.sleep(0.02)',
    'print("end")',
  ].join('\n');
  const runs = (): number =>
    existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
  return { code, runs, open: () => writeFileSync(gate, '') };
}

function outputText(file: string, index: number): string {
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const cells: unknown[] =
    isRecord(document) && Array.isArray(document['cells']) ? document['cells'] : [];
  const cell = cells[index];
  const outputs: unknown[] =
    isRecord(cell) && Array.isArray(cell['outputs']) ? cell['outputs'] : [];
  return outputs
    .map((output) => (isRecord(output) ? [output['text']].flat().join('') : ''))
    .join('');
}

const finished = (mcp: Client, started: Answer): Promise<Answer> =>
  call(mcp, 'get_run', { run_id: idOf(started, 'run_id'), wait_s: 40 });

describe('the kernel', () => {
  it('X28, F17, acceptance 9: killed in a cell: the run is lost at once, and the next one works in an empty kernel', async () => {
    const mcp = await clientOf(app);
    const { session_id, pid } = await newSession(mcp, 'killed in a cell');
    const effect = effectCell('killed');
    const started = await call(mcp, 'execute_code', { session_id, code: effect.code, wait_s: 1 });
    process.kill(pid, 'SIGKILL');
    const lost = await finished(mcp, started);
    expect(lost.meta).toMatchObject({ state: 'lost' });
    expect(lost.text).toContain('kernel_restarted');
    expect(lost.text).toContain('begun');
    expect(lost.text).not.toMatch(/run (it|the cell) again/i);
    expect(lost.text).toContain(`Next: run_cell(session_id="${session_id}"`);
    const next = await call(mcp, 'execute_code', { session_id, code: '"n" in globals()' });
    expect(next.text).toContain('False');
    expect(effect.runs()).toBe(1);
  });

  it('X29: killed while idle: the next answer begins with the news and has its real output', async () => {
    const mcp = await clientOf(app);
    const { session_id, pid } = await newSession(mcp, 'killed while idle');
    await call(mcp, 'execute_code', { session_id, code: 'lost_variable = 1' });
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => (await app.services.sessions.get(session_id)).record.generation, {
        timeout: 15_000,
      })
      .toBeGreaterThan(1);
    const next = await call(mcp, 'execute_code', {
      session_id,
      code: '"lost_variable" in globals()',
    });
    expect(next.text).toMatch(/^Note: The kernel process ended/);
    expect(next.text).toContain('False');
    expect(next.meta).toMatchObject({ state: 'ok' });
  });

  it('X32: restarted by another client: the next answer says so', async () => {
    const mcp = await clientOf(app);
    const { session_id } = await newSession(mcp, 'restarted elsewhere');
    const { record, server } = await app.services.sessions.get(session_id);
    await server.restartKernel(record.kernelId);
    const next = await call(mcp, 'execute_code', { session_id, code: '"still here"' });
    // The server may hear the new process a moment too late; then the answer says that output is missing.
    expect(next.text).toMatch(/still here|may be missing/);
    const after = await call(mcp, 'execute_scratch', { session_id, code: '1' });
    const { generation } = (await app.services.sessions.get(session_id)).record;
    expect(generation).toBeGreaterThan(1);
    expect(
      `${next.text}${after.text}${(await call(mcp, 'execute_code', { session_id, code: '2' })).text}`,
    ).toContain('new, empty one');
  });

  it('X44: deleted elsewhere: the run is lost within the check, restart_kernel brings a new one', async () => {
    const mcp = await clientOf(app);
    const { session_id } = await newSession(mcp, 'deleted');
    const { record, server } = await app.services.sessions.get(session_id);
    const effect = effectCell('deleted');
    const started = await call(mcp, 'execute_code', { session_id, code: effect.code, wait_s: 0.5 });
    await server.deleteKernel(record.kernelId);
    const lost = await finished(mcp, started);
    expect(lost.meta).toMatchObject({ state: 'lost' });
    const refused = await call(mcp, 'execute_code', { session_id, code: '1' });
    expect(refused.meta).toMatchObject({ state: 'not_started' });
    expect(refused.text).toContain('restart_kernel');
    const restarted = await call(mcp, 'restart_kernel', { session_id });
    expect(restarted.text).toContain('a new one was started');
    expect((await call(mcp, 'execute_code', { session_id, code: '40 + 2' })).text).toContain('42');
    expect(effect.runs()).toBe(1);
  });

  it('restarted by us in a cell: the run is lost, queued ones are cancelled, the session goes on', async () => {
    const mcp = await clientOf(app);
    const { session_id } = await newSession(mcp, 'restart');
    const effect = effectCell('restart');
    const started = await call(mcp, 'execute_code', { session_id, code: effect.code, wait_s: 0.5 });
    const queued = await call(mcp, 'execute_code', { session_id, code: 'q = 1', wait_s: 0 });
    const restarted = await call(mcp, 'restart_kernel', { session_id });
    expect(restarted.text).toContain(idOf(started, 'run_id'));
    expect((await finished(mcp, started)).meta).toMatchObject({ state: 'lost' });
    expect((await finished(mcp, queued)).meta).toMatchObject({ state: 'cancelled' });
    const next = await call(mcp, 'execute_code', { session_id, code: '"q" in globals()' });
    expect(next.text).toContain('False');
    expect(next.text).not.toContain('Note: The kernel process ended');
  });
});

describe('this program', () => {
  it('R10: gone in a run: the next process carries it on, and the notebook has every line once', async () => {
    const first = await world.newApp();
    const mcp = await clientOf(first);
    const { session_id, file } = await newSession(mcp, 'carried on');
    const effect = effectCell('carried');
    const started = await call(mcp, 'execute_code', { session_id, code: effect.code, wait_s: 1 });
    await first.close();
    const second = await world.newApp();
    const again = await clientOf(second);
    const attached = await call(again, 'get_run', { run_id: idOf(started, 'run_id') });
    expect(attached.text).toContain('still running');
    expect(attached.text).toContain('begun');
    effect.open();
    const done = await finished(again, started);
    expect(done.meta).toMatchObject({ state: 'ok' });
    await call(again, 'add_markdown', { session_id, markdown: 'after' });
    const text = outputText(file, 0);
    expect(text.match(/begun/g)).toHaveLength(1);
    expect(text.match(/end/g)).toHaveLength(1);
    const ticks = [...text.matchAll(/tick (\d+)/g)].map(([, count]) => Number(count));
    expect(ticks).toEqual(ticks.map((_, index) => (index + 1) * 10));
    expect(effect.runs()).toBe(1);
  });
});

describe('the Jupyter server', () => {
  it('X30: killed in a run: the answer says that it is gone, and a restart gives a new kernel for the same notebook', async () => {
    const own = createWorld();
    const ownApp = await own.newApp();
    try {
      const mcp = await clientOf(ownApp);
      const { session_id, pid } = await newSession(mcp, 'server gone');
      await call(mcp, 'execute_code', { session_id, code: 'x = 1' });
      const started = await call(mcp, 'execute_code', {
        session_id,
        code: 'import time\nprint("begun", flush=True)\ntime.sleep(600)',
        wait_s: 1,
      });
      process.kill(parentOf(pid), 'SIGKILL');
      const lost = await finished(mcp, started);
      expect(lost.meta).toMatchObject({ state: 'lost' });
      expect(lost.text).toContain('server_gone');
      expect(lost.text).toContain('begun');
      const refused = await call(mcp, 'execute_code', { session_id, code: 'x' });
      expect(refused.meta).toMatchObject({ state: 'not_started' });
      expect((await call(mcp, 'ping', { session_id })).text).toContain('ended');
      expect((await call(mcp, 'restart_kernel', { session_id })).text).toContain(
        'a new one was started',
      );
      const next = await call(mcp, 'execute_code', { session_id, code: '"x" in globals()' });
      expect(next.text).toContain('False');
    } finally {
      await own.end();
    }
  });

  it('stopped by us: sessions end, their notebooks are saved', async () => {
    const own = createWorld();
    const ownApp = await own.newApp();
    try {
      const mcp = await clientOf(ownApp);
      const { session_id, file } = await newSession(mcp, 'stopped');
      await call(mcp, 'execute_code', { session_id, code: 'print("kept")' });
      const sandbox_id = /^(local-\S+)/m.exec((await call(mcp, 'sandbox_list')).text)?.[1];
      const stopped = await call(mcp, 'sandbox_stop', { sandbox_id });
      expect(stopped.text).toContain(session_id);
      expect(outputText(file, 0)).toContain('kept');
      expect(await callError(mcp, 'execute_code', { session_id, code: '1' })).toContain(
        '[session/ended]',
      );
      expect((await call(mcp, 'read_notebook', { session_id, cells: [0] })).text).toContain('kept');
    } finally {
      await own.end();
    }
  });
});

/** The Jupyter server that started the kernel. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
