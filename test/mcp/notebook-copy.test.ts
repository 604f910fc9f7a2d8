/** D12: a sandbox whose server does not see the project has a copy of the notebook; the file in the project is of record. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { isRecord } from '#core/json.ts';
import { createContents, type Contents } from '#jupyter/contents.ts';
import type { App } from '#main/app.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import { argumentsOf, listProcesses } from '#platform/process-list.ts';
import { Copies } from '#session/copies.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, idOf } from './call.ts';
import { connect } from './harness.ts';

/** Another file system, as far as the server's root is one. */
let elsewhere: string;
let world: World;
let app: App;
let mcp: Client;

beforeAll(async () => {
  elsewhere = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-elsewhere-')));
  world = createWorld({ GLOVEBOX_SERVER_ROOT_DIR: elsewhere });
  app = await world.newApp();
}, 240_000);
afterAll(async () => {
  await world.end();
  rmSync(elsewhere, { recursive: true, force: true });
});

interface Stage {
  readonly session_id: string;
  readonly file: string;
  readonly contents: Contents;
  /** The copy as JupyterLab sees it. */
  readonly readCopy: () => Promise<Record<string, unknown>>;
  /** Saves as JupyterLab does, after a change of the cells. */
  readonly editCopy: (change: (cells: Cell[]) => Cell[]) => Promise<void>;
}

type Cell = Record<string, unknown>;

async function start(name: string): Promise<Stage & { readonly copy: string }> {
  mcp = (await connect('modern', { tools, services: async () => app.services })).client;
  const started = await call(mcp, 'start_new_notebook', { experiment_name: name });
  const session_id = idOf(started, 'session_id');
  const { record } = await app.services.sessions.get(session_id);
  const copy = record.copyPath ?? '';
  expect(started.text).toContain(`copy in the sandbox: ${copy}`);
  return { ...(await stageOf(session_id, copy)), copy };
}

async function stageOf(session_id: string, copy: string): Promise<Stage> {
  const { record } = await app.services.sessions.get(session_id);
  const endpoint = app.services.sandboxes.endpointSource(record.sandboxId);
  const contents = createContents({ endpoint });
  const { baseUrl, headers } = await endpoint();
  const url = `${baseUrl}api/contents/${encodeURIComponent(copy)}`;
  const readCopy: Stage['readCopy'] = async () => {
    const model: unknown = await (await fetch(`${url}?type=notebook`, { headers })).json();
    const content = isRecord(model) ? model['content'] : undefined;
    if (!isRecord(content)) throw new Error(JSON.stringify(model));
    return content;
  };
  // Jupyter writes in place: who reads in that moment gets an error, and asks again.
  const readWhole = () => vi.waitFor(readCopy, { timeout: 20_000, interval: 50 });
  return {
    session_id,
    file: record.notebookPath,
    contents,
    readCopy: readWhole,
    async editCopy(change) {
      const notebook = await readWhole();
      await saveWhole(session_id, copy, { ...notebook, cells: change(cellsOf(notebook)) });
    },
  };
}

const cellsOf = (notebook: unknown): Cell[] => {
  const cells = isRecord(notebook) ? notebook['cells'] : undefined;
  return Array.isArray(cells) ? cells.filter(isRecord) : [];
};
const sourcesOf = (notebook: unknown): readonly string[] =>
  cellsOf(notebook).map(({ source }) => [source].flat().join(''));
const outputsOf = (notebook: unknown): string =>
  cellsOf(notebook)
    .flatMap(({ outputs }) => outputs)
    .map((output) => (isRecord(output) ? [output['text']].flat().join('') : ''))
    .join('');
const onDisk = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const within = { timeout: 20_000 };

it('D12, X89: what the agent does is in the copy, and what a person edits there is in the record', async () => {
  const { session_id, file, readCopy, editCopy, copy } = await start('both');
  expect(copy).toBe('both.ipynb');
  await call(mcp, 'execute_code', { session_id, code: 'print("from the kernel")' });
  await expect.poll(async () => outputsOf(await readCopy()), within).toBe('from the kernel\n');
  await editCopy((cells) => [
    { cell_type: 'markdown', id: 'by-hand', metadata: {}, source: '# of the person' },
    ...cells,
  ]);
  await expect.poll(() => sourcesOf(onDisk(file)), within).toContain('# of the person');
  const answer = await call(mcp, 'execute_code', { session_id, code: 'print("again")' });
  expect(answer.text).toContain('The copy of the notebook in the sandbox was edited (1 added)');
  const all = ['# of the person', 'print("from the kernel")', 'print("again")'];
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(all);
  await expect
    .poll(async () => outputsOf(await readCopy()), within)
    .toBe('from the kernel\nagain\n');
  expect(sourcesOf(onDisk(file))).toEqual(all);
});

