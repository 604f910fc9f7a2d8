/** N8: what was written for keeps comes home before a sandbox is gone, and nothing that goes wrong there holds up its end. */
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { silentLog } from '#platform/log.ts';
import { defineBackend, type KeptOutputs, type SandboxStatus } from '#sandbox/backend.ts';
import { UNSETTLED } from '#sandbox/kept-outputs.ts';
import { reconcile } from '#sandbox/reconcile.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { Sandboxes } from '#sandbox/sandboxes.ts';
import { createManualClock } from '../../test/fakes/manual-clock.ts';
import { createBringHome, type BroughtHome, type OutputsOptions } from './outputs.ts';
import type { TransferRequest } from './project-transfer.ts';
import { createTakeHome } from './take-kept-home.ts';

const { signal } = new AbortController();
const pulled: TransferRequest[] = [];
const PULLED = {
  sandboxId: 'modal-x',
  localPath: '/project/outputs/modal-x',
  remotePath: '/workspace/outputs',
  isFolder: true,
  files: 2,
  bytes: 2048,
  unchanged: 0,
  sha256: '',
  leftOut: [],
  changed: [],
};

function bringHome(
  facts: {
    options?: Record<string, string | null>;
    rootDir?: string;
    project?: string;
    isThere?: boolean;
    isLost?: boolean;
  } = {},
  pull: OutputsOptions['transfer']['pull'] = async () => PULLED,
): Promise<BroughtHome['notes']> {
  pulled.length = 0;
  const work = createBringHome({
    sandboxes: {
      async optionsOf() {
        if (facts.isLost === true) throw new Error('its record cannot be read');
        return facts.options ?? {};
      },
      serverRootDir: async () => facts.rootDir,
      origin: async () => ({ projectDir: facts.project ?? '/project', backend: 'modal' }),
    },
    transfer: {
      pull: (request, wait) => {
        pulled.push(request);
        return pull(request, wait);
      },
    },
    projectDir: '/project',
    clock: createManualClock(),
    exists: async () => facts.isThere ?? true,
  });
  return work('modal-x', signal).then(({ notes }) => notes);
}

it('goes to a folder of the sandbox, and says where', async () => {
  expect(await bringHome()).toEqual(['brought home: outputs/modal-x (2 files, 2 KiB)']);
  expect(pulled).toMatchObject([{ remotePath: 'outputs', localPath: 'outputs/modal-x' }]);
  await bringHome({ options: { outputs: 'runs/final' } });
  expect(pulled).toMatchObject([{ remotePath: 'runs/final', localPath: 'runs/final/modal-x' }]);
});

it.each([
  ['nobody wants it', { options: { outputs: null } }],
  ['it is at home', { rootDir: '/project' }],
  ['it is of another project', { project: '/other' }],
  ['there is none', { isThere: false }],
])('does nothing where %s', async (_why, facts) => {
  expect(await bringHome(facts)).toEqual([]);
  expect(pulled).toEqual([]);
});

it('tells what was in the way, and fails with nothing', async () => {
  const failing = (code: ConstructorParameters<typeof GloveboxError>[0]) =>
    bringHome({}, () => Promise.reject(new GloveboxError(code, 'That is 120 MiB in 3 files.')));
  expect(await failing('input/too-large')).toEqual([
    'outputs was not brought home: That is 120 MiB in 3 files.',
  ]);
  expect(await bringHome({ isLost: true })).toEqual([
    'What was written was not brought home: its record cannot be read',
  ]);
  // What nobody may see does not come to where everybody can.
  expect(await failing('sandbox/closed')).toEqual([]);
});

async function temporaryProject(): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-kept-')));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const keep = (
  files: Readonly<Record<string, string>>,
  discard: KeptOutputs['discard'] = async () => undefined,
): KeptOutputs => ({
  files: Object.entries(files).map(([name, text]) => ({ name, size: text.length })),
  place: 'the bucket',
  read: async ({ name }) => Buffer.from(files[name] ?? ''),
  discard,
});

