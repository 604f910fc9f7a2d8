/** Several servers in processes of their own work in one project, in one session, in one kernel, at the same time. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { prepareForKernels, startServer, unpackBundle, type Bundle } from '../rigs/bundle.ts';
import { readNotebookFile } from '../rigs/read-notebook-file.ts';
import { call, callError, idOf, type Answer } from './call.ts';

interface Team {
  readonly bundle: Bundle;
  readonly env: Readonly<Record<string, string>>;
  readonly first: Client;
  readonly second: Client;
  /** Ends the first server's process without a warning. */
  readonly killFirst: () => void;
}

async function team(): Promise<Team> {
  const bundle = unpackBundle();
  const env = prepareForKernels(bundle);
  const [first, second] = await Promise.all([
    startServer(bundle, { era: 'modern', env }),
    startServer(bundle, { era: 'modern', env }),
  ]);
  const killFirst = (): void => {
    const { pid } = first.transport;
    if (pid === null) throw new Error('the server has no pid');
    process.kill(pid, 'SIGKILL');
  };
  return { bundle, env, first: first.client, second: second.client, killFirst };
}

async function start(
  client: Client,
  name: string,
): Promise<{ readonly session_id: string; readonly file: string; readonly sandbox: string }> {
  const answer = await call(client, 'start_new_notebook', { experiment_name: name });
  return {
    session_id: idOf(answer, 'session_id'),
    file: idOf(answer, 'notebook_path'),
    sandbox: idOf(answer, 'sandbox_id'),
  };
}

interface Gate {
  /** Appends a line to a log, prints `begun`, and then `end` when the gate is open. */
  readonly code: string;
  readonly timesRun: () => number;
  readonly hasBegun: () => Promise<void>;
  open(): void;
}

function gate({ project }: Bundle, name: string): Gate {
  const log = path.join(project, `${name}.log`);
  const file = path.join(project, `${name}.gate`);
  const timesRun = (): number =>
    existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
  return {
    code: [
      'import os, time',
      `with open(${JSON.stringify(log)}, "a") as f: f.write("ran\\n")`,
      'print("begun", flush=True)',
      `while not os.path.exists(${JSON.stringify(file)}): time.sleep(0.02)`,
      `print("end of ${name}")`,
    ].join('\n'),
    timesRun,
    hasBegun: () => expect.poll(timesRun, { timeout: 20_000 }).toBe(1),
    open: () => writeFileSync(file, ''),
  };
}

const follow = (client: Client, run: Answer): Promise<Answer> =>
  call(client, 'get_run', { run_id: idOf(run, 'run_id'), wait_s: 40 });
const outputsIn = async (file: string): Promise<number> =>
  (await readNotebookFile(file)).filter(({ outputs }) => outputs.length > 0).length;
const numbers = (count: number): readonly number[] => [...Array.from({ length: count }).keys()];