it('N2, acceptance 46, 47: a large notebook is written while a cell prints, and its copy is fetched once, not again', async () => {
  const { session_id, file, copy, readCopy } = await start('large');
  await call(mcp, 'execute_code', { session_id, code: 'print("x" * 79 * 1000)' });
  const big = `# ${'lorem ipsum '.repeat(170_000)}`;
  await call(mcp, 'add_markdown', { session_id, markdown: big });
  expect(sourcesOf(onDisk(file))).toContain(big);
  await expect.poll(async () => sourcesOf(await readCopy()), within).toContain(big);
  const asked: string[] = [];
  const note = (message: unknown): void => {
    const request = isRecord(message) ? message['request'] : undefined;
    if (!isRecord(request) && typeof request !== 'object') return;
    const { method, path: at } = Object(request);
    if (String(at).includes(`/api/contents/${copy}`)) asked.push(`${method} ${at}`);
  };
  subscribe('http.client.request.start', note);
  try {
    const run = call(mcp, 'execute_code', {
      session_id,
      code: 'import time\nfor i in range(400):\n    print(i, flush=True)\n    time.sleep(0.005)',
    });
    // While it prints, the file has the beginning.
    await expect.poll(() => outputsOf(onDisk(file)), within).toContain('\n5\n');
    await run;
    // A big one is written a moment later.
    await expect.poll(() => outputsOf(onDisk(file)), within).toContain('\n399\n');
    await expect
      .poll(() => asked.filter((one) => one.startsWith('PUT')).length, within)
      .not.toBe(0);
    await expect.poll(async () => outputsOf(await readCopy()), within).toContain('\n399\n');
  } finally {
    unsubscribe('http.client.request.start', note);
  }
  const ownReads = asked.filter((one) => one.includes('type=notebook')).length;
  const fetched = asked.filter((one) => one.startsWith('GET') && one.includes('content=1'));
  expect(fetched.length - ownReads).toBe(0);
  // Linear in the output: not a save for every print.
  expect(asked.filter((one) => one.startsWith('PUT')).length).toBeLessThan(20);
});

