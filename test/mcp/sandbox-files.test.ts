/** sandbox_read, sandbox_write and sandbox_edit through MCP on a real Jupyter: windows, staleness, what stays of a file. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '#main/app.ts';
import { tools } from '#tools/index.ts';
import { addAccount, addRepo } from '../fakes/hub/fake-repo.ts';
import { startFakeServices, TOKEN_ENV } from '../fakes/hub/fake-services.ts';
import { NOTHING_SPENT } from '../rigs/ask-always.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { call, callError } from './call.ts';
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

const inProject = (name: string): string => path.join(world.projectDir, name);
const textOf = (name: string): string => readFileSync(inProject(name), 'utf8');

it('reads windows with line numbers, and says how to read on', async () => {
  const mcp = await clientOf();
  const lines = Array.from({ length: 5000 }, (_, index) => `line ${index + 1}`);
  writeFileSync(inProject('long.txt'), `${lines.join('\n')}\n`);
  const { text } = await call(mcp, 'sandbox_read', { path: 'long.txt', limit: 3 });
  expect(text).toBe('1\tline 1\n2\tline 2\n3\tline 3\n[lines 1-3 of 5,000 · more: offset=4]');
  const last = await call(mcp, 'sandbox_read', { path: inProject('long.txt'), offset: 4999 });
  expect(last.text).toBe('4999\tline 4999\n5000\tline 5000\n[lines 4999-5000 of 5,000]');
  const beyond = await call(mcp, 'sandbox_read', { path: 'long.txt', offset: 9000 });
  expect(beyond.text).toContain('has 5000 lines; there is none from 9000 on');
});

it('reaches the end of a file of any length within the budget, line by line', async () => {
  const mcp = await clientOf();
  const lines = Array.from({ length: 900 }, (_, index) => `${index + 1} ${'é'.repeat(index % 90)}`);
  writeFileSync(inProject('budget.txt'), lines.join('\n'));
  const seen: string[] = [];
  for (let offset = 1; offset !== 0;) {
    const { text } = await call(mcp, 'sandbox_read', { path: 'budget.txt', offset });
    expect(text.length).toBeLessThanOrEqual(10_000);
    seen.push(...text.split('\n').slice(0, -1));
    offset = Number(/more: offset=(\d+)\]$/.exec(text)?.[1] ?? 0);
  }
  expect(seen).toEqual(lines.map((line, index) => `${index + 1}\t${line}`));
});

it.each([
  ['one line without an end', 'only', '1\tonly\n[lines 1-1 of 1]'],
  ['CRLF', 'a\r\nb\r\n', '1\ta\n2\tb\n[lines 1-2 of 2]'],
  ['empty lines', '\n\na', '1\t\n2\t\n3\ta\n[lines 1-3 of 3]'],
])('reads %s', async (_name, content, expected) => {
  const mcp = await clientOf();
  writeFileSync(inProject('small.txt'), content);
  expect((await call(mcp, 'sandbox_read', { path: 'small.txt' })).text).toBe(expected);
});

it('cuts long lines, counts what is large, and tells what is no text', async () => {
  const mcp = await clientOf();
  writeFileSync(inProject('wide.txt'), `${'x'.repeat(3_000_000)}\nnext\n`);
  const wide = await call(mcp, 'sandbox_read', { path: 'wide.txt' });
  expect(wide.text).toContain(`${'x'.repeat(2000)} [line cut at 2000 characters]\n2\tnext`);
  writeFileSync(inProject('latin.txt'), Buffer.from('caf\xe9\nplain\n', 'latin1'));
  const latin = await call(mcp, 'sandbox_read', { path: 'latin.txt' });
  expect(latin.text).toContain('1\tcaf\uFFFD\n2\tplain\nSome bytes are not valid UTF-8');
  writeFileSync(inProject('a.png'), Buffer.from('89504e470d0a1a0a0000', 'hex'));
  const image = await call(mcp, 'sandbox_read', { path: 'a.png' });
  expect(image.text).toContain('is a binary file: PNG image, 10 B');
  writeFileSync(inProject('empty'), '');
  expect((await call(mcp, 'sandbox_read', { path: 'empty' })).text).toContain('is empty');
  mkdirSync(inProject('folder/inner'), { recursive: true });
  writeFileSync(inProject('folder/file'), 'abc');
  const folder = await call(mcp, 'sandbox_read', { path: 'folder' });
  expect(folder.text).toBe(`${inProject('folder')} is a folder with 2 entries:\nfile  3 B\ninner/`);
});

it('says what is there instead of what is not, and reads nothing but files', async () => {
  const mcp = await clientOf();
  writeFileSync(inProject('config.yaml'), '');
  const missing = await callError(mcp, 'sandbox_read', { path: 'confg.yaml' });
  expect(missing).toContain('[path/not-found]');
  expect(missing).toContain('Did you mean "config.yaml"?');
  expect(await callError(mcp, 'sandbox_read', { path: '/dev/zero' })).toContain(
    '[file/unsupported]',
  );
  expect(await callError(mcp, 'sandbox_read', { path: 'a\0b' })).toContain('[input/invalid]');
});

it('creates files and folders, and overwrites only what was read and is unchanged', async () => {
  const mcp = await clientOf();
  const made = await call(mcp, 'sandbox_write', { path: 'new/deep/a.txt', content: 'eins\nü𝄞\n' });
  expect(made.text).toContain('Created');
  expect(made.text).toContain('2 lines');
  expect(textOf('new/deep/a.txt')).toBe('eins\nü𝄞\n');
  // What was written is known as well as what was read.
  const again = await call(mcp, 'sandbox_write', { path: 'new/deep/a.txt', content: 'zwei\n' });
  expect(again.text).toContain('Replaced');
  writeFileSync(inProject('theirs.txt'), 'theirs');
  const unread = await callError(mcp, 'sandbox_write', { path: 'theirs.txt', content: 'mine' });
  expect(unread).toContain('[file/not-read]');
  // A look behind its end has shown nothing of it.
  await call(mcp, 'sandbox_read', { path: 'theirs.txt', offset: 9 });
  expect(await callError(mcp, 'sandbox_write', { path: 'theirs.txt', content: 'mine' })).toContain(
    '[file/not-read]',
  );
  await call(mcp, 'sandbox_read', { path: 'theirs.txt' });
  writeFileSync(inProject('theirs.txt'), 'changed');
  await call(mcp, 'sandbox_read', { path: 'theirs.txt', offset: 9 });
  const stale = await callError(mcp, 'sandbox_write', { path: 'theirs.txt', content: 'mine' });
  expect(stale).toContain('[file/changed]');
  const edit = { path: 'theirs.txt', old_str: 'theirs', new_str: 'mine' };
  expect(await callError(mcp, 'sandbox_edit', edit)).toContain('[file/changed]');
  expect(textOf('theirs.txt')).toBe('changed');
  await call(mcp, 'sandbox_read', { path: 'theirs.txt' });
  await call(mcp, 'sandbox_write', { path: 'theirs.txt', content: 'mine' });
  expect(textOf('theirs.txt')).toBe('mine');
  expect(readdirSync(world.projectDir).filter((name) => name.startsWith('.glovebox-'))).toEqual([]);
});

it('keeps mode and links of a file', async () => {
  const mcp = await clientOf();
  writeFileSync(inProject('run.sh'), '#!/bin/sh\necho a\n');
  chmodSync(inProject('run.sh'), 0o750);
  symlinkSync('run.sh', inProject('link.sh'));
  await call(mcp, 'sandbox_read', { path: 'link.sh' });
  // The same file under its other name.
  await call(mcp, 'sandbox_edit', { path: 'run.sh', old_str: 'echo a', new_str: 'echo b' });
  await call(mcp, 'sandbox_write', { path: 'link.sh', content: '#!/bin/sh\necho c\n' });
  expect(textOf('run.sh')).toBe('#!/bin/sh\necho c\n');
  expect(statSync(inProject('run.sh')).mode & 0o777).toBe(0o750);
  expect(readlinkSync(inProject('link.sh'))).toBe('run.sh');
});

it('edits with the difference, the way it matched, and a look at the syntax', async () => {
  const mcp = await clientOf();
  writeFileSync(inProject('m.py'), '\ufeffdef f():\r\n    return 1\r\n\r\n\r\nX = 1\r\n');
  const unread = await callError(mcp, 'sandbox_edit', { path: 'm.py', old_str: '1', new_str: '2' });
  expect(unread).toContain('[file/not-read]');
  await call(mcp, 'sandbox_read', { path: 'm.py' });
  const edit = { path: 'm.py', old_str: 'return 1', new_str: 'y = 2\nreturn y' };
  const wrong = await call(mcp, 'sandbox_edit', edit);
  expect(wrong.text).toContain('(match: exact)');
  expect(wrong.text).toMatch(/Python syntax: WRONG in line 3: /);
  expect(wrong.text).toContain('-    return 1\n+    y = 2\n+return y\n');
  const right = { path: 'm.py', old_str: 'return y\n', new_str: '    return y\n' };
  const { text } = await call(mcp, 'sandbox_edit', right);
  expect(text).toContain('Python syntax: fine.');
  expect(textOf('m.py')).toBe('\ufeffdef f():\r\n    y = 2\r\n    return y\r\n\r\n\r\nX = 1\r\n');
  const none = await callError(mcp, 'sandbox_edit', { path: 'm.py', old_str: 'Z', new_str: 'Q' });
  expect(none).toContain('[file/no-match]');
});

it('never runs what it looks at', async () => {
  const mcp = await clientOf();
  const content = 'open("ran", "w").close()\nraise SystemExit\n';
  const { text } = await call(mcp, 'sandbox_write', { path: 'danger.py', content });
  expect(text).toContain('Python syntax: fine.');
  expect(readdirSync(world.projectDir)).not.toContain('ran');
});

it('creates a file by an edit only where none is', async () => {
  const mcp = await clientOf();
  const made = await call(mcp, 'sandbox_edit', { path: 'e.txt', old_str: '', new_str: 'a\nb\n' });
  expect(made.text).toContain('Created');
  expect(made.text).toContain('+a\n+b');
  const again = await callError(mcp, 'sandbox_edit', { path: 'e.txt', old_str: '', new_str: 'c' });
  expect(again).toContain('old_str is empty');
  const absent = await callError(mcp, 'sandbox_edit', {
    path: 'n.txt',
    old_str: 'a',
    new_str: 'c',
  });
  expect(absent).toContain('[path/not-found]');
});

it('shows at most sixty lines of a difference', async () => {
  const mcp = await clientOf();
  const lines = Array.from({ length: 100 }, (_, index) => `a ${index}`).join('\n');
  await call(mcp, 'sandbox_write', { path: 'many.txt', content: lines });
  const edit = { path: 'many.txt', old_str: 'a ', new_str: 'b ', replace_all: true };
  const { text } = await call(mcp, 'sandbox_edit', edit);
  expect(text).toContain('exact, 100 places');
  expect(text.split('\n').length).toBeLessThanOrEqual(61);
  expect(text).toContain('more lines of the difference are not shown');
});

it('takes files of up to 4 MiB, and no more', async () => {
  const mcp = await clientOf();
  const content = `${'0123456789abcdef'.repeat(4)}\n`.repeat(60_000);
  await call(mcp, 'sandbox_write', { path: 'big.txt', content });
  expect(textOf('big.txt')).toBe(content);
  const more = await callError(mcp, 'sandbox_write', {
    path: 'big.txt',
    content: content + content,
  });
  expect(more).toContain('[input/too-large]');
  writeFileSync(inProject('bigger.txt'), content + content);
  await call(mcp, 'sandbox_read', { path: 'bigger.txt', limit: 1 });
  const edit = { path: 'bigger.txt', old_str: 'x', new_str: 'y' };
  expect(await callError(mcp, 'sandbox_edit', edit)).toContain('[input/too-large]');
});

it('leaves one whole file when two calls write it at once', async () => {
  const mcp = await clientOf();
  await call(mcp, 'sandbox_write', { path: 'race.txt', content: 'start\n' });
  const edits = await Promise.all(
    ['one', 'two'].map((word) =>
      mcp.callTool({
        name: 'sandbox_write',
        arguments: { path: 'race.txt', content: `${word}\n` },
      }),
    ),
  );
  const refused = edits.filter(({ isError }) => isError === true);
  // One after the other is fine too: what was written is known.
  expect(refused.length).toBeLessThanOrEqual(1);
  expect(textOf('race.txt')).toMatch(/^(one|two)\n$/);
});

it('hands a file of a sandbox over to an upload to the Hub, byte by byte', async () => {
  const services = await startFakeServices();
  const own = createWorld({ ...services.env, ...TOKEN_ENV });
  try {
    addAccount(services, 'me');
    const repo = addRepo(services, { type: 'model', id: 'me/model', files: { a: '' } });
    const of = await own.newApp();
    const { client } = await connect('modern', {
      tools,
      services: async () => ({ ...of.services, authorize: async () => NOTHING_SPENT }),
    });
    const made = await call(client, 'sandbox_bash', {
      command: String.raw`printf '\000\377\r\n' > out.bin`,
    });
    const sandbox = String(made.meta['sandbox_id']);
    const upload = { operation: 'upload', repo_id: 'me/model', path: 'out.bin' };
    const source_path = `sandbox:${sandbox}:out.bin`;
    const { text } = await call(client, 'hf_repo_files', { ...upload, source_path });
    expect(text).toContain('Uploaded new file out.bin');
    expect(repo.files.get('out.bin')?.bytes).toEqual(Buffer.from([0, 255, 13, 10]));
    const missing = { ...upload, source_path: `sandbox:${sandbox}:nope` };
    expect(await callError(client, 'hf_repo_files', missing)).toContain('[path/not-found]');
    expect(services.leaks()).toEqual([]);
  } finally {
    await own.end();
    await services.close();
  }
}, 120_000);
