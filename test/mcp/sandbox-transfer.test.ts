/** sandbox_transfer through MCP on a real Jupyter: bytes, folders, what is refused, and modules that are imported anew. */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
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
/** The sandbox runs on this machine: its own folder stands for the disk of another one. */
let remote: string;

beforeAll(async () => {
  world = createWorld();
  app = await world.newApp();
  remote = mkdtempSync(path.join(tmpdir(), 'glovebox-remote-'));
}, 240_000);
afterAll(async () => {
  await world.end();
  rmSync(remote, { recursive: true, force: true });
});

const clientOf = async (): Promise<Client> =>
  (await connect('modern', { tools, services: async () => app.services })).client;
const here = (name: string): string => path.join(world.projectDir, name);
const there = (name: string): string => path.join(remote, name);
const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

it('moves bytes as they are, there and back, and knows when nothing is to be done', async () => {
  const mcp = await clientOf();
  // More than one request holds, and no text.
  const bytes = randomBytes(5 * 1024 * 1024 + 17);
  writeFileSync(here('weights.bin'), bytes);
  const push = { direction: 'push', local_path: 'weights.bin', remote_path: there('in/w.bin') };
  const pushed = await call(mcp, 'sandbox_transfer', push);
  expect(pushed.meta).toMatchObject({ files: 1, bytes: bytes.length, sha256: sha256(bytes) });
  expect(pushed.text).toContain(`sha256: ${sha256(bytes)}`);
  expect(readFileSync(there('in/w.bin')).equals(bytes)).toBe(true);
  expect((await call(mcp, 'sandbox_transfer', push)).text).toContain('which was there already');
  const pull = { direction: 'pull', local_path: 'back/', remote_path: there('in/w.bin') };
  await call(mcp, 'sandbox_transfer', pull);
  expect(readFileSync(here('back/w.bin')).equals(bytes)).toBe(true);
  writeFileSync(here('empty'), '');
  await call(mcp, 'sandbox_transfer', {
    ...push,
    local_path: 'empty',
    remote_path: there('empty'),
  });
  expect(statSync(there('empty')).size).toBe(0);
  expect([...readdirSync(there('in')), ...readdirSync(here('back'))]).toEqual(['w.bin', 'w.bin']);
});

