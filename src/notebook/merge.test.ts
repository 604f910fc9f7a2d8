/** D6: what two writers did to one notebook, put together so that nobody's work is lost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CellOutput } from './contract.ts';
import { inserted, moved, replaced, without } from './edits.ts';
import {
  chunksOf,
  newNotebook,
  parseNotebook,
  withKernel,
  type NotebookDocument,
} from './format.ts';
import { merge, type Merged } from './merge.ts';
import { Pending } from './pending.ts';
import { StoredCell } from './stored-cell.ts';

/** One writer: a document with what is pending in it, as an open notebook keeps them. */
class Writer {
  readonly pending = new Pending();
  document: NotebookDocument;

  constructor(base: NotebookDocument) {
    this.document = base;
  }

  #index(id: string): number {
    return this.document.cells.findIndex((cell) => cell.id === id);
  }

  #set(cells: readonly StoredCell[]): this {
    this.document = { ...this.document, cells };
    return this;
  }

  #change(id: string, change: (cell: StoredCell) => StoredCell): this {
    const index = this.#index(id);
    const cell = this.document.cells[index];
    return cell === undefined
      ? this
      : this.#set(replaced(this.document.cells, index, change(cell)));
  }

  insert(id: string, index: number, source = id): this {
    const cell = { id, type: 'code', source, metadata: {} } as const;
    this.pending.inserted.add(id);
    return this.#set(
      inserted(this.document.cells, index, StoredCell.make(cell, this.document.format, id)),
    );
  }

  edit(id: string, source: string): this {
    const cell = this.document.cells[this.#index(id)];
    if (cell === undefined || cell.source === source) return this;
    this.pending.setSource(id, cell.source);
    return this.#change(id, () => cell.with({ source, outputs: [], executionCount: null }));
  }

  run(id: string, printed: string): this {
    const outputs: CellOutput[] = [{ output_type: 'stream', name: 'stdout', text: printed }];
    this.pending.outputs.add(id);
    return this.#change(id, (cell) => cell.with({ outputs, executionCount: 1 }));
  }

  delete(id: string): this {
    const index = this.#index(id);
    const cell = this.document.cells[index];
    if (cell === undefined) return this;
    this.pending.delete(id, cell.source);
    return this.#set(without(this.document.cells, [index]));
  }

  move(id: string, to: number): this {
    const from = this.#index(id);
    if (from === -1 || from === to) return this;
    this.pending.moved.add(id);
    return this.#set(moved(this.document.cells, from, to));
  }
}

const writeAndRead = (document: NotebookDocument): NotebookDocument =>
  parseNotebook(Buffer.concat(chunksOf(document)), 'a.ipynb');
const baseOf = (ids: string): NotebookDocument => {
  const writer = new Writer(newNotebook());
  ids.split('').forEach((id, index) => writer.insert(id, index));
  return writeAndRead(writer.document);
};

interface Scene {
  readonly base?: string;
  readonly ours: (writer: Writer) => unknown;
  readonly theirs: (writer: Writer) => unknown;
}

function play({ base = 'abcd', ours, theirs }: Scene): Merged {
  const start = baseOf(base);
  const us = new Writer(start);
  const them = new Writer(start);
  ours(us);
  theirs(them);
  return merge({
    base: start,
    ours: us.document,
    pending: us.pending,
    theirs: writeAndRead(them.document),
  });
}

const idsOf = ({ document }: Merged): string => document.cells.map(({ id }) => id).join('');
const sourceOf = ({ document }: Merged, id: string): string | undefined =>
  document.cells.find((cell) => cell.id === id)?.source;
const printedBy = ({ document }: Merged, id: string): unknown =>
  document.cells
    .find((cell) => cell.id === id)
    ?.outputs.map((output) => (output.output_type === 'stream' ? output.text : output));