it('D12: an editor that saves an older copy takes nothing away', async () => {
  const { session_id, file, readCopy } = await start('older');
  await call(mcp, 'execute_code', { session_id, code: 'first = 1' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['first = 1']);
  const stale = await readCopy();
  await call(mcp, 'execute_code', { session_id, code: 'second = 2' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toHaveLength(2);
  await saveWhole(session_id, 'older.ipynb', stale);
  await expect
    .poll(async () => sourcesOf(await readCopy()), within)
    .toEqual(['first = 1', 'second = 2']);
  expect(sourcesOf(onDisk(file))).toEqual(['first = 1', 'second = 2']);
});

async function saveWhole(session_id: string, name: string, content: unknown): Promise<void> {
  const { record } = await app.services.sessions.get(session_id);
  const { baseUrl, headers } = await app.services.sandboxes.endpointSource(record.sandboxId)();
  const save = async (): Promise<number> => {
    const { status } = await fetch(`${baseUrl}api/contents/${name}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'notebook', format: 'json', content }),
    });
    return status;
  };
  // Jupyter answers 500 to one of two that save in the same moment; a person saves again.
  await expect.poll(save, within).toBe(200);
}

it('D12: edits that a person makes while nobody is there are taken in by the next process', async () => {
  const { session_id, file, readCopy, editCopy } = await start('later');
  await call(mcp, 'execute_code', { session_id, code: 'a = 1' });
  await call(mcp, 'execute_code', { session_id, code: 'b = 2' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toHaveLength(2);
  const copies = path.join(world.dir, 'copies');
  await expect.poll(() => existsSync(copies), within).toBe(true);
  await app.close();
  const [first] = cellsOf(onDisk(file));
  await editCopy((cells) =>
    cells.flatMap((cell) => (cell['id'] === first?.['id'] ? [] : [{ ...cell, source: 'b = 3' }])),
  );
  app = await world.newApp();
  await app.services.sessions.get(session_id);
  await expect.poll(() => sourcesOf(onDisk(file)), within).toEqual(['b = 3']);
});

it('D12: a copy that is removed, or put back to an older state, takes nothing from the record', async () => {
  const { session_id, file, contents, readCopy } = await start('gone');
  await call(mcp, 'execute_code', { session_id, code: 'a = 1' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['a = 1']);
  const older = await contents.read('gone.ipynb');
  await call(mcp, 'execute_code', { session_id, code: 'b = 2' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toHaveLength(2);
  await contents.remove('gone.ipynb');
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['a = 1', 'b = 2']);
  await app.close();
  await contents.write('gone.ipynb', older?.text ?? '');
  app = await world.newApp();
  await app.services.sessions.get(session_id);
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['a = 1', 'b = 2']);
  expect(sourcesOf(onDisk(file))).toEqual(['a = 1', 'b = 2']);
});

it('D8, D12: what somebody has there under that name is not touched', async () => {
  writeFileSync(path.join(elsewhere, 'taken.ipynb'), 'mine');
  const { copy, session_id, readCopy } = await start('taken');
  expect(copy).toBe('taken_2.ipynb');
  await call(mcp, 'execute_code', { session_id, code: 'a = 1' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['a = 1']);
  expect(readFileSync(path.join(elsewhere, 'taken.ipynb'), 'utf8')).toBe('mine');
});

it('D12: what a person did last is taken in when the session ends', async () => {
  const { session_id, file, readCopy, editCopy } = await start('end');
  await call(mcp, 'execute_code', { session_id, code: 'a = 1' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['a = 1']);
  await editCopy((cells) => cells.map((cell) => ({ ...cell, source: 'a = 20' })));
  await call(mcp, 'shutdown_session', { session_id });
  expect(sourcesOf(onDisk(file))).toEqual(['a = 20']);
});

it("D12: a person's own notebook comes into the project once, under a name that is free", async () => {
  const { contents } = await start('host');
  const cells = [{ cell_type: 'markdown', id: 'theirs', metadata: {}, source: 'of theirs' }];
  const text = JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
  await contents.write('theirs.ipynb', text);
  writeFileSync(path.join(world.projectDir, 'theirs.ipynb'), 'another one');
  const { signal } = new AbortController();
  const copies = new Copies({
    dir: world.dir,
    clock: systemClock,
    log: silentLog,
    contents: () => contents,
  });
  const file = await copies.bringIn('a-sandbox', 'theirs.ipynb', world.projectDir, signal);
  expect(file).toBe(path.join(world.projectDir, 'theirs_2.ipynb'));
  expect(readFileSync(file ?? '', 'utf8')).toBe(text);
  expect(readFileSync(path.join(world.projectDir, 'theirs.ipynb'), 'utf8')).toBe('another one');
  expect(
    await copies.bringIn('a-sandbox', 'missing.ipynb', world.projectDir, signal),
  ).toBeUndefined();
});

it('D12: a sandbox that vanishes leaves the record whole', async () => {
  const { session_id, file, readCopy } = await start('vanishes');
  await call(mcp, 'execute_code', { session_id, code: 'print("kept")' });
  await expect.poll(async () => sourcesOf(await readCopy()), within).toEqual(['print("kept")']);
  const servers = listProcesses().filter(({ pid }) =>
    argumentsOf(pid).some((word) => word.startsWith(`--config=${world.dir}/`)),
  );
  expect(servers).not.toHaveLength(0);
  for (const { pid } of servers) process.kill(pid, 'SIGKILL');
  await call(mcp, 'add_markdown', { session_id, markdown: 'still writing' });
  expect(sourcesOf(onDisk(file))).toEqual(['print("kept")', 'still writing']);
  await app.close();
  expect(sourcesOf(onDisk(file))).toEqual(['print("kept")', 'still writing']);
  expect(outputsOf(onDisk(file))).toBe('kept\n');
  app = await world.newApp();
});
