/** Output that comes when its run has ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KernelMessage } from '#jupyter/contract.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import { createNotebooks } from '#notebook/open-notebook.ts';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { RunRecord } from './contract.ts';
import { RunJournal } from './journal.ts';
import { LateOutput } from './late-output.ts';
import { newRunRecord } from './new-run.ts';
import { OutputKeeper } from './output-keeper.ts';
import { RecentRuns } from './recent-runs.ts';
import { Run } from './run.ts';

const session = { id: 's-abcdefgh', generation: 1 };
let dir: string;
let journal: RunJournal;
let recent: RecentRuns;
let lookups: number;
let taken: Run[];
let late: LateOutput;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'glovebox-late-'));
  journal = new RunJournal(dir);
  recent = new RecentRuns();
  lookups = 0;
  taken = [];
  late = new LateOutput({
    sessionId: session.id,
    recent,
    journal: {
      ofSession: (id) => {
        lookups += 1;
        return journal.ofSession(id);
      },
      messages: (id) => journal.messages(id),
    },
    log: silentLog,
    createRun,
    onOutput: (run, message) => {
      if (run.receive(message)) taken.push(run);
      run.flush();
    },
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function createRun(record: RunRecord): Run {
  return new Run({
    record,
    files: journal.open(record),
    clock: systemClock,
    maxOutputBytes: 1e6,
    cellIndex: () => undefined,
    queuePosition: () => 0,
  });
}

function endedRun(text: string): Run {
  const run = createRun(newRunRecord({ code: '1', insertedCell: false }, session, 0));
  run.receive(print(text));
  run.update({ state: 'ok', endedMs: 1, saved: true });
  run.close();
  return run;
}

let messages = 0;
const print = (text: string): KernelMessage => ({
  channel: 'iopub',
  header: { msg_id: `m${(messages += 1)}`, msg_type: 'stream', session: 'k' },
  parentHeader: {},
  metadata: {},
  content: { name: 'stdout', text },
  buffers: [],
});

const textOf = (run: Run | undefined): unknown => run?.collector.outputs;
const stdout = (text: string): unknown => [{ output_type: 'stream', name: 'stdout', text }];

it('C19: goes to the run at hand', () => {
  const run = endedRun('first\n');
  recent.add(run);
  late.receive(run.record.msgId, print('late\n'));
  expect(taken).toEqual([run]);
  expect(textOf(run)).toEqual(stdout('first\nlate\n'));
});

it('C19: goes to a run that only the journal has, in order and once', async () => {
  const { record } = endedRun('first\n');
  for (const text of ['a\n', 'b\n', 'c\n']) late.receive(record.msgId, print(text));
  await expect.poll(() => taken.length).toBe(3);
  expect(lookups).toBe(1);
  expect(textOf(taken[0])).toEqual(stdout('first\na\nb\nc\n'));
  late.receive(record.msgId, print('d\n'));
  expect(taken).toHaveLength(4);
  expect(new Set(taken).size).toBe(1);
  const kept: unknown[] = [];
  for await (const { content } of journal.messages(record.id)) kept.push(content['text']);
  expect(kept).toEqual(['first\n', 'a\n', 'b\n', 'c\n', 'd\n']);
});

it('of no run is dropped, and the journal is not searched for it again', async () => {
  const { record } = endedRun('first\n');
  late.receive('unknown', print('x'));
  late.receive('unknown', print('y'));
  late.receive(record.msgId, print('late\n'));
  await expect.poll(() => taken.length).toBe(1);
  late.receive('unknown', print('z'));
  expect(lookups).toBe(2);
});

describe('in a notebook', () => {
  let notebook: OpenNotebook;
  let outputs: OutputKeeper;

  beforeEach(async () => {
    const options = { locksDir: path.join(dir, 'locks'), clock: systemClock, log: silentLog };
    notebook = await createNotebooks(options).createFresh(dir, 'a');
    outputs = new OutputKeeper({ notebook, clock: systemClock, log: silentLog });
  });
  afterEach(() => notebook.close());

  /** A run of that cell that has ended. */
  function ranIn(cellId: string, executionCount: number, message: KernelMessage): Run {
    const part = { code: '1', insertedCell: false, cellId, executionCount };
    const run = createRun(newRunRecord(part, session, 0));
    run.receive(message);
    outputs.keep(run);
    run.update({ state: 'ok', endedMs: 1, saved: true });
    return run;
  }

  const shown = (cellId: string): unknown => notebook.cell(cellId).outputs;

  it('C19: a cell that ran again keeps the outputs of its latest run', () => {
    const { id } = notebook.insertCell({ type: 'code', source: '1' }, { at: 'end' });
    const first = ranIn(id, 1, print('one\n'));
    first.receive(print('late\n'));
    outputs.keepLate(first);
    expect(shown(id)).toMatchObject([{ text: 'one\nlate\n' }]);
    ranIn(id, 2, print('two\n'));
    first.receive(print('later\n'));
    outputs.keepLate(first);
    expect(shown(id)).toMatchObject([{ text: 'two\n' }]);
    expect(textOf(first)).toMatchObject([{ text: 'one\nlate\nlater\n' }]);
  });

  it('O3: the update of a display that a cell no longer shows leaves its other displays alone', () => {
    const display = (type: string, displayId: string, text: string): KernelMessage => ({
      ...print(''),
      header: { msg_id: `d${(messages += 1)}`, msg_type: type, session: 'k' },
      content: {
        data: { 'text/plain': text },
        metadata: {},
        transient: { display_id: displayId },
      },
    });
    const { id } = notebook.insertCell({ type: 'code', source: '1' }, { at: 'end' });
    const other = notebook.insertCell({ type: 'code', source: '2' }, { at: 'end' });
    ranIn(id, 1, display('display_data', 'old', 'old'));
    ranIn(id, 2, display('display_data', 'new', 'new'));
    const updating = ranIn(other.id, 3, print('x'));
    outputs.onOutput(updating, display('update_display_data', 'old', 'newer old'));
    expect(shown(id)).toMatchObject([{ data: { 'text/plain': 'new' } }]);
    outputs.onOutput(updating, display('update_display_data', 'new', 'newer'));
    expect(shown(id)).toMatchObject([{ data: { 'text/plain': 'newer' } }]);
  });
});
