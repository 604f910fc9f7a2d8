/** Questions of running code, code that would end its kernel, and code that ignores interrupts, through MCP on a real Jupyter with short limits. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let patient: App;
let hasty: App;

beforeAll(async () => {
  world = createWorld({ GLOVEBOX_STDIN: 'ask' });
  patient = await world.newApp();
  hasty = await world.newApp({ inputMs: 300, interruptMs: [300, 300] });
}, 240_000);
afterAll(() => world.end());

const clientOf = async (app: App): Promise<Client> =>
  (await connect('modern', { tools, services: async () => app.services })).client;

const newSession = async (mcp: Client, name: string): Promise<string> =>
  idOf(await call(mcp, 'start_new_notebook', { experiment_name: name }), 'session_id');

/** Files below a folder that contain a text. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}

it('C27: input() waits with its prompt, get_run answers it, and the answer is stored nowhere', async () => {
  const mcp = await clientOf(patient);
  const session_id = await newSession(mcp, 'ask');
  const code = 'first = input("name? ")\nsecond = input("again? ")\nlen(first + second)';
  const asked = await call(mcp, 'execute_code', { session_id, code });
  const run_id = idOf(asked, 'run_id');
  expect(asked.meta).toMatchObject({ state: 'waiting_input' });
  expect(asked.text).toContain('its prompt: "name? "');
  expect(asked.text).toContain(`get_run(run_id="${run_id}", stdin="...")`);
  expect((await call(mcp, 'list_sessions')).text).toContain('waiting_input');
  const next = await call(mcp, 'get_run', { run_id, stdin: 'blue heron 7', wait_s: 20 });
  expect(next.meta).toMatchObject({ state: 'waiting_input' });
  expect(next.text).toContain('its prompt: "again? "');
  const done = await call(mcp, 'get_run', { run_id, stdin: 'red heron 8', wait_s: 20 });
  expect(done.meta).toMatchObject({ state: 'ok' });
  expect(done.text).toContain('23');
  expect(await callError(mcp, 'get_run', { run_id, stdin: 'late' })).toContain('[input/invalid]');
  await call(mcp, 'execute_scratch', { session_id, code: '1' });
  for (const folder of [world.projectDir, path.join(world.dir, 'runs')]) {
    expect(filesWith(folder, 'heron')).toEqual([]);
    expect(filesWith(folder, 'again? ').length).toBeGreaterThan(0);
  }
});

it('C27: a restore says which cell asks, and goes on after the answer', async () => {
  const mcp = await clientOf(patient);
  const session_id = await newSession(mcp, 'ask again');
  const first = await call(mcp, 'execute_code', { session_id, code: 'who = input("who? ")' });
  await call(mcp, 'get_run', { run_id: idOf(first, 'run_id'), stdin: 'a', wait_s: 20 });
  await call(mcp, 'execute_code', { session_id, code: 'who' });
  const restored = await call(mcp, 'restore_notebook', { session_id });
  expect(restored.text).toContain('its prompt: "who? "');
  await call(mcp, 'get_run', { run_id: idOf(restored, 'run_id'), stdin: 'b', wait_s: 20 });
  const last = /get_run\(run_id="(r-[^"]+)", wait_s/.exec(restored.text)?.[1];
  const done = await call(mcp, 'get_run', { run_id: last, wait_s: 20 });
  expect(done.text).toContain("'b'");
  expect(done.text).toContain('Restore: 2 executed');
});

it('C27: a password is never asked for: that run is interrupted and told why', async () => {
  const mcp = await clientOf(patient);
  const session_id = await newSession(mcp, 'password');
  const code = 'import getpass\ngetpass.getpass("token: ")';
  const refused = await call(mcp, 'execute_code', { session_id, code, wait_s: 30 });
  expect(refused.meta).toMatchObject({ state: 'interrupted' });
  expect(refused.text).toContain('asked for a password');
  expect(refused.text).not.toContain('stdin="..."');
  expect((await call(mcp, 'execute_code', { session_id, code: '40 + 2' })).text).toContain('42');
});

it('C27: an input() that nobody answers is interrupted, and nothing else', async () => {
  const mcp = await clientOf(hasty);
  const session_id = await newSession(mcp, 'nobody');
  const asked = await call(mcp, 'execute_code', { session_id, code: 'x = 1\ninput("hm? ")' });
  const run_id = idOf(asked, 'run_id');
  await expect
    .poll(async () => (await call(mcp, 'get_run', { run_id })).meta['state'], { timeout: 20_000 })
    .toBe('interrupted');
  expect((await call(mcp, 'get_run', { run_id })).text).toContain('Nobody answered');
  expect((await call(mcp, 'execute_code', { session_id, code: 'x' })).text).toContain('1');
  const survives =
    'import time\nend = None\nwhile end is None or time.time() < end:\n    try:\n        end = end or input("once? ")\n        time.sleep(0.02)\n    except KeyboardInterrupt:\n        end = end or time.time() + 4';
  const again = await call(mcp, 'execute_code', { session_id, code: survives });
  expect(again.meta).toMatchObject({ state: 'waiting_input' });
  const survivor = { run_id: idOf(again, 'run_id'), wait_s: 0 };
  await expect
    .poll(async () => (await call(mcp, 'get_run', survivor)).meta['state'], { timeout: 20_000 })
    .toBe('running');
  const end = await call(mcp, 'get_run', { ...survivor, wait_s: 40 });
  expect(end.meta).toMatchObject({ state: 'ok' });
});

it('C26, X25: code that ignores interrupts is reported and left alone; restart_kernel then works', async () => {
  const mcp = await clientOf(hasty);
  const session_id = await newSession(mcp, 'ignores');
  await call(mcp, 'execute_code', { session_id, code: 'kept = 1' });
  const code =
    'import time\ncaught = 0\nwhile True:\n    try:\n        time.sleep(0.02)\n    except KeyboardInterrupt:\n        caught += 1\n        print("caught", caught, flush=True)';
  const started = await call(mcp, 'execute_code', { session_id, code, wait_s: 0.5 });
  const run_id = idOf(started, 'run_id');
  const { record } = await hasty.services.sessions.get(session_id);
  const ignored = await call(mcp, 'interrupt_kernel', { session_id });
  expect(ignored.text).toContain('ignores interrupts');
  expect(ignored.text).toContain('Ask the user first');
  expect(ignored.meta).toMatchObject({ run_id, state: 'running' });
  await expect
    .poll(async () => (await call(mcp, 'get_run', { run_id })).text, { timeout: 10_000 })
    .toContain('caught 2');
  const { record: after } = await hasty.services.sessions.get(session_id);
  expect([after.process, after.generation]).toEqual([record.process, record.generation]);
  const restarted = await call(mcp, 'restart_kernel', { session_id });
  expect(restarted.text).toContain(`Run ${run_id} was in the kernel and did not finish.`);
  expect((await call(mcp, 'get_run', { run_id })).meta).toMatchObject({ state: 'lost' });
  const next = await call(mcp, 'execute_code', { session_id, code: '"kept" in globals()' });
  expect(next.text).toContain('False');
});

it('C27, R10: a question that only an earlier process got is told as such and ends by itself', async () => {
  const first = await world.newApp();
  const mcp = await clientOf(first);
  const session_id = await newSession(mcp, 'carried');
  const asked = await call(mcp, 'execute_code', { session_id, code: 'kept = 5\ninput("eh? ")' });
  expect(asked.meta).toMatchObject({ state: 'waiting_input' });
  await first.close();
  const again = await clientOf(await world.newApp({ inputMs: 1500, interruptMs: [300, 300] }));
  const run_id = idOf(asked, 'run_id');
  expect((await call(again, 'get_run', { run_id })).text).toContain('can no longer be answered');
  await expect
    .poll(async () => (await call(again, 'get_run', { run_id })).meta['state'], { timeout: 20_000 })
    .toBe('interrupted');
  expect((await call(again, 'execute_code', { session_id, code: 'kept' })).text).toContain('5');
});

it('R3: only a limit of the caller interrupts, and the answer says so', async () => {
  const mcp = await clientOf(patient);
  const session_id = await newSession(mcp, 'limit');
  const code = 'import time\nwhile True: time.sleep(0.05)';
  const late = await call(mcp, 'execute_code', { session_id, code, timeout_s: 0.5, wait_s: 30 });
  expect(late.meta).toMatchObject({ state: 'interrupted' });
  expect(late.text).toContain('its timeout_s of 0.5 s was over');
});

it('exit() ends the cell and those after it, and no variable is lost', async () => {
  const mcp = await clientOf(patient);
  const session_id = await newSession(mcp, 'exit');
  await call(mcp, 'execute_code', { session_id, code: 'kept = 7' });
  await call(mcp, 'execute_code', { session_id, code: 'exit()' });
  await call(mcp, 'execute_code', { session_id, code: 'import nosuchmodule' });
  const both = await call(mcp, 'run_cell', { session_id, cells: [1, 0] });
  expect(both.text).toMatch(/ · error · /);
  expect(both.text).toContain('Exit: exit() ends the cell here and not the kernel');
  expect(both.text).toContain('nothing of this one was executed');
  const after = await call(mcp, 'execute_code', { session_id, code: 'kept' });
  expect([after.text, after.text.includes('Note:')]).toEqual([
    expect.stringMatching(/\n7$/),
    false,
  ]);
  const missing = await call(mcp, 'run_cell', { session_id, cell: 2 });
  expect(missing.text).toContain('Next: %pip install nosuchmodule');
});