describe('two servers in one project', () => {
  it('X43: that start at once make one sandbox, and another project knows nothing of it', async () => {
    const { bundle, env, first, second } = await team();
    const stranger = path.join(bundle.folder, 'stranger');
    mkdirSync(stranger);
    const other = await startServer({ ...bundle, project: stranger }, { era: 'modern', env });
    const [one, two, three] = await Promise.all([
      start(first, 'one'),
      start(second, 'two'),
      start(other.client, 'three'),
    ]);
    expect(two.sandbox).toBe(one.sandbox);
    expect(three.sandbox).not.toBe(one.sandbox);
    const { text } = await call(other.client, 'list_sessions');
    expect(text).toContain(three.session_id);
    expect(text).not.toContain(one.session_id);
    const refused = await callError(other.client, 'execute_code', {
      session_id: one.session_id,
      code: '1',
    });
    expect(refused).toContain('belongs to another project');
    const run = await call(first, 'execute_code', { session_id: one.session_id, code: '1' });
    const unseen = await callError(other.client, 'get_run', { run_id: idOf(run, 'run_id') });
    expect(unseen).toContain('belongs to another project');
    expect(path.dirname(three.file).startsWith(stranger)).toBe(true);
  });

  it('X72, D7, acceptance 7: thirty parallel calls leave thirty cells, each with its own output', async () => {
    const { first, second } = await team();
    const { session_id, file } = await start(first, 'thirty');
    const made = await Promise.all(
      numbers(30).map(async (number) => {
        const client = number % 2 === 0 ? first : second;
        const isText = number % 3 === 0;
        const answer = isText
          ? await call(client, 'add_markdown', { session_id, markdown: `text ${number}` })
          : await call(client, 'execute_code', { session_id, code: `print("out", ${number})` });
        if (!isText) expect(answer.text).toContain(`out ${number}`);
        return { number, isText, id: idOf(answer, 'cell_id') };
      }),
    );
    // A save that took long, as it may on a busy machine, is made up for a little later.
    await expect.poll(() => outputsIn(file), { timeout: 10_000 }).toBe(20);
    const cells = await readNotebookFile(file);
    expect(cells).toHaveLength(30);
    for (const { number, isText, id } of made) {
      const cell = cells.find((candidate) => candidate.id === id);
      expect(cell?.source).toBe(isText ? `text ${number}` : `print("out", ${number})`);
      if (!isText) expect(JSON.stringify(cell?.outputs)).toContain(`out ${number}\\n`);
    }
    const edited = made.filter(({ isText }) => isText);
    await Promise.all(
      edited.map(({ number, id }) =>
        call(number % 2 === 0 ? second : first, 'edit_cell', {
          session_id,
          cell: id,
          source: `edited ${number}`,
        }),
      ),
    );
    const sources = (await readNotebookFile(file)).map(({ source }) => source);
    for (const { number } of edited) expect(sources).toContain(`edited ${number}`);
    expect(sources).toHaveLength(30);
  });

  it('X17, X69, X95, Q8.1, F14, acceptance 7: ten parallel runs keep the order of their calls, and another session is not held up', async () => {
    const { bundle, first, second } = await team();
    const { session_id, file } = await start(first, 'ten');
    const aside = await start(second, 'aside');
    const blocker = gate(bundle, 'blocker');
    const blocking = call(first, 'execute_code', { session_id, code: blocker.code, wait_s: 60 });
    await blocker.hasBegun();
    const runs = numbers(10).map((number) =>
      call(first, 'execute_code', { session_id, code: `print("run", ${number})`, wait_s: 60 }),
    );
    // Answers while the first session is busy: only the gate, which is closed, could end that.
    const other = await call(second, 'execute_code', {
      session_id: aside.session_id,
      code: 'print("beside")',
    });
    expect(other.text).toContain('beside');
    blocker.open();
    await blocking;
    const answers = await Promise.all(runs);
    const counts = answers.map(({ meta, text }, number) => {
      expect(text).toContain(`run ${number}`);
      return Number(meta['execution_count']);
    });
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    const sources = async (): Promise<readonly string[]> =>
      (await readNotebookFile(file)).map(({ source }) => source);
    await expect
      .poll(sources, { timeout: 10_000 })
      .toEqual([blocker.code, ...numbers(10).map((number) => `print("run", ${number})`)]);
  });
});

