/** Who gets a session whose owner is gone, under which name its server knows the new one, and what becomes of the run it left. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createJupyterServer } from '#jupyter/rest.ts';
import { createNotebooks } from '#notebook/open-notebook.ts';
import { systemClock as clock } from '#platform/clock.ts';
import { silentLog as log } from '#platform/log.ts';
import { currentIdentity, type ProcessIdentity } from '#platform/process-identity.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel-socket.ts';
import type { SessionRecord } from './contract.ts';
import { RunJournal } from './journal.ts';
import { claim } from './lease.ts';
import { newRunRecord } from './new-run.ts';
import { Session } from './session.ts';
import { carryOnOrphans, takeOver } from './take-over.ts';

const GONE: ProcessIdentity = { ...currentIdentity(), startTime: 'of a process that is gone' };
const ALIVE: ProcessIdentity = { ...currentIdentity(), host: 'elsewhere' };

let dir: string;
let kernel: FakeKernel;
let journal: RunJournal;
let stored: SessionRecord;
let session: Session;

const records = {
  update: (_id: string, change: (current: SessionRecord) => SessionRecord) =>
    Promise.resolve((stored = change(stored))),
};

beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-take-over-')));
  kernel = await new FakeKernel().start();
  journal = new RunJournal(dir);
  const notebooks = createNotebooks({ locksDir: path.join(dir, 'locks'), clock, log });
  const notebook = await notebooks.createFresh(dir, 'a');
  stored = {
    id: 's-abcdefgh',
    sandboxId: 'local-test',
    projectDir: dir,
    notebookPath: notebook.path,
    kernelId: kernel.kernelId,
    kernel: { name: 'python3', display_name: 'Python 3', language: 'python' },
    interruptMode: 'signal',
    connectionId: 'of-the-owner',
    process: null,
    loss: null,
    generation: 1,
    serverGeneration: 1,
    ownsKernel: true,
    owner: GONE,
    createdMs: clock.now(),
  };
  session = new Session({
    record: stored,
    notebook,
    server: createJupyterServer({ endpoint: () => Promise.resolve(kernel.endpoint) }),
    journal,
    clock,
    log,
    settings: {
      kernelReadyMs: 60_000,
      maxOutputBytes: 1e6,
      allowStdin: false,
      onCancel: 'interrupt',
    },
    sandboxStatus: () => Promise.resolve({ id: 'local-test', state: 'ready', generation: 1 }),
    updateRecord: (change) => Promise.resolve((stored = { ...stored, ...change })),
  });
  await session.connect('of-this-process');
});
afterEach(async () => {
  await session.disconnect();
  await session.notebook.close();
  await kernel.stop();
  await rm(dir, { recursive: true, force: true });
});

it('R9: the record names the connection of the new owner, under which its server keeps what is missed', async () => {
  await takeOver(session, { records, journal, clock, log });
  expect(stored).toMatchObject({ owner: currentIdentity(), connectionId: 'of-this-process' });
});

it('R9: a process that came second leaves everything to the first', async () => {
  stored = { ...stored, owner: ALIVE };
  await takeOver(session, { records, journal, clock, log });
  expect((await claim(records, stored.id)).owner).toEqual(ALIVE);
  expect(stored.connectionId).toBe('of-the-owner');
});

it('C12: a restart beside the owner does not give its connection away', async () => {
  stored = { ...stored, owner: ALIVE };
  await session.updateRecord({ owner: ALIVE });
  await session.renewKernel('another-of-this-process', {});
  expect(stored).toMatchObject({ connectionId: 'of-the-owner', generation: 2 });
  await session.updateRecord({ owner: currentIdentity() });
  await session.renewKernel('another-of-this-process', {});
  expect(stored).toMatchObject({ connectionId: 'another-of-this-process', generation: 3 });
});

it('R9: a run that another living process took meanwhile is left to it', async () => {
  const record = newRunRecord({ code: 'a', insertedCell: false }, stored, clock.now());
  const files = journal.open(record);
  files.save({ ...record, owner: GONE, state: 'running', sentMs: clock.now() });
  const ofSession = journal.ofSession.bind(journal);
  vi.spyOn(journal, 'ofSession').mockImplementationOnce(async (id) => {
    const found = await ofSession(id);
    files.save({ ...record, owner: ALIVE, state: 'running', sentMs: clock.now() });
    files.close();
    return found;
  });
  await carryOnOrphans(session, { journal, clock, log });
  expect(session.recentRun(record.id)).toBeUndefined();
  expect((await journal.read(record.id)).owner).toEqual(ALIVE);
});

it('R9: a run that a dead process left is decided, also when the answer about it is lost with the connection', async () => {
  const record = newRunRecord({ code: 'a', insertedCell: false }, stored, clock.now());
  const files = journal.open(record);
  files.save({ ...record, owner: GONE, state: 'running', sentMs: clock.now() });
  files.close();
  let asked = 0;
  kernel.onExecute = (request) => {
    asked += 1;
    if (asked === 1) kernel.drop();
    else kernel.run(request);
  };
  await carryOnOrphans(session, { journal, clock, log });
  const run = session.recentRun(record.id);
  await expect.poll(() => run?.state, { timeout: 30_000 }).toBe('output_unknown');
  expect(asked).toBe(2);
});
