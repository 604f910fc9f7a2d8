/** Libraries, imports and hidden code of a workspace, and exposed functions, through MCP on a real Jupyter. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { ChangingTools } from '#mcp/changing-tools.ts';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { toolsOfInterfaces } from '#tools/interface-tools.ts';
import { resultOf } from '#workspace/interfaces.ts';
import { freePort } from '../rigs/free-port.ts';
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

const here = (name: string): string => path.join(world.projectDir, name);
const wait = {
  waitMs: 60_000,
  signal: new AbortController().signal,
  report: () => undefined,
};

async function withToml(text: string): Promise<Client> {
  writeFileSync(here('glovebox.toml'), `[workspace]\n${text}\n`);
  const configured = await world.newApp();
  return (await connect('modern', { tools, services: async () => configured.services })).client;
}

function writeLibraries(): void {
  mkdirSync(here('libs/probes'), { recursive: true });
  writeFileSync(
    here('libs/probes/__init__.py'),
    '"""Probes of a model."""\nfrom pathlib import Path\n\ndef words(path: str = "words.txt") -> list:\n    "Words of the list."\n    return (Path(__file__).parent / path).read_text().split()\n',
  );
  writeFileSync(here('libs/probes/words.txt'), 'eins zwei');
  mkdirSync(here('libs/my-skill'), { recursive: true });
  writeFileSync(here('libs/my-skill/SKILL.md'), '# How to use my skill\n');
  writeFileSync(here('libs/my-skill/code.py'), 'import probes\nFOUND = len(probes.words())\n');
}

it('W1, W2, W3, W4, acceptance 18: the first cell uses a package with its data, a skill, and what init code made', async () => {
  writeLibraries();
  const client = await withToml(
    'libraries = ["libs/probes", "libs/my-skill"]\nimports = ["probes", "os.path"]\ninit_code = "STARTED = probes.words()[0]"',
  );
  const started = await call(client, 'start_new_notebook', { experiment_name: 'libraries' });
  expect(started.text).toContain('libraries to import: probes, my_skill');
  expect(started.text).toContain(
    "Probes of a model.\nwords(path: str = 'words.txt') -> list: Words of the list.",
  );
  expect(started.text).toContain('# How to use my skill');
  const session_id = idOf(started, 'session_id');
  const code = 'import my_skill\n(probes.words(), my_skill.FOUND, STARTED, os.path.sep, In)';
  const first = await call(client, 'execute_code', { session_id, code });
  // Hidden runs have no number and no history.
  expect(first.text).toMatch(
    /\(\['eins', 'zwei'\],\s+2,\s+'eins',\s+'\/',\s+\['',\s+'import my_skill/,
  );
  expect(first.text).toContain('[result 1]');
  const notebook = readFileSync(idOf(started, 'notebook_path'), 'utf8');
  expect(notebook).not.toContain('STARTED =');
  await call(client, 'restart_kernel', { session_id });
  const again = await call(client, 'execute_code', { session_id, code: 'STARTED' });
  expect(again.text).toContain("'eins'");
  // The same in a process that Jupyter starts by itself, before any code of the user.
  const died = await call(client, 'execute_code', { session_id, code: 'os._exit(1)' });
  expect(died.text).toContain('lost');
  const next = await call(client, 'execute_code', { session_id, code: 'STARTED, probes.words()' });
  expect(next.text).toContain("('eins', ['eins', 'zwei'])");
  // Said once, with the first answer after it happened.
  expect(`${died.text}\n${next.text}`).toContain('imports and init_code of this session ran again');
});

it('W2, acceptance 18: a library with a syntax error fails the start with the traceback, one that hides a module too', async () => {
  writeFileSync(here('broken.py'), 'def f(:\n');
  const broken = await withToml('libraries = ["broken.py"]');
  const text = await callError(broken, 'start_new_notebook', { experiment_name: 'broken' });
  expect(text).toContain('[kernel/library-failed]');
  expect(text).toMatch(/broken\.py", line 1[\s\S]*SyntaxError/);
  expect(() => readFileSync(here('notebooks/broken.ipynb'))).toThrow('ENOENT');
  writeFileSync(here('json.py'), 'X = 1\n');
  const hiding = await withToml('libraries = ["json.py"]');
  expect(await callError(hiding, 'start_new_notebook', { experiment_name: 'hiding' })).toContain(
    'a module of this name is installed already',
  );
  // Mended, it is tried again.
  writeFileSync(here('broken.py'), 'def f():\n    return 7\n');
  const mended = await withToml('libraries = ["broken.py"]\nimports = ["broken"]');
  const started = await call(mended, 'start_new_notebook', { experiment_name: 'mended' });
  const session_id = idOf(started, 'session_id');
  expect((await call(mended, 'execute_code', { session_id, code: 'broken.f()' })).text).toContain(
    '7',
  );
});

it('W4: an error of init code is an error of the start, and names its line', async () => {
  const client = await withToml('init_code = "x = 1\\nraise ValueError(x)"');
  const text = await callError(client, 'start_new_notebook', { experiment_name: 'init' });
  expect(text).toContain('[kernel/library-failed]');
  expect(text).toContain('ValueError: 1');
  expect(text).toContain('raise ValueError(x)');
  rmSync(here('glovebox.toml'));
});

const CHAT = `
import time
from typing import Literal
state = []

@expose
def send(text: str, style: Literal["plain", "loud"] = "plain") -> dict:
    """Says something.

    Args:
        text: what is said
    """
    state.append(text.upper() if style == "loud" else text)
    return {"said": state}

@expose
def wait(seconds: float) -> str:
    time.sleep(seconds)
    return "waited"

@expose(parallel=True)
async def count() -> int:
    return len(state)
`;

const serve = (source: string, expose: 'mcp' | 'library', name = 'chat') =>
  app.services.interfaces.serve(
    { sandboxId: undefined, name, source, expose, callLimitMs: 20_000 },
    wait,
  );

it('W8, acceptance 19: an interface whose import fails says so at once, with the traceback', async () => {
  // Warm: a kernel for the programs that start it.
  await app.services.files.read(
    { sandboxId: undefined, path: '.' },
    { offset: 1, limit: 1, maxChars: 100, maxLineChars: 100 },
    wait,
  );
  const failed = serve('import nothing_of_this_name\n', 'mcp', 'wrong');
  await expect(failed).rejects.toMatchObject({
    code: 'interface/start-failed',
    message: expect.stringMatching(/interface\.py", line 1[\s\S]*ModuleNotFoundError/),
  });
  await expect(serve('x = 1\n', 'mcp', 'wrong')).rejects.toThrow('nothing is exposed');
  expect(await app.services.interfaces.list()).toEqual([]);
});

it('W7, W9, W10: exposed functions are tools of this server, and clients are told when they change', async () => {
  const changingTools = new ChangingTools(async () =>
    toolsOfInterfaces(await app.services.interfaces.list()),
  );
  await changingTools.refresh();
  const { client } = await connect('legacy', {
    tools,
    services: async () => app.services,
    changingTools,
  });
  const names = async (): Promise<readonly string[]> =>
    (await client.listTools()).tools.map(({ name }) => name).filter((name) => name.includes('__'));
  let told = 0;
  client.setNotificationHandler('notifications/tools/list_changed', () => {
    told += 1;
  });
  expect(await names()).toEqual([]);
  await serve(CHAT, 'mcp');
  // Any call makes the server look.
  await call(client, 'list_sessions');
  await expect.poll(names).toEqual(['chat__send', 'chat__wait', 'chat__count']);
  expect(told).toBeGreaterThan(0);
  const listed = (await client.listTools()).tools.find(({ name }) => name === 'chat__send');
  expect(listed?.description).toBe('Says something.');
  expect(listed?.inputSchema).toMatchObject({
    properties: {
      text: { type: 'string', description: 'what is said' },
      style: { default: 'plain' },
    },
    required: ['text'],
  });
  const said = await call(client, 'chat__send', { text: 'hello', style: 'loud' });
  expect(said.text).toContain('"HELLO"');
  expect(await callError(client, 'chat__send', { text: 1 })).toContain(
    'text must be a text, not a whole number',
  );
  // Health and parallel functions answer while a queued call runs.
  const slow = call(client, 'chat__wait', { seconds: 3 });
  const begin = performance.now();
  expect((await call(client, 'chat__count')).text).toContain('1');
  await slow;
  expect(performance.now() - begin).toBeGreaterThan(2000);
  // Serving a name anew replaces it: its state is gone, its tools follow.
  await serve('@expose\ndef one() -> int:\n    return 1\n', 'mcp');
  await call(client, 'list_sessions');
  await expect.poll(names).toEqual(['chat__one']);
  expect((await call(client, 'chat__one')).text).toContain('1');
  const [served] = await app.services.interfaces.list();
  if (served !== undefined) await app.services.interfaces.stop(served, wait);
  await call(client, 'list_sessions');
  await expect.poll(names).toEqual([]);
});

it('W10: as a library, the functions are a module whose documentation is no source', async () => {
  const source = `
@expose
def area(width: float, height: float = 2.0) -> float:
    '''Says """quotes""" and {braces}.'''
    if width < 0:
        raise ValueError("negative")
    return width * height
`;
  await serve(source, 'library', 'shapes');
  const { client } = await connect('modern', { tools, services: async () => app.services });
  const started = await call(client, 'start_new_notebook', { experiment_name: 'client' });
  const session_id = idOf(started, 'session_id');
  const code = `
import shapes
try:
    shapes.area(-1)
except shapes.InterfaceError as error:
    print(error.kind, error)
print(shapes.area(3), shapes.area(width=3, height=4), shapes.area.__doc__)`;
  const { text } = await call(client, 'execute_code', { session_id, code });
  expect(text).toContain('ValueError negative\n6.0 12.0 Says """quotes""" and {braces}.');
});

it('scoped: where agents may only call functions, nothing else of the sandbox can be reached', async () => {
  const changingTools = new ChangingTools(async () =>
    toolsOfInterfaces(await app.services.interfaces.list()),
  );
  const { client } = await connect('modern', {
    tools,
    services: async () => app.services,
    changingTools,
  });
  const before = await call(client, 'start_new_notebook', { experiment_name: 'before' });
  const session_id = idOf(before, 'session_id');
  const sandbox_id = idOf(before, 'sandbox_id');
  const only = await app.services.interfaces.serve(
    {
      sandboxId: sandbox_id,
      name: 'only',
      source: '@expose\ndef one() -> int:\n    return 1\n',
      expose: 'mcp',
      isOnly: true,
    },
    wait,
  );
  await changingTools.refresh();
  const refused: readonly (readonly [string, Record<string, unknown>])[] = [
    ['execute_code', { session_id, code: '1' }],
    ['start_new_notebook', { experiment_name: 'after' }],
    ['start_new_notebook', { experiment_name: 'after', sandbox_id }],
    ['execute_scratch', { code: '1', sandbox_id }],
    ['sandbox_bash', { command: 'ls' }],
    ['sandbox_read', { path: '.' }],
    ['sandbox_transfer', { direction: 'pull', local_path: 'x', remote_path: '/etc/hostname' }],
    ['sandbox_snapshot', { sandbox_id, description: 'x' }],
  ];
  for (const [name, args] of refused)
    expect([name, await callError(client, name, args)]).toEqual([
      name,
      expect.stringContaining('[sandbox/closed]'),
    ]);
  expect((await call(client, 'sandbox_list', { sandbox_id })).text).toContain(
    'interface only: one',
  );
  expect((await call(client, 'only__one')).text).toContain('1');
  await app.services.interfaces.stop(only, wait);
  expect((await call(client, 'execute_code', { session_id, code: '6 * 7' })).text).toContain('42');
});

it('mode scoped: from its first moment on, agents may call functions of a sandbox and end it', async () => {
  const { client } = await connect('modern', { tools, services: async () => app.services });
  const { services } = app;
  const rpcPort = await freePort();
  const request = {
    backend: 'local' as const,
    projectDir: world.projectDir,
    name: 'scoped',
    options: { mode: 'scoped', rpc_timeout_seconds: 7, rpc_port: rpcPort },
  };
  const { id: sandbox_id } = await services.sandboxes.create(request, wait);
  for (const [name, args] of [
    ['start_new_notebook', { experiment_name: 'inside', sandbox_id }],
    ['sandbox_bash', { command: 'ls', sandbox_id }],
    ['sandbox_read', { path: '.', sandbox_id }],
  ] as const)
    expect([name, await callError(client, name, args)]).toEqual([
      name,
      expect.stringContaining('[sandbox/closed]'),
    ]);
  const source = '@expose\ndef one() -> int:\n    return 1\n';
  const served = await services.interfaces.serve(
    { sandboxId: sandbox_id, name: 'inside', source, expose: 'prompt' },
    wait,
  );
  expect(served.callLimitMs).toBe(7000);
  // W8: the first has the port that was asked for, also when it is replaced; each other one has its own.
  const portOf = (name: string): unknown => {
    const folder = path.join(world.dir, 'libraries', sandbox_id, '.glovebox/interfaces', name);
    return JSON.parse(readFileSync(path.join(folder, 'address.json'), 'utf8')).port;
  };
  const again = { sandboxId: sandbox_id, name: 'inside', source, expose: 'prompt' } as const;
  await services.interfaces.serve(again, wait);
  expect(portOf('inside')).toBe(rpcPort);
  await services.interfaces.serve({ ...again, name: 'beside' }, wait);
  expect(portOf('beside')).not.toBe(rpcPort);
  const { run } = await services.interfaces.call(
    { sandboxId: sandbox_id, name: 'inside', function: 'one', arguments: {} },
    wait,
  );
  await run.whenFinal();
  expect(resultOf(run)).toBe(1);
  expect((await call(client, 'sandbox_stop', { sandbox_id })).text).toContain('ended: stopped');
});

// The last one: it ends the sandbox.
it('an interface ends with the server of its sandbox', async () => {
  const { sandboxId } = await serve('@expose\ndef one() -> int:\n    return 1\n', 'mcp', 'last');
  const folder = path.join(world.dir, 'libraries', sandboxId, '.glovebox/interfaces/last');
  const { pid } = z
    .object({ pid: z.number() })
    .parse(JSON.parse(readFileSync(path.join(folder, 'address.json'), 'utf8')));
  const isAlive = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  expect(isAlive()).toBe(true);
  await app.services.sandboxes.stop(sandboxId, wait.signal);
  await expect.poll(isAlive, { timeout: 20_000 }).toBe(false);
});
