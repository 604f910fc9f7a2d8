/** What the journal keeps of a run, whatever happens while it is written, and which runs and sessions stay. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock as clock } from '#platform/clock.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import { sessionRecord } from '../../test/rigs/session-record.ts';
import type { RunRecord, SessionRecord } from './contract.ts';
import { RunJournal, type StoredMessage } from './journal.ts';
import { createSessionRecords, removeLongEnded } from './records.ts';

const DAY_MS = 24 * 3_600_000;

const newRecord = (id: string, change: Partial<RunRecord> = {}): RunRecord => ({
  version: 1,
  id,
  sessionId: `s-${id.split('-')[1] ?? ''}`,
  msgId: 'm',
  code: '1',
  insertedCell: false,
  storeHistory: true,
  generation: 1,
  owner: currentIdentity(),
  state: 'ok',
  createdMs: 0,
  saved: true,
  ...change,
});

function newFolder(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'glovebox-journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const output = (id: string, text = id): StoredMessage => ({
  id,
  type: 'stream',
  content: { name: 'stdout', text },
});

async function idsOf(journal: RunJournal, runId: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { id } of journal.messages(runId)) ids.push(id);
  return ids;
}

it('nothing is on disk before the first record, then one private file', () => {
  const dir = newFolder();
  const files = new RunJournal(dir).open({ id: 'r-a-b' });
  expect(readdirSync(dir)).toEqual([]);
  files.save(newRecord('r-a-b'));
  files.append(output('1'));
  files.close();
  expect(readdirSync(path.join(dir, 'runs'))).toEqual(['r-a-b.jsonl']);
  expect(statSync(path.join(dir, 'runs/r-a-b.jsonl')).mode & 0o777).toBe(0o600);
});

it('the last word about a run holds, and a change leaves the rest as it was', async () => {
  const journal = new RunJournal(newFolder());
  const files = journal.open({ id: 'r-a-b' });
  const record = newRecord('r-a-b', { state: 'sending', saved: false, code: 'print(1)' });
  files.save(record);
  files.append(output('1'));
  files.save({ ...record, state: 'error', error: { name: 'E', value: 'v' } });
  expect(await journal.read('r-a-b')).toEqual({
    ...record,
    state: 'error',
    error: { name: 'E', value: 'v' },
  });
  expect(await idsOf(journal, 'r-a-b')).toEqual(['1']);
  files.close();
});

it('a half line, of a process that died while it wrote, costs that line only', async () => {
  const dir = newFolder();
  const journal = new RunJournal(dir);
  const first = journal.open({ id: 'r-a-b' });
  first.save(newRecord('r-a-b', { state: 'running', saved: false }));
  first.append(output('1'));
  first.close();
  const file = path.join(dir, 'runs/r-a-b.jsonl');
  appendFileSync(file, '{"run":{"state":"ok","sav');
  expect(await journal.read('r-a-b')).toMatchObject({ state: 'running', saved: false });
  const second = journal.open({ id: 'r-a-b', sentMs: 1 });
  second.append(output('2'));
  second.save(newRecord('r-a-b', { state: 'lost' }));
  second.close();
  expect(await journal.read('r-a-b')).toMatchObject({ state: 'lost' });
  expect(await idsOf(journal, 'r-a-b')).toEqual(['1', '2']);
});

it('much output goes into a second file, in order, also when another process carries on', async () => {
  const dir = newFolder();
  const journal = new RunJournal(dir);
  const first = journal.open({ id: 'r-a-b' });
  first.save(newRecord('r-a-b', { state: 'running', saved: false }));
  for (const id of ['1', '2', '3']) first.append(output(id, 'x'.repeat(40_000)));
  first.append(output('4'));
  first.close();
  const second = journal.open({ id: 'r-a-b', sentMs: 1 });
  second.append(output('5'));
  second.save(newRecord('r-a-b'));
  second.close();
  expect(await idsOf(journal, 'r-a-b')).toEqual(['1', '2', '3', '4', '5']);
  expect(statSync(path.join(dir, 'runs/r-a-b.jsonl')).size).toBeLessThan(70_000);
  expect(await journal.read('r-a-b')).toMatchObject({ state: 'ok' });
});

it('the file of a new run is one that stood ready; a run that was sent keeps its own', async () => {
  const dir = newFolder();
  const journal = new RunJournal(dir);
  journal.open({ id: 'r-a-a' }).save(newRecord('r-a-a'));
  journal.prepare();
  expect(readdirSync(path.join(dir, 'runs'))).toHaveLength(2);
  const again = journal.open({ id: 'r-a-a', sentMs: 1 });
  again.append(output('1'));
  again.flush();
  expect(readdirSync(path.join(dir, 'runs'))).toHaveLength(2);
  journal.open({ id: 'r-a-b' }).save(newRecord('r-a-b'));
  expect(readdirSync(path.join(dir, 'runs')).toSorted()).toEqual(['r-a-a.jsonl', 'r-a-b.jsonl']);
  expect(await idsOf(journal, 'r-a-a')).toEqual(['1']);
  expect(await journal.read('r-a-b')).toMatchObject({ id: 'r-a-b', state: 'ok' });
});

it('a damaged record is told as such, an unknown run too', async () => {
  const dir = newFolder();
  const journal = new RunJournal(dir);
  journal.open({ id: 'r-a-b' }).save(newRecord('r-a-b'));
  appendFileSync(path.join(dir, 'runs/r-a-b.jsonl'), '{"run":{"state":"dancing"}}\n');
  await expect(journal.read('r-a-b')).rejects.toMatchObject({ code: 'record/damaged' });
  await expect(journal.read('r-a-c')).rejects.toMatchObject({ code: 'run/unknown' });
  await expect(journal.read('../x')).rejects.toMatchObject({ code: 'run/unknown' });
});

it('R5: old runs of any session are swept with all their files, but those that may be carried on', async () => {
  const dir = newFolder();
  const journal = new RunJournal(dir);
  const add = (id: string, change: Partial<RunRecord>): void => {
    const files = journal.open({ id });
    files.save(newRecord(id, change));
    files.append(output('1', 'x'.repeat(100_000)));
    files.close();
  };
  add('r-old-a', { endedMs: 0 });
  add('r-new-b', { endedMs: 2 * DAY_MS });
  add('r-live-c', { state: 'running', saved: false });
  add('r-gone-d', { state: 'running', saved: false });
  const left = path.join(dir, 'runs/.spare-1-0a1b2c3d');
  writeFileSync(left, '');
  utimesSync(left, 0, 0);
  journal.prepare();
  await journal.sweep(8 * DAY_MS, ({ sessionId }) => sessionId === 's-live');
  expect(existsSync(left)).toBe(false);
  // The one of this process stays until it ends.
  expect(readdirSync(path.join(dir, 'runs'))).toHaveLength(5);
  journal.close();
  expect(readdirSync(path.join(dir, 'runs')).toSorted()).toEqual([
    'r-live-c.jsonl',
    'r-live-c.output.jsonl',
    'r-new-b.jsonl',
    'r-new-b.output.jsonl',
  ]);
});

it('what is on record of a session goes 30 days after its end, and of one that has not ended never', async () => {
  const fail = (message: string): never => {
    throw new Error(message);
  };
  const records = createSessionRecords(newFolder(), clock, fail);
  const add = (id: string, change: Partial<SessionRecord>): Promise<SessionRecord> =>
    records.create(id, sessionRecord({ id, owner: currentIdentity(), ...change }));
  await add('s-lives', {});
  await add('s-old', { endedMs: 0 });
  await add('s-open', { endedMs: 0 });
  await add('s-young', { endedMs: 2 * DAY_MS });
  await removeLongEnded(records, 31 * DAY_MS, (id) => Promise.resolve(id === 's-open'));
  expect((await records.list()).map(({ id }) => id)).toEqual(['s-lives', 's-open', 's-young']);
});