it('moves folders without what git ignores, and merges them into what is there', async () => {
  const mcp = await clientOf();
  mkdirSync(here('pkg/deep/cache'), { recursive: true });
  mkdirSync(here('pkg/.git'));
  for (const name of [
    'a.txt',
    'run.sh',
    'deep/b.log',
    'deep/keep.log',
    'deep/cache/c',
    '.git/config',
  ])
    writeFileSync(here(`pkg/${name}`), name);
  chmodSync(here('pkg/run.sh'), 0o755);
  writeFileSync(here('.gitignore'), '*.log\n/pkg/deep/cache/\n');
  writeFileSync(here('pkg/deep/.gitignore'), '!keep.log\n');
  symlinkSync('/etc/passwd', here('pkg/link'));
  mkdirSync(there('pkg'));
  writeFileSync(there('pkg/theirs'), 'theirs');
  const push = { direction: 'push', local_path: 'pkg', remote_path: there('pkg') };
  const { text, meta } = await call(mcp, 'sandbox_transfer', push);
  expect(readdirSync(there('pkg'), { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(
    ['a.txt', 'deep', 'deep/.gitignore', 'deep/keep.log', 'run.sh', 'theirs'].toSorted(),
  );
  expect(statSync(there('pkg/run.sh')).mode & 0o111).not.toBe(0);
  expect(text).toContain('left out: .git/, deep/b.log, deep/cache/, link');
  const lines = ['a.txt', 'deep/.gitignore', 'deep/keep.log', 'run.sh']
    .map((name) => `${sha256(readFileSync(here(`pkg/${name}`)))}  ${name}\n`)
    .join('');
  expect(meta['sha256']).toBe(sha256(lines));
  await call(mcp, 'sandbox_transfer', {
    direction: 'pull',
    local_path: 'home',
    remote_path: there('pkg'),
  });
  expect(readFileSync(here('home/theirs'), 'utf8')).toBe('theirs');
});

it('replaces what it has not put there itself only when it is told to', async () => {
  const mcp = await clientOf();
  writeFileSync(here('mine.txt'), 'mine');
  writeFileSync(there('mine.txt'), 'theirs');
  const push = { direction: 'push', local_path: 'mine.txt', remote_path: there('mine.txt') };
  expect(await callError(mcp, 'sandbox_transfer', push)).toContain('[path/exists]');
  expect(readFileSync(there('mine.txt'), 'utf8')).toBe('theirs');
  await call(mcp, 'sandbox_transfer', { ...push, overwrite: true });
  writeFileSync(here('mine.txt'), 'mine again');
  await call(mcp, 'sandbox_transfer', push);
  expect(readFileSync(there('mine.txt'), 'utf8')).toBe('mine again');
  writeFileSync(here('mine.txt'), 'edited');
  const pull = { ...push, direction: 'pull' };
  expect(await callError(mcp, 'sandbox_transfer', pull)).toContain('[path/exists]');
  expect(readFileSync(here('mine.txt'), 'utf8')).toBe('edited');
  await call(mcp, 'sandbox_transfer', { ...pull, overwrite: true });
  expect(readFileSync(here('mine.txt'), 'utf8')).toBe('mine again');
});

it('stays in the project, whatever a path or a link says', async () => {
  const mcp = await clientOf();
  symlinkSync(remote, here('out'));
  writeFileSync(there('secret'), 'secret');
  const refusals = [
    { direction: 'push', local_path: 'out/secret', remote_path: there('x') },
    { direction: 'push', local_path: '../x', remote_path: there('x') },
    { direction: 'pull', local_path: 'out/new', remote_path: there('secret') },
    { direction: 'pull', local_path: '/etc/new', remote_path: there('secret') },
    { direction: 'pull', local_path: '.git/hooks/post-checkout', remote_path: there('secret') },
  ];
  for (const args of refusals)
    expect(await callError(mcp, 'sandbox_transfer', args)).toMatch(
      /\[path\/(not-allowed|not-found)\]/,
    );
  expect(existsSync(there('new'))).toBe(false);
  const missing = { direction: 'pull', local_path: 'y', remote_path: there('secre') };
  expect(await callError(mcp, 'sandbox_transfer', missing)).toContain('Did you mean "secret"?');
});

it('W5: modules are imported anew in sessions that run', async () => {
  const mcp = await clientOf();
  const session = idOf(
    await call(mcp, 'start_new_notebook', { experiment_name: 'reload' }),
    'session_id',
  );
  const write = (value: number): void =>
    writeFileSync(
      here('probe.py'),
      `from part import BASE\ndef f():\n    return BASE + ${value}\n`,
    );
  write(1);
  writeFileSync(here('part.py'), 'BASE = 10\n');
  mkdirSync(here('mods'));
  for (const name of ['probe.py', 'part.py'])
    await call(mcp, 'sandbox_transfer', {
      direction: 'push',
      local_path: name,
      remote_path: there(`mods/${name}`),
    });
  const code = `import sys; sys.path.insert(0, ${JSON.stringify(there('mods'))})\nimport probe\nfrom probe import f as g\ng()`;
  const first = await call(mcp, 'execute_code', { session_id: session, code });
  expect(first.text).toContain('11');
  mkdirSync(here('changed'));
  writeFileSync(here('changed/part.py'), 'BASE = 20\n');
  writeFileSync(here('changed/probe.py'), readFileSync(here('probe.py'), 'utf8').replace('1', '2'));
  const pushed = await call(mcp, 'sandbox_transfer', {
    direction: 'push',
    local_path: 'changed',
    remote_path: there('mods'),
    overwrite: true,
    reload: true,
  });
  expect(pushed.text).toContain(`session ${session} imported anew: part, probe`);
  const again = await call(mcp, 'execute_code', { session_id: session, code: 'g(), probe.f()' });
  expect(again.text).toContain('(22, 22)');
});