it('N8: what a provider kept comes to the same place, unless it is newer there, too much, of another project, or nowhere a file may be', async () => {
  const projectDir = await temporaryProject();
  const take = (kept: KeptOutputs, of = projectDir, onlyMissing = false) =>
    createTakeHome({ projectDir })(
      { kept, sandbox: { id: 'hf-x', projectDir: of, options: {} }, onlyMissing },
      signal,
    );
  const file = (name: string): Promise<string> =>
    readFile(path.join(projectDir, 'outputs/hf-x', name), 'utf8');
  await mkdir(path.join(projectDir, 'outputs/hf-x'), { recursive: true });
  await writeFile(path.join(projectDir, 'outputs/hf-x/a.txt'), 'newer');
  const kept = keep({ 'a.txt': 'older', 'deep/b.txt': 'b' });
  expect(await take(kept, projectDir, true)).toEqual({
    notes: ['brought home: outputs/hf-x (1 files, 1 B)'],
    fate: 'discard',
  });
  expect([await file('a.txt'), await file('deep/b.txt')]).toEqual(['newer', 'b']);
  expect((await take(kept)).fate).toBe('discard');
  expect(await file('a.txt')).toBe('older');
  const large = { ...keep({ c: '' }), files: [{ name: 'c', size: 101e6 }] };
  expect(await take(large)).toMatchObject({
    notes: [expect.stringMatching(/hf-x wrote 1 files, .*: they are in the bucket$/)],
    fate: 'leave',
  });
  expect(await take(kept, '/elsewhere')).toMatchObject({ fate: 'later' });
  for (const name of ['../escaped', '.git/hooks/post-commit', '/etc/x'])
    expect(await take(keep({ [name]: 'x' })), name).toMatchObject({ fate: 'leave' });
  expect((await readdir(projectDir)).toSorted()).toEqual(['outputs']);
  expect(await readdir(path.join(projectDir, 'outputs'))).toEqual(['hf-x']);
});

it('N8: it is fetched by whoever looks after an end that came by itself, or stops it, once, and deleted there', async () => {
  const projectDir = await temporaryProject();
  const dir = await temporaryProject();
  let discarded = 0;
  const kept = keep({ 'a.txt': 'a' }, async () => void (discarded += 1));
  let isReachable = false;
  let now: SandboxStatus['state'] = 'ready';
  const status = (id: string): SandboxStatus => ({
    id,
    generation: 1,
    state: now,
    ...(now === 'ended' && { end: { cause: 'idle', message: 'Nobody used it.' } }),
  });
  const unexpected = (): never => expect.fail('not in this test');
  const backend = defineBackend({
    id: 'huggingface',
    summary: '',
    needs: {},
    options: z.strictObject({}),
    sharesHost: false,
    offers: unexpected,
    endpoint: unexpected,
    logs: async () => [],
    state: async ({ id }) => status(id),
    async start(_options, context) {
      await context.remember(UNSETTLED);
      return status(context.id);
    },
    async stop() {
      now = 'ended';
    },
    isInUse: async () => true,
    async kept() {
      if (!isReachable) throw new GloveboxError('http/failed', 'no way there');
      return discarded === 0 ? kept : undefined;
    },
  });
  const sandboxes = new Sandboxes({
    registry: new BackendRegistry({ huggingface: async () => backend }),
    dir,
    clock: createManualClock(),
    log: silentLog,
    defaultBackend: () => 'huggingface',
    beforeStop: async () => ({ notes: ['brought home: all'], isHome: true }),
    takeHome: createTakeHome({ projectDir }),
  });
  const request = {
    backend: 'huggingface' as const,
    projectDir,
    options: {},
    admit: async () => ({ attach: async () => {}, release: async () => {} }),
  };
  const wait = { waitMs: 20_000, signal, report: () => undefined };
  const look = (): Promise<void> =>
    reconcile({ sandboxes, projectDir, clock: createManualClock(), log: silentLog }, signal);
  const { id } = await sandboxes.create({ ...request, name: 'one' }, wait);
  const home = path.join(projectDir, 'outputs', id);
  now = 'ended';
  await look();
  expect(await readdir(projectDir)).toEqual([]);
  expect((await sandboxes.stop(id, signal)).notes).toEqual([
    expect.stringContaining('could not be looked at: no way there'),
  ]);
  isReachable = true;
  await look();
  expect([await readdir(home), discarded]).toEqual([['a.txt'], 1]);
  expect((await sandboxes.stop(id, signal)).notes).toBeUndefined();

  // Of one that is stopped while it runs, only what is missing is fetched.
  now = 'ready';
  discarded = 0;
  const other = await sandboxes.create({ ...request, name: 'two' }, wait);
  await mkdir(path.join(projectDir, 'outputs', other.id));
  await writeFile(path.join(projectDir, 'outputs', other.id, 'a.txt'), 'newer');
  expect((await sandboxes.stop(other.id, signal)).notes).toEqual(['brought home: all']);
  expect(discarded).toBe(1);
  const there = path.join(projectDir, 'outputs', other.id, 'a.txt');
  expect(await readFile(there, 'utf8')).toBe('newer');
});
