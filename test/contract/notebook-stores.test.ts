/** Every store of notebooks: a disk, and the contents API of a real Jupyter server. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createContents, type Contents } from '#jupyter/contents.ts';
import { ContentsStore } from '#notebook/stores/contents.ts';
import { DiskStore } from '#notebook/stores/disk.ts';
import { systemClock } from '#platform/clock.ts';
import { startJupyterServer, type RunningJupyterServer } from '../rigs/jupyter-server.ts';
import { describeStore } from './notebook-store-contract.ts';

let dir: string;
let jupyter: RunningJupyterServer;
let client: Contents;

beforeAll(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-stores-')));
  jupyter = await startJupyterServer({ module: 'ours' });
  client = createContents({ endpoint: () => Promise.resolve(jupyter.endpoint) });
  await mkdir(path.join(jupyter.rootDir, 'a folder & more'));
});
afterAll(async () => {
  await jupyter.stop();
  await rm(dir, { recursive: true, force: true });
});

const onDisk = (file: string): DiskStore =>
  new DiskStore(file, { locksDir: path.join(dir, 'locks'), clock: systemClock });

describeStore('a folder', () => ({
  newStore: async () => onDisk(path.join(dir, `${randomUUID()}.ipynb`)),
  again: ({ path: file }) => onDisk(file),
}));

const onServer = (serverPath: string): ContentsStore =>
  new ContentsStore({ client, serverPath, serverName: 'the server' });

describeStore('the contents API', () => ({
  newStore: async () => onServer(`a folder & more/${randomUUID()} #1?.ipynb`),
  again: ({ path: name }) => onServer(name.replace(' on the server', '')),
}));

it('D12: what somebody else saved is not replaced unseen, not even between a look and the write that follows', async () => {
  const first = await client.write('both.txt', 'first', { version: undefined });
  expect(await client.write('both.txt', 'not seen', { version: undefined })).toBeUndefined();
  // As JupyterLab saves, without a condition.
  const theirs = await client.write('both.txt', 'of the person');
  expect(await client.write('both.txt', 'of the agent', { version: first })).toBeUndefined();
  expect(await client.read('both.txt')).toEqual({ text: 'of the person', version: theirs });
  expect(await client.write('both.txt', 'merged', { version: theirs })).not.toBeUndefined();
  await client.remove('both.txt');
  expect(await client.write('both.txt', 'merged', { version: theirs })).toBeUndefined();
  expect(await client.version('both.txt')).toBeUndefined();
  const all = Array.from({ length: 8 }, (_, index) =>
    client.write('one.txt', `of ${index}`, { version: undefined }),
  );
  expect((await Promise.all(all)).filter((version) => version !== undefined)).toHaveLength(1);
});

it('a file of more than 64 MiB goes to the server in several requests', async () => {
  const text = `${'a😀'.repeat(20_000_000)}end`;
  await client.write('large.txt', text);
  const { size } = await stat(path.join(jupyter.rootDir, 'large.txt'));
  expect(size).toBe(Buffer.byteLength(text));
  await client.remove('large.txt');
});

it('a server that cannot be reached is said to be, and nothing is taken for gone', async () => {
  const gone = createContents({
    endpoint: () => Promise.resolve({ baseUrl: 'http://127.0.0.1:9/', headers: {} }),
  });
  await expect(gone.version('a.ipynb')).rejects.toMatchObject({ code: 'server/unreachable' });
  const store = new ContentsStore({ client: gone, serverPath: 'a.ipynb', serverName: 'x' });
  await expect(store.write([Buffer.from('x')], undefined)).rejects.toMatchObject({
    code: 'notebook/save-failed',
  });
});