describe('R9: a session of another living process', () => {
  it('is used beside it: its runs are seen, followed and waited for', async () => {
    const { bundle, first, second } = await team();
    const { session_id } = await start(first, 'beside');
    const held = gate(bundle, 'held');
    const run = await call(first, 'execute_code', { session_id, code: held.code, wait_s: 0 });
    await held.hasBegun();
    const listed = await call(second, 'list_sessions');
    expect(listed.text).toContain(idOf(run, 'run_id'));
    expect(listed.text).toContain('another Glovebox process');
    const own = await call(second, 'execute_code', {
      session_id,
      code: 'print("mine")',
      wait_s: 1,
    });
    expect(own.meta).toMatchObject({ state: 'queued' });
    expect(own.text).toContain('another client');
    expect((await call(second, 'list_sessions')).text).toContain(idOf(run, 'run_id'));
    const followed = follow(second, run);
    held.open();
    expect((await followed).text).toContain('end of held');
    expect((await follow(second, own)).text).toContain('mine');
    expect(held.timesRun()).toBe(1);
    // A loss that the owner has told with its run is no news for whoever opens the session next.
    const lost = await call(first, 'execute_code', { session_id, code: 'import os; os._exit(1)' });
    expect(lost.meta).toMatchObject({ state: 'lost' });
    const asked = async (): Promise<string> => (await call(second, 'ping', { session_id })).text;
    await expect.poll(asked, { timeout: 30_000 }).toContain('kernel, asked itself: answers');
    const record = path.join(bundle.home, '.glovebox/sessions', `${session_id}.json`);
    expect(readFileSync(record, 'utf8')).not.toContain('new, empty one');
  });

  it('F5, acceptance 6: is taken over when that process dies, by one that had it open, with the run in the kernel', async () => {
    const { bundle, first, second, killFirst } = await team();
    const { session_id, file } = await start(first, 'taken over');
    await call(second, 'execute_code', { session_id, code: 'x = 5' });
    const held = gate(bundle, 'carried');
    const run = await call(first, 'execute_code', { session_id, code: held.code, wait_s: 0 });
    await held.hasBegun();
    const followed = follow(second, run);
    killFirst();
    const next = await call(second, 'execute_code', { session_id, code: 'print(x)', wait_s: 1 });
    expect(next.meta).toMatchObject({ state: 'queued' });
    held.open();
    const ended = await followed;
    expect(ended.meta).toMatchObject({ state: 'ok' });
    expect(ended.text).toContain('end of carried');
    expect((await follow(second, next)).text).toContain('5');
    const outputs = async (): Promise<string> => {
      const cells = await readNotebookFile(file);
      return JSON.stringify(cells.find(({ source }) => source === held.code)?.outputs);
    };
    await expect.poll(outputs).toContain('end of carried');
    expect(held.timesRun()).toBe(1);
  });

  it('is taken over by one that never had it open', async () => {
    const { bundle, first, second, killFirst } = await team();
    const { session_id, file } = await start(first, 'inherited');
    const held = gate(bundle, 'inherited');
    const run = await call(first, 'execute_code', { session_id, code: held.code, wait_s: 0 });
    await held.hasBegun();
    const followed = follow(second, run);
    killFirst();
    const record = path.join(bundle.home, '.glovebox/sessions', `${session_id}.json`);
    const before = readFileSync(record, 'utf8');
    await expect.poll(() => readFileSync(record, 'utf8'), { timeout: 10_000 }).not.toBe(before);
    held.open();
    expect((await followed).meta).toMatchObject({ state: 'ok' });
    expect((await followed).text).toContain('end of inherited');
    await expect
      .poll(async () => JSON.stringify((await readNotebookFile(file))[0]?.outputs))
      .toContain('end of inherited');
    expect(held.timesRun()).toBe(1);
  });

  it('that it shut down has ended here too', async () => {
    const { first, second } = await team();
    const { session_id } = await start(first, 'ended');
    await call(second, 'execute_code', { session_id, code: '1' });
    await call(first, 'shutdown_session', { session_id });
    const refused = await callError(second, 'execute_code', { session_id, code: '2' });
    expect(refused).toContain('session/ended');
  });
});

it('is the same for the command line, which works in the project beside the servers', async () => {
  const { bundle, env, first } = await team();
  const { session_id } = await start(first, 'command line');
  await call(first, 'execute_code', { session_id, code: 'y = 11' });
  const { stdout, status } = spawnSync(
    process.execPath,
    [bundle.file('cli.mjs'), 'exec', '--session', session_id, 'print(y * 2)'],
    {
      cwd: bundle.project,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: bundle.home, ...env },
    },
  );
  expect({ stdout, status }).toMatchObject({ stdout: expect.stringContaining('22'), status: 0 });
});
