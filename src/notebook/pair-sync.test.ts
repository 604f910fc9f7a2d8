/** D12: a notebook and its copy. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { silentLog } from '#platform/log.ts';
import type { OpenNotebook } from './contract.ts';
import { createNotebooks, type Notebooks } from './open-notebook.ts';
import type { PairBase } from './pair-base.ts';
import { syncPair } from './pair-sync.ts';

let dir: string;
let notebooks: Notebooks;
let record: OpenNotebook;
let copy: OpenNotebook;
let base: PairBase | undefined;

beforeEach(async () => {
  dir = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-pair-')));
  notebooks = createNotebooks({
    locksDir: path.join(dir, 'locks'),
    clock: systemClock,
    log: silentLog,
  });
  await renew();
});
afterEach(async () => {
  await notebooks.closeAll();
  await rm(dir, { recursive: true, force: true });
});

async function renew(): Promise<void> {
  record = await notebooks.createFresh(dir, 'record');
  copy = await notebooks.createFresh(dir, 'copy');
  base = undefined;
}

function sync(): readonly string[] {
  const outcome = syncPair(record, copy, base);
  ({ base } = outcome);
  expect(shown(copy)).toEqual(shown(record));
  return outcome.notices;
}

const shown = (notebook: OpenNotebook): readonly unknown[] =>
  notebook
    .cells()
    .map(({ id, type, source, outputs, executionCount }) => [
      id,
      type,
      source,
      outputs,
      executionCount,
    ]);
const sources = (notebook: OpenNotebook): string =>
  notebook
    .cells()
    .map(({ source }) => source)
    .join(' ');
const add = (notebook: OpenNotebook, source: string, at = notebook.cellCount): string =>
  notebook.insertCell({ type: 'code', source }, { at: 'index', index: at }).id;
const print = (notebook: OpenNotebook, id: string, text: string, count: number): void =>
  void notebook.setOutputs(id, [{ output_type: 'stream', name: 'stdout', text }], count);

it('what is new here is in the copy, with outputs, and nothing is told', () => {
  const a = add(record, 'a');
  print(record, a, 'out', 1);
  record.insertCell({ type: 'markdown', source: '# title' }, { at: 'index', index: 0 });
  expect(sync()).toEqual([]);
  expect(sources(copy)).toBe('# title a');
  print(record, a, 'out again', 2);
  expect(sync()).toEqual([]);
  record.deleteCells([a]);
  expect(sync()).toEqual([]);
  expect(sources(copy)).toBe('# title');
});

it('what a person does in the copy is in the record, and is told', () => {
  const [a, b, c] = [add(record, 'a'), add(record, 'b'), add(record, 'c')];
  sync();
  copy.setSource(a, 'a!');
  copy.deleteCells([b]);
  const d = add(copy, 'd', 0);
  print(copy, d, 'by hand', 7);
  copy.moveCell(c, { at: 'index', index: 0 });
  expect(sync()).toEqual([
    'The copy of the notebook in the sandbox was edited (1 cell changed, 1 added, 1 removed); that was taken over.',
  ]);
  expect(sources(record)).toBe('c d a!');
  expect(record.cell(d).executionCount).toBe(7);
  expect(sync()).toEqual([]);
});

it('both sides edit different cells at once', () => {
  const [a, b] = [add(record, 'a'), add(record, 'b')];
  sync();
  record.setSource(a, 'a here');
  const ours = add(record, 'ours');
  copy.setSource(b, 'b there');
  add(copy, 'theirs', 0);
  sync();
  expect(sources(record)).toBe('theirs a here b there ours');
  expect(record.cell(ours).source).toBe('ours');
});

it('N4, acceptance 48: of a cell that both edited both versions stay, and a notice names the files', () => {
  const a = add(record, 'a');
  sync();
  record.setSource(a, 'of the agent');
  copy.setSource(a, 'of the person');
  const [, told] = sync();
  expect(told).toContain(`edited in ${record.path} and in ${copy.path} at the same time`);
  expect(told).toContain(`as cell ${record.cell(1).id}`);
  expect(record.cell(a).source).toBe('of the person');
  expect(sources(record)).toBe('of the person of the agent');
  expect(sync()).toEqual([]);
});

it('a cell that one side deleted and the other edited stays', () => {
  const [a, b] = [add(record, 'a'), add(record, 'b')];
  sync();
  record.setSource(a, 'edited here');
  copy.deleteCells([a]);
  record.deleteCells([b]);
  copy.setSource(b, 'edited there');
  const notices = sync();
  expect(sources(record).split(' ').toSorted()).toEqual(
    'edited here edited there'.split(' ').toSorted(),
  );
  expect(notices.join(' ')).toContain('put back');
});

it('outputs of the kernel win over outputs of the copy, and outputs cleared by a person are cleared', () => {
  const a = add(record, 'a');
  print(record, a, '1', 1);
  sync();
  print(record, a, '2', 2);
  print(copy, a, 'other', 5);
  sync();
  expect(copy.cell(a).executionCount).toBe(2);
  copy.setOutputs(a, [], null);
  sync();
  expect(record.cell(a).outputs).toEqual([]);
});

it('a cell that became markdown in the copy is markdown in the record, in its place', () => {
  const [a] = [add(record, 'a'), add(record, 'b')];
  sync();
  copy.deleteCells([a]);
  copy.insertCell({ id: a, type: 'markdown', source: 'a' }, { at: 'index', index: 0 });
  sync();
  expect(record.cell(0)).toMatchObject({ id: a, type: 'markdown' });
});

it('a copy of which nothing is remembered loses nothing', () => {
  add(record, 'a');
  add(copy, 'b');
  sync();
  expect(sources(record).split(' ').toSorted()).toEqual(['a', 'b']);
});

it('whatever both do, both are the same afterwards, and no new cell is lost', async () => {
  const step = fc.record({
    isOurs: fc.boolean(),
    kind: fc.constantFrom('add', 'edit', 'delete', 'move', 'run', 'sync'),
    at: fc.nat(20),
    to: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await renew();
      let count = 0;
      let fresh: string[] = [];
      for (const { isOurs, kind, at, to } of steps) {
        const side = isOurs ? record : copy;
        const index = side.cellCount === 0 ? 0 : at % side.cellCount;
        count += 1;
        if (kind === 'sync') {
          sync();
          for (const id of fresh) expect(record.cell(id).id).toBe(id);
          fresh = [];
        } else if (kind === 'add') fresh.push(add(side, `cell ${count}`, index));
        else if (side.cellCount === 0) continue;
        else if (kind === 'edit') side.setSource(index, `edit ${count}`);
        else if (kind === 'run') print(side, side.cell(index).id, `${count}`, count);
        else if (kind === 'move') side.moveCell(index, { at: 'index', index: to % side.cellCount });
        else {
          const [gone] = side.deleteCells([index]);
          fresh = fresh.filter((id) => id !== gone?.id);
        }
      }
      sync();
      expect(sync()).toEqual([]);
      record.deleteCells(record.cells().map(({ id }) => id));
    }),
    { numRuns: 60 },
  );
});
