/** sandbox_bash through MCP on a real Jupyter: streams, limits, handles, and what is left behind. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { isAlive } from '../rigs/processes.ts';
import { call, callError, idOf } from './call.ts';
import { connect } from './harness.ts';

let world: World;
let app: App;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp();
}, 240_000);
afterAll(() => world.end());

const clientOf = async (of: App = app): Promise<Client> =>
  (await connect('modern', { tools, services: async () => of.services })).client;

const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  await expect.poll(isSo, { message: what, timeout: 20_000, interval: 50 }).toBe(true);
};

const pidIn = (file: string): number => Number(readFileSync(file, 'utf8').trim());

it('L11: gives back both streams and the exit code, from the root of the sandbox', async () => {
  const mcp = await clientOf();
  const command = 'echo out; echo err >&2; pwd; exit 3';
  const { text, meta } = await call(mcp, 'sandbox_bash', { command });
  expect(meta).toMatchObject({ exit_code: 3, timed_out: false, state: 'ok' });
  expect(text).toMatch(/^exit code 3 · .* in .* · run r-/);
  expect(text).toContain(`stdout:\nout\n${world.projectDir}\nstderr:\nerr`);
});

it('is a shell of its own each time, in the folder and with the input it was given', async () => {
  const mcp = await clientOf();
  mkdirSync(path.join(world.projectDir, 'sub'));
  await call(mcp, 'sandbox_bash', { command: 'cd sub; export LEFT=1' });
  const plain = await call(mcp, 'sandbox_bash', { command: 'basename $PWD; echo "[$LEFT]"; cat' });
  expect(plain.text).toContain('project\n[]');
  const inside = await call(mcp, 'sandbox_bash', {
    command: 'basename "$PWD"; cat; python3 -c "import sys; print(sys.stdout.isatty())"',
    cwd: 'sub',
    stdin: 'ein Wort: ü\n',
  });
  expect(inside.text).toContain('sub\nein Wort: ü\nFalse');
});

it('never lets text of the call become part of another program', async () => {
  const mcp = await clientOf();
  const strange = `printf '%s\\n' "it's" '$(x)' '\`y\`' "\\"" '\\u0041' '{"a": 1}' 'é𝄞'`;
  const { text } = await call(mcp, 'sandbox_bash', { command: strange });
  expect(text).toContain(`it's\n$(x)\n\`y\`\n"\n\\u0041\n{"a": 1}\né𝄞`);
});

it('does not hand the settings of a kernel on to a command', async () => {
  const mcp = await clientOf();
  const { text } = await call(mcp, 'sandbox_bash', { command: 'env | cut -d= -f1 | sort' });
  expect(text).not.toMatch(/JUPYTER_TOKEN|FORCE_COLOR|JPY_|MPLBACKEND/);
  expect(text).toContain('NO_COLOR');
});

it('ends a command at its limit with all its children, and keeps what it printed', async () => {
  const mcp = await clientOf();
  const file = path.join(world.projectDir, 'children');
  const command = [
    'echo begun',
    'sleep 300 & echo $! > children.plain',
    `python3 -c "import os, time; os.setsid(); open('children', 'w').write(str(os.getpid())); time.sleep(300)" &`,
    'wait',
  ].join('\n');
  const { text, meta } = await call(mcp, 'sandbox_bash', { command, timeout_s: 3 });
  expect(meta).toMatchObject({ timed_out: true });
  expect(text).toContain('its time limit was over');
  expect(text).toContain('stdout:\nbegun');
  await until('the child in a group of its own is gone', () => !isAlive(pidIn(file)));
  await until('the other child is gone', () => !isAlive(pidIn(`${file}.plain`)));
});

it('answers with a handle when its wait is over, and sends nothing twice', async () => {
  const mcp = await clientOf();
  const command =
    'echo run >> runs.txt; echo one; while [ ! -e go ]; do sleep 0.05; done; echo two';
  const first = await call(mcp, 'sandbox_bash', { command, wait_s: 2, timeout_s: 120 });
  expect(first.text).toContain('It goes on by itself');
  expect(first.text).toContain('stdout:\none');
  const run_id = idOf(first, 'run_id');
  const beside = await call(mcp, 'sandbox_bash', { command: 'echo beside' });
  expect(beside.text).toContain('beside');
  writeFileSync(path.join(world.projectDir, 'go'), '');
  const last = await call(mcp, 'get_run', { run_id, wait_s: 30 });
  expect(last.text).toContain('one\ntwo\n[display]\nexit code 0');
  expect(readFileSync(path.join(world.projectDir, 'runs.txt'), 'utf8')).toBe('run\n');
});

it('ends with interrupt_kernel, children included', async () => {
  const mcp = await clientOf();
  const command = 'sleep 300 & echo $! > stopped; wait';
  const started = await call(mcp, 'sandbox_bash', { command, wait_s: 0, timeout_s: 600 });
  const file = path.join(world.projectDir, 'stopped');
  await until('it runs', () => existsSync(file) && pidIn(file) > 0);
  const session_id = /interrupt_kernel\(session_id="(s-\w+)"\)/.exec(started.text)?.[1];
  const stopped = await call(mcp, 'interrupt_kernel', { session_id });
  expect(stopped.meta).toMatchObject({ state: 'interrupted' });
  await until('the child is gone', () => !isAlive(pidIn(file)));
});

it('ends when the call is taken back', async () => {
  const mcp = await clientOf();
  const stop = new AbortController();
  const file = path.join(world.projectDir, 'taken');
  const calling = mcp
    .callTool(
      { name: 'sandbox_bash', arguments: { command: 'echo $$ > taken; sleep 300; true' } },
      { signal: stop.signal },
    )
    .catch(() => undefined);
  await until('it runs', () => existsSync(file) && pidIn(file) > 0);
  stop.abort();
  await calling;
  await until('it is gone', () => !isAlive(pidIn(file)));
});

it('lets what it started in the background go on', async () => {
  const mcp = await clientOf();
  const command = '(sleep 1; echo later) & echo $! > background; echo now';
  const { text, meta } = await call(mcp, 'sandbox_bash', { command });
  expect(meta).toMatchObject({ exit_code: 0 });
  expect(text).toContain('Processes that it started in the background go on');
  const file = /their output goes to (\S+) /.exec(text)?.[1] ?? '';
  await until('its output arrives', () => readFileSync(file, 'utf8') === 'now\nlater\n');
});

it('shows beginning and end of long output, and where all of it is', async () => {
  const mcp = await clientOf();
  const { text } = await call(mcp, 'sandbox_bash', { command: 'seq 1 200000; echo done >&2' });
  expect(text.length).toBeLessThan(11_000);
  expect(text).toContain('stdout:\n1\n2\n3\n');
  expect(text).toMatch(/\n199999\n200000\n\[stdout: 1\.2 MiB in all/);
  expect(text).toContain('stderr:\ndone');
  const file = /sandbox_read\(sandbox_id="([^"]+)", path="([^"]+)"\)/.exec(text);
  const args = { sandbox_id: file?.[1], path: file?.[2], offset: 150_000, limit: 3 };
  const { text: part } = await call(mcp, 'sandbox_read', args);
  expect(part).toBe(
    '150000\t150000\n150001\t150001\n150002\t150002\n[lines 150000-150002 of 200,000 · more: offset=150003]',
  );
});

it('shows binary output and terminal codes as text', async () => {
  const mcp = await clientOf();
  const command = String.raw`printf '\033[31mred\033[0m \xff\xfe end\n'`;
  const { text } = await call(mcp, 'sandbox_bash', { command });
  expect(text).toContain('red \uFFFD\uFFFD end');
});

it('carries on in the next process what this one leaves', async () => {
  const first = await world.newApp();
  const mcp = await clientOf(first);
  const command = 'echo before; while [ ! -e carry ]; do sleep 0.05; done; echo after; exit 4';
  const started = await call(mcp, 'sandbox_bash', { command, wait_s: 1, timeout_s: 120 });
  const run_id = idOf(started, 'run_id');
  await first.close();
  const second = await world.newApp();
  await second.reattach(new AbortController().signal);
  const again = await clientOf(second);
  writeFileSync(path.join(world.projectDir, 'carry'), '');
  await until('its end is known', async () =>
    (await call(again, 'get_run', { run_id, wait_s: 2 })).text.includes(
      'before\nafter\n[display]\nexit code 4',
    ),
  );
});

it('hides its kernels and deletes them with the process', async () => {
  const own = await world.newApp();
  const mcp = await clientOf(own);
  const { meta } = await call(mcp, 'sandbox_bash', { command: 'true' });
  const server = own.services.sessions.server(String(meta['sandbox_id']));
  const hidden = await call(mcp, 'list_sessions');
  for (const { id } of await server.listKernels()) expect(hidden.text).not.toContain(id);
  const before = (await server.listKernels()).length;
  await own.close();
  expect((await server.listKernels()).length).toBeLessThan(before);
});

describe('refuses', () => {
  it.each([
    [{ command: '' }, 'input/invalid'],
    [{ command: 'true', timeout_s: -1 }, 'timeout_s'],
    [{ command: 'true', timeout_s: 'soon' }, 'timeout_s'],
    [{ command: 'a\0b' }, 'NUL'],
    [{ command: 'true', cwd: 'nowhere' }, 'path/not-found'],
    [{ command: 'true', sandbox_id: 'sb-none' }, 'sandbox/unknown'],
  ])('%j', async (args, expected) => {
    const mcp = await clientOf();
    const text = await callError(mcp, 'sandbox_bash', args);
    expect(text).toContain(expected);
    expect(text).toContain('Next:');
  });
});

it('says what happened to a command whose sandbox was stopped', async () => {
  const own = createWorld();
  try {
    const of = await own.newApp();
    const mcp = await clientOf(of);
    await call(mcp, 'sandbox_bash', { command: 'true' });
    const started = await call(mcp, 'sandbox_bash', {
      command: 'sleep 300',
      wait_s: 0,
      timeout_s: 900,
    });
    await call(mcp, 'sandbox_stop', { sandbox_id: idOf(started, 'sandbox_id') });
    const ended = await call(mcp, 'get_run', { run_id: idOf(started, 'run_id') });
    expect(ended.text).toContain('The sandbox was stopped while it ran');
  } finally {
    await own.end();
  }
}, 120_000);