describe('two writers', () => {
  it.each<[string, Scene, string]>([
    [
      'both append',
      { ours: (us) => us.insert('x', 4), theirs: (them) => them.insert('y', 4) },
      'abcdxy',
    ],
    [
      'we insert behind a cell that moved',
      { ours: (us) => us.insert('x', 1), theirs: (them) => them.move('a', 3) },
      'bcdax',
    ],
    [
      'we insert behind a cell that is gone',
      { ours: (us) => us.insert('x', 3), theirs: (them) => them.delete('c') },
      'abxd',
    ],
    [
      'we insert at the start',
      { ours: (us) => us.insert('x', 0), theirs: (them) => them.insert('y', 0) },
      'xyabcd',
    ],
    [
      'we insert several in a row',
      { ours: (us) => us.insert('x', 2).insert('z', 3), theirs: (them) => them.insert('y', 1) },
      'aybxzcd',
    ],
    [
      'all other cells are gone',
      {
        ours: (us) => us.insert('x', 4),
        theirs: (them) => them.delete('a').delete('b').delete('c').delete('d'),
      },
      'x',
    ],
    [
      'we delete, they append',
      { ours: (us) => us.delete('b'), theirs: (them) => them.insert('y', 4) },
      'acdy',
    ],
    [
      'both delete the same',
      { ours: (us) => us.delete('b'), theirs: (them) => them.delete('b') },
      'acd',
    ],
    [
      'we move, they append',
      { ours: (us) => us.move('a', 2), theirs: (them) => them.insert('y', 4) },
      'bcady',
    ],
    [
      'we move what they deleted',
      { ours: (us) => us.move('a', 2), theirs: (them) => them.delete('a') },
      'bcd',
    ],
    ['both move', { ours: (us) => us.move('a', 3), theirs: (them) => them.move('d', 0) }, 'dabc'],
    [
      'we insert and delete it again',
      { ours: (us) => us.insert('x', 4).delete('x'), theirs: (them) => them.insert('y', 4) },
      'abcdy',
    ],
    [
      'they put back the same cell',
      { ours: (us) => us.insert('x', 4), theirs: (them) => them.insert('x', 4) },
      'abcdx',
    ],
    [
      'they delete what we edited',
      { ours: (us) => us.edit('b', 'new'), theirs: (them) => them.delete('b') },
      'abcd',
    ],
    [
      'they edit what we deleted',
      { ours: (us) => us.delete('b'), theirs: (them) => them.edit('b', 'new') },
      'abcd',
    ],
    [
      'they delete what we ran',
      { ours: (us) => us.run('b', 'x'), theirs: (them) => them.delete('b') },
      'acd',
    ],
  ])('%s', (_, scene, expected) => {
    expect(idsOf(play(scene))).toBe(expected);
  });

  it('X80: keep their edits and ours', () => {
    const merged = play({
      ours: (us) => us.edit('a', 'ours').run('b', 'printed'),
      theirs: (them) =>
        them.edit('c', 'theirs').run('d', 'also printed').edit('b', 'edited while it ran'),
    });
    expect(['a', 'b', 'c', 'd'].map((id) => sourceOf(merged, id))).toEqual([
      'ours',
      'edited while it ran',
      'theirs',
      'd',
    ]);
    expect(printedBy(merged, 'b')).toEqual(['printed']);
    expect(printedBy(merged, 'd')).toEqual(['also printed']);
    expect(merged.conflicts).toEqual([]);
    expect(merged.notices).toEqual([
      'The notebook was changed on disk meanwhile (3 cells changed); that was kept.',
    ]);
  });

  it('D6: conflict when both edited the same cell: the file keeps its version, and we hear of both', () => {
    const merged = play({
      ours: (us) => us.edit('a', 'ours').run('a', 'of ours').edit('b', 'fine'),
      theirs: (them) => them.edit('a', 'theirs').run('a', 'of theirs'),
    });
    expect(merged.conflicts).toEqual([{ cellId: 'a', ours: 'ours', onDisk: 'theirs' }]);
    expect(sourceOf(merged, 'a')).toBe('theirs');
    expect(printedBy(merged, 'a')).toEqual(['of theirs']);
    expect(sourceOf(merged, 'b')).toBe('fine');
    expect([...merged.pending.sources.keys()]).toEqual(['b']);
  });

  it('are no conflict when both wrote the same', () => {
    const merged = play({
      ours: (us) => us.edit('a', 'same'),
      theirs: (them) => them.edit('a', 'same'),
    });
    expect(merged.conflicts).toEqual([]);
    expect(sourceOf(merged, 'a')).toBe('same');
  });

  it('say what they did to each other', () => {
    const notices = play({
      ours: (us) => us.delete('a').edit('b', 'x'),
      theirs: (them) => them.edit('a', 'y').delete('b').insert('z', 2),
    }).notices.join('\n');
    expect(notices).toContain('1 cell changed, 1 added, 1 removed');
    expect(notices).toContain('Cell a was edited on disk meanwhile and was therefore not deleted');
    expect(notices).toContain(
      'Cell b was removed on disk while it was edited here; it was put back',
    );
  });

  it('may both have set the kernel', () => {
    const base = baseOf('a');
    const change = (name: string, replace: boolean) => ({
      spec: { name, display_name: name, language: name },
      languageInfo: undefined,
      replace,
    });
    const theirs = writeAndRead(withKernel(base, change('theirs', false)));
    const pending = new Pending();
    pending.kernel = change('ours', false);
    const ours = withKernel(base, pending.kernel);
    expect(merge({ base, ours, pending, theirs }).document.kernelspec?.['name']).toBe('theirs');
    pending.kernel = change('ours', true);
    expect(merge({ base, ours, pending, theirs }).document.kernelspec?.['name']).toBe('ours');
  });

  it('may have got ids meanwhile', () => {
    const base = parseNotebook(
      Buffer.from('{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":4}'),
      'a.ipynb',
    );
    const cell = { id: 't-12345678', type: 'code', source: 'x', metadata: {} } as const;
    const ours = { ...base, cells: [StoredCell.make(cell, base.format, undefined)] };
    const pending = new Pending();
    pending.inserted.add(cell.id);
    const { document } = merge({ base, ours, pending, theirs: baseOf('a') });
    expect(writeAndRead(document).cells.map(({ id }) => id)).toEqual(['t-12345678', 'a']);
  });
});

