/** The judge of the fault suite sees each kind of broken promise, and none where all were kept. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Call } from './agent.ts';
import type { History, PlayedRun } from './play.ts';
import { brokenPromises } from './promises.ts';
import { codeOf } from './scenario.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'glovebox-promises-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TAG = 't1-0';
const work = { tag: TAG, lines: 2, pauseMs: 0, raises: false };
const begin = { tag: TAG, what: 'begin', pid: process.pid } as const;
const end = { ...begin, what: 'end' } as const;

const answer = (state: string, change: Partial<Call> = {}): Call => ({
  by: 0,
  tool: 'execute_code',
  ok: true,
  text: `run r-1 · ${state}`,
  meta: { run_id: 'r-1', state },
  tookMs: 10,
  limitMs: 1000,
  unanswered: false,
  ...change,
});

interface Cell {
  readonly id: string;
  readonly type: 'code' | 'markdown';
  readonly source: string;
  readonly text?: string;
}

const cell = (text: string): Cell => ({
  id: 'cell0001',
  type: 'code',
  source: codeOf(work, '/log'),
  text,
});

function historyOf(cells: readonly Cell[], change: Partial<History> = {}): History {
  const notebook = path.join(folder, 'notebook.ipynb');
  const stored = cells.map(({ id, type, source, text }) => ({
    id,
    cell_type: type,
    metadata: {},
    source,
    ...(type === 'code' && {
      execution_count: 1,
      outputs: text === undefined ? [] : [{ output_type: 'stream', name: 'stdout', text }],
    }),
  }));
  writeFileSync(
    notebook,
    JSON.stringify({ cells: stored, metadata: {}, nbformat: 4, nbformat_minor: 5 }),
  );
  return {
    seed: 1,
    calls: [],
    runs: [run(answer('ok'))],
    texts: [],
    faults: [],
    atEnd: [],
    killed: [],
    notebook,
    effects: [begin, end],
    stderr: '',
    ...change,
  };
}

const run = (...answers: Call[]): PlayedRun => ({ by: 0, work, answers, interrupted: false });
const LINES = `${TAG}: 0\n${TAG}: 1\n`;

it('finds nothing where all was kept', async () => {
  expect(await brokenPromises(historyOf([cell(LINES)]))).toEqual([]);
});

describe('finds', () => {
  it.each<[string, RegExp, () => History]>([
    [
      'a cell that ran twice',
      /at most once: t1-0 ran twice/,
      () => historyOf([cell(LINES)], { effects: [begin, end, begin, end] }),
    ],
    [
      'the advice to run again',
      /at most once: .* advises/,
      () => historyOf([cell(LINES)], { calls: [answer('lost', { text: 'Run it again.' })] }),
    ],
    ['a cell that is not there', /kept: the cell of t1-0 is not in/, () => historyOf([])],
    [
      'a cell that is there twice',
      /kept: t1-0 has 2 cells/,
      () => historyOf([cell(LINES), { ...cell(LINES), id: 'cell0002' }]),
    ],
    ['a line twice', /kept: lines of t1-0 are doubled/, () => historyOf([cell(LINES + LINES)])],
    [
      'a line that is missing without a word',
      /kept: t1-0 is ok with 1 of 2 lines/,
      () => historyOf([cell(`${TAG}: 0\n`)]),
    ],
    [
      'a line that was answered and is not there',
      /kept: line 1 of t1-0 was answered/,
      () =>
        historyOf([cell(`${TAG}: 0\n`)], {
          runs: [run(answer('ok', { text: `${LINES}may be missing` }))],
        }),
    ],
    [
      'a text that is not there',
      /kept: cell text0001 has/,
      () => historyOf([cell(LINES)], { texts: [{ cellId: 'text0001', texts: ['kept'] }] }),
    ],
    [
      'code that ran and is said not to have',
      /the truth: t1-0 is not_started and ran/,
      () => historyOf([cell(LINES)], { runs: [run(answer('not_started'))] }),
    ],
    [
      'a kernel that is called lost and lives',
      /the truth: t1-0 is lost and its kernel/,
      () => historyOf([cell(LINES)], { runs: [run(answer('lost'))], effects: [begin] }),
    ],
    [
      'an end that did not come',
      /the truth: t1-0 is ok and did not reach its end/,
      () => historyOf([cell(LINES)], { effects: [begin] }),
    ],
    [
      'a new process of which nobody was told',
      /the truth: the kernel process changed .* nobody was told/,
      () =>
        historyOf([cell(LINES)], {
          runs: [run(answer('ok')), { ...run(), work: { ...work, tag: 't1-1' } }],
          effects: [begin, end, { tag: 't1-1', what: 'begin', pid: 1 }],
        }),
    ],
    [
      'a session that is of no use at the end',
      /the truth: agent 0 cannot go on/,
      () => historyOf([cell(LINES)], { atEnd: [answer('queued')] }),
    ],
    [
      'a call without end',
      /no endless call: execute_code took/,
      () => historyOf([cell(LINES)], { calls: [answer('ok', { tookMs: 2000 })] }),
    ],
    [
      'a run without end',
      /no endless call: t1-0 is running at the end/,
      () => historyOf([cell(LINES)], { runs: [run(answer('running'))] }),
    ],
  ])('%s', async (_what, sentence, make) => {
    expect(await brokenPromises(make())).toContainEqual(expect.stringMatching(sentence));
  });
});
