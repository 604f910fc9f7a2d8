/** Faults one at a time, each at the worst moment: what was answered is kept, and what is said is true. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { RunJournal } from '#session/journal.ts';
import { call, idOf, type Answer } from '../mcp/call.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { isMissing } from '../rigs/require.ts';
import { canMount, Lane, signal, type Program } from './lane.ts';

let lane: Lane;
beforeAll(async () => {
  lane = await Lane.start();
}, 240_000);
afterAll(() => lane.end(), 60_000);

async function startProgram(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const program = await lane.program(env);
  onTestFinished(() => program.client.close().catch(() => undefined));
  return program;
}

async function newSession(
  program: Program,
  name: string,
): Promise<{ readonly session_id: string; readonly file: string }> {
  const started = await call(program.client, 'start_new_notebook', { experiment_name: name });
  return { session_id: idOf(started, 'session_id'), file: idOf(started, 'notebook_path') };
}

const ended = (program: Program, started: Answer): Promise<Answer> =>
  call(program.client, 'get_run', { run_id: idOf(started, 'run_id'), wait_s: 60 });

async function printedIn(file: string, cellId: string): Promise<string> {
  const cell = (await readNotebookFile(file)).find(({ id }) => id === cellId);
  return (cell?.outputs ?? [])
    .map((output) => (output.output_type === 'stream' ? output.text : ''))
    .join('');
}

const linesTo = (count: number): string =>
  Array.from({ length: count }, (_, line) => `line ${line}\n`).join('');

const journalOf = (runId: string): string => path.join(lane.world.dir, 'runs', `${runId}.jsonl`);

const printing = (count: number, pauseS: number): string =>
  `import time\nfor i in range(${count}):\n    print("line", i, flush=True)\n    time.sleep(${pauseS})`;

describe('kill -9 of the program', () => {
  it('in a run of 10 s with steady output: the next one completes the notebook, every line once', async () => {
    const first = await startProgram();
    const { session_id, file } = await newSession(first, 'steady');
    const started = await call(first.client, 'execute_code', {
      session_id,
      code: printing(100, 0.1),
      wait_s: 3,
    });
    const journal = journalOf(idOf(started, 'run_id'));
    const size = statSync(journal).size;
    await expect.poll(() => statSync(journal).size, { interval: 2 }).toBeGreaterThan(size);
    await first.kill();
    await sleep(1000);
    const second = await startProgram();
    const done = await ended(second, started);
    expect(done.meta).toMatchObject({ state: 'ok', session_id });
    expect(done.text).toContain('Glovebox was restarted while it ran');
    await expect
      .poll(() => printedIn(file, idOf(started, 'cell_id')), { timeout: 10_000 })
      .toBe(linesTo(100));
    const again = await call(second.client, 'execute_code', { session_id, code: 'i' });
    expect(again.text).toContain('99');
  });

  it('between the answer and the save of a big notebook: cell and outputs are recovered', async () => {
    const first = await startProgram();
    const { session_id, file } = await newSession(first, 'big');
    await call(first.client, 'execute_code', {
      session_id,
      code: 'for _ in range(20000): print("x" * 100)',
    });
    await call(first.client, 'add_markdown', { session_id, markdown: 'saved' });
    const answer = await call(first.client, 'execute_code', {
      session_id,
      code: 'print("kept", 6 * 7)',
    });
    expect(answer.text).toContain('kept 42');
    await first.kill();
    const cellId = idOf(answer, 'cell_id');
    expect(await printedIn(file, cellId), 'it was saved before the kill').toBe('');
    const second = await startProgram();
    const read = await call(second.client, 'read_notebook', { session_id, cells: [2] });
    expect(read.text).toContain('kept 42');
    await expect.poll(() => printedIn(file, cellId), { timeout: 15_000 }).toBe('kept 42\n');
    expect((await readNotebookFile(file)).map(({ type }) => type)).toEqual([
      'code',
      'markdown',
      'code',
    ]);
  });

  it('between the record of a request and its sending: it was not started, and is never sent', async () => {
    const first = await startProgram();
    const { session_id } = await newSession(first, 'unsent');
    const model = await call(first.client, 'execute_code', { session_id, code: 'print("model")' });
    const modelId = idOf(model, 'run_id');
    await first.kill();
    const journal = new RunJournal(lane.world.dir);
    const record = await journal.read(modelId);
    const id = `${modelId.slice(0, -5)}unsnt`;
    const { executionCount: _count, endedMs: _ended, ...rest } = record;
    const effect = path.join(lane.world.projectDir, 'unsent.log');
    const files = journal.open({ id });
    files.save({
      ...rest,
      id,
      msgId: randomUUID(),
      code: `open(${JSON.stringify(effect)}, "w")`,
      cellId: 'unsent01',
      state: 'sending',
      createdMs: Date.now(),
      saved: false,
    });
    files.close();
    const second = await startProgram();
    const told = await call(second.client, 'get_run', { run_id: id, wait_s: 60 });
    expect(told.meta).toMatchObject({ state: 'not_started' });
    expect(told.text).toContain('nothing was executed');
    await call(second.client, 'execute_code', { session_id, code: '1' });
    expect(existsSync(effect)).toBe(false);
  });
});

describe('a Jupyter server that does not do its work', () => {
  it('stopped for 10 s: the session stays alive, is called unreachable, and heals', async () => {
    const program = await startProgram();
    const { session_id, file } = await newSession(program, 'stopped');
    const started = await call(program.client, 'execute_code', {
      session_id,
      code: printing(60, 0.05),
      wait_s: 0.5,
    });
    const pid = lane.serverPid;
    signal(pid, 'SIGSTOP');
    try {
      expect((await call(program.client, 'ping', { session_id })).text).toContain('unreachable');
      const waiting = await call(program.client, 'execute_code', {
        session_id,
        code: '"after"',
        wait_s: 1,
      });
      expect(['queued', 'sent', 'running', 'sending']).toContain(waiting.meta['state']);
      await sleep(8000);
      const still = await call(program.client, 'get_run', { run_id: idOf(started, 'run_id') });
      expect(['running', 'sent']).toContain(still.meta['state']);
    } finally {
      signal(pid, 'SIGCONT');
    }
    expect((await ended(program, started)).meta).toMatchObject({ state: 'ok' });
    expect(await printedIn(file, idOf(started, 'cell_id'))).toBe(linesTo(60));
  });

  it('somebody else answers in its place: nothing is called lost, and it heals', async () => {
    const program = await startProgram();
    const { session_id, file } = await newSession(program, 'wrong');
    const wrong = createServer((_request, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
    });
    wrong.listen(0, '127.0.0.1');
    await once(wrong, 'listening');
    onTestFinished(() => void wrong.close());
    const address = wrong.address();
    const started = await call(program.client, 'execute_code', {
      session_id,
      code: printing(60, 0.05),
      wait_s: 0.5,
    });
    const restore = lane.retarget(typeof address === 'object' ? (address?.port ?? 0) : 0);
    lane.relay.cut();
    try {
      const ping = await call(program.client, 'ping', { session_id });
      expect(ping.text).not.toMatch(/gone|lost/);
      await sleep(4000);
      const still = await call(program.client, 'get_run', { run_id: idOf(started, 'run_id') });
      expect(['running', 'sent']).toContain(still.meta['state']);
    } finally {
      restore();
      lane.relay.cut();
    }
    const done = await ended(program, started);
    expect(done.meta).toMatchObject({ state: 'ok' });
    expect(done.text).toContain('The connection was down');
    const printed = (await printedIn(file, idOf(started, 'cell_id'))).split('\n');
    expect(printed.length).toBeGreaterThanOrEqual(60);
    expect(new Set(printed).size).toBe(printed.length);
  });
});

const mountable = canMount();
isMissing('The right to mount a file system', mountable, 'Run the tests as root.');

describe.skipIf(!mountable)('a full disk', () => {
  const full = (folder: string): (() => void) => {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
    return () => {
      const filler = path.join(folder, 'filler');
      const piece = Buffer.alloc(4096);
      try {
        for (;;) writeFileSync(filler, piece, { flag: 'a' });
      } catch {
        // full
      }
    };
  };

  it('of the notebook: the answer has the outputs and a warning, and the file has them when there is space', async () => {
    const folder = path.join(lane.world.projectDir, 'small');
    const fill = full(folder);
    const program = await startProgram({ GLOVEBOX_NOTEBOOK_DIR: folder });
    const { session_id, file } = await newSession(program, 'full');
    expect(path.dirname(file)).toBe(folder);
    await call(program.client, 'execute_code', { session_id, code: 'print("before")' });
    fill();
    const answer = await call(program.client, 'execute_code', {
      session_id,
      code: 'print("during")\nprint("y" * 5000)',
    });
    expect(answer.meta).toMatchObject({ state: 'ok' });
    expect(answer.text).toContain('during');
    // Where saving takes long, it is done after the answer, and the next one tells that it failed.
    await expect
      .poll(
        async () => {
          const next = { session_id, code: 'print("next")' };
          return answer.text + (await call(program.client, 'execute_code', next)).text;
        },
        { timeout: 20_000 },
      )
      .toContain('could not be saved');
    rmSync(path.join(folder, 'filler'));
    await expect
      .poll(() => printedIn(file, idOf(answer, 'cell_id')), { timeout: 30_000 })
      .toContain('during');
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('of the state folder: what runs is not lost, new code is refused unsent, and it heals', async () => {
    const program = await startProgram();
    const { session_id, file } = await newSession(program, 'full state');
    await call(program.client, 'execute_code', { session_id, code: 'n = 0' });
    const fill = full(path.join(lane.world.dir, 'runs'));
    const started = await call(program.client, 'execute_code', {
      session_id,
      code: printing(40, 0.05),
      wait_s: 0.3,
    });
    fill();
    const refused = await call(program.client, 'execute_code', { session_id, code: 'n += 1' });
    expect(refused.meta).toMatchObject({ state: 'not_started' });
    expect(refused.text).toContain('Nothing was executed');
    const done = await ended(program, started);
    expect(done.meta).toMatchObject({ state: 'ok' });
    expect(done.text).toContain('line 39');
    expect(await printedIn(file, idOf(started, 'cell_id'))).toBe(linesTo(40));
    rmSync(path.join(lane.world.dir, 'runs', 'filler'));
    const next = await call(program.client, 'execute_code', { session_id, code: 'print("n", n)' });
    expect(next.text).toContain('n 0');
    await expect
      .poll(() => readFileSync(journalOf(idOf(started, 'run_id')), 'utf8'), {
        timeout: 15_000,
      })
      .toContain('"state":"ok"');
  });
});