type Op = (writer: Writer) => unknown;
const existing = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const opsOf = (mark: string): fc.Arbitrary<readonly Op[]> =>
  fc.array(
    fc.oneof(
      fc.tuple(fc.nat(5), fc.nat(99)).map(([index, number]): Op => (writer) => {
        const id = `${mark}${number}`;
        if (!writer.document.cells.some((cell) => cell.id === id))
          writer.insert(id, Math.min(index, writer.document.cells.length));
      }),
      fc.tuple(existing, fc.nat(3)).map(
        ([id, number]): Op =>
          (writer) =>
            writer.edit(id, `${mark}${number}`),
      ),
      existing.map(
        (id): Op =>
          (writer) =>
            writer.run(id, mark),
      ),
      existing.map(
        (id): Op =>
          (writer) =>
            writer.delete(id),
      ),
      fc.tuple(existing, fc.nat(3)).map(
        ([id, to]): Op =>
          (writer) =>
            writer.move(id, to),
      ),
    ),
    { maxLength: 8 },
  );

describe('any two writers', () => {
  it('lose nothing: each change is in the result, or a conflict, or said', () => {
    fc.assert(
      fc.property(opsOf('us'), opsOf('them'), (ourOps, theirOps) => {
        const base = baseOf('abcde');
        const us = new Writer(base);
        const them = new Writer(base);
        for (const op of ourOps) op(us);
        for (const op of theirOps) op(them);
        const theirs = writeAndRead(them.document);
        const merged = merge({ base, ours: us.document, pending: us.pending, theirs });
        const conflicts = new Set(merged.conflicts.map(({ cellId }) => cellId));
        const result = new Map(writeAndRead(merged.document).cells.map((cell) => [cell.id, cell]));

        expect(result.size).toBe(merged.document.cells.length);
        for (const id of [...us.pending.inserted, ...them.pending.inserted])
          expect(result.has(id)).toBe(true);
        for (const { id, source } of us.document.cells) {
          if (us.pending.sources.has(id) && !conflicts.has(id))
            expect(result.get(id)?.source).toBe(source);
        }
        for (const { id, source } of them.document.cells) {
          const isTheirs =
            them.pending.sources.has(id) && (!us.pending.sources.has(id) || conflicts.has(id));
          if (isTheirs) expect(result.get(id)?.source).toBe(source);
        }
        for (const { cellId, ours, onDisk } of merged.conflicts) {
          expect(ours).not.toBe(onDisk);
          expect(result.get(cellId)?.source).toBe(onDisk);
        }
        for (const id of ['a', 'b', 'c', 'd', 'e']) {
          const isDeleted = us.pending.deleted.has(id) || them.pending.deleted.has(id);
          if (!isDeleted) expect(result.has(id)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('come to rest: merging the result again changes nothing', () => {
    fc.assert(
      fc.property(opsOf('us'), opsOf('them'), (ourOps, theirOps) => {
        const base = baseOf('abcde');
        const us = new Writer(base);
        const them = new Writer(base);
        for (const op of ourOps) op(us);
        for (const op of theirOps) op(them);
        const theirs = writeAndRead(them.document);
        const once = merge({ base, ours: us.document, pending: us.pending, theirs });
        const twice = merge({ base: theirs, ours: once.document, pending: once.pending, theirs });
        expect(Buffer.concat(chunksOf(twice.document))).toEqual(
          Buffer.concat(chunksOf(once.document)),
        );
        expect(twice.conflicts).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('give what we did when the other did nothing', () => {
    fc.assert(
      fc.property(opsOf('us'), (ops) => {
        const base = baseOf('abcde');
        const us = new Writer(base);
        for (const op of ops) op(us);
        const merged = merge({ base, ours: us.document, pending: us.pending, theirs: base });
        expect(merged.document.cells.map(({ id, source }) => [id, source])).toEqual(
          us.document.cells.map(({ id, source }) => [id, source]),
        );
        expect(merged.notices).toEqual([]);
      }),
    );
  });
});
