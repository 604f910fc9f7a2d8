/** Names of cells: kept, repaired, or made up for files that have none. */
import { describe, expect, it } from 'vitest';
import { chunksOf, parseNotebook, type NotebookDocument } from './format.ts';

interface Written {
  readonly id?: unknown;
  readonly source: string;
  readonly type?: string;
}

const fileOf = (minor: number, cells: readonly Written[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      cells: cells.map(({ id, source, type }) => ({
        cell_type: type ?? 'raw',
        ...(id !== undefined && { id }),
        metadata: {},
        source,
      })),
      metadata: {},
      nbformat: 4,
      nbformat_minor: minor,
    }),
  );
const parse = (
  minor: number,
  cells: readonly Written[],
  previous?: NotebookDocument,
): NotebookDocument => parseNotebook(fileOf(minor, cells), 'a.ipynb', previous);
const idsOf = ({ cells }: NotebookDocument): readonly string[] => cells.map(({ id }) => id);

describe('D1: ids in 4.5', () => {
  it.each([
    ['missing', undefined],
    ['a number', 7],
    ['empty', ''],
    ['with a blank', 'a b'],
    ['with a letter beyond ASCII', 'é'],
    ['too long', 'a'.repeat(65)],
    ['a duplicate', 'first'],
  ])('are repaired when one is %s', (_, id) => {
    const document = parse(5, [
      { id: 'first', source: '1' },
      { id, source: '2' },
      { id: 'last', source: '3' },
    ]);
    const [first, second, third] = idsOf(document);
    expect([first, third]).toEqual(['first', 'last']);
    expect(second).toMatch(/^[0-9a-f]{8}$/);
    expect(document.repairedIds).toBe(1);
    const written = parseNotebook(Buffer.concat(chunksOf(document)), 'a.ipynb');
    expect(idsOf(written)).toEqual(idsOf(document));
    expect(written.repairedIds).toBe(0);
  });

  it('are left alone when they are valid', () => {
    const ids = ['a', 'A-_9', 'x'.repeat(64)];
    const document = parse(
      5,
      ids.map((id) => ({ id, source: '' })),
    );
    expect(idsOf(document)).toEqual(ids);
    expect(document.repairedIds).toBe(0);
  });

  it('are repaired in the same way each time the file is read', () => {
    const cells = [{ source: 'same' }, { source: 'same' }, { source: 'other' }];
    expect(idsOf(parse(5, cells))).toEqual(idsOf(parse(5, cells)));
    expect(new Set(idsOf(parse(5, cells))).size).toBe(3);
  });
});

describe('X71: names in files before 4.5', () => {
  const A = { source: 'a' };
  const B = { source: 'b' };
  const C = { source: 'c' };

  it.each([0, 1, 2, 3, 4])('are temporary and never written (4.%i)', (minor) => {
    const document = parse(minor, [A, A, B]);
    expect(idsOf(document).every((id) => /^t-[0-9a-f]{8}$/.test(id))).toBe(true);
    expect(new Set(idsOf(document)).size).toBe(3);
    expect(Buffer.concat(chunksOf(document))).toEqual(fileOf(minor, [A, A, B]));
  });

  it('are the same when the file is opened again', () => {
    expect(idsOf(parse(4, [A, A, B]))).toEqual(idsOf(parse(4, [A, A, B])));
  });

  it.each([
    ['a cell before it', [C, A, B], [undefined, 0, 1]],
    ['a cell that is gone', [B], [1]],
    ['another order', [B, A], [1, 0]],
    ['a source changed alone', [A, { source: 'b2' }], [0, 1]],
    ['both sources changed', [{ source: 'a2' }, { source: 'b2' }], [0, 1]],
    ['another type in its place', [A, { source: 'b', type: 'markdown' }], [0, undefined]],
    ['one changed and one added', [A, { source: 'b2' }, C], [0, undefined, undefined]],
  ])('stay with their cells after %s', (_, cells, expected) => {
    const before = parse(4, [A, B]);
    const after = idsOf(parse(4, cells, before));
    expect(
      after.map((id) => (idsOf(before).includes(id) ? idsOf(before).indexOf(id) : undefined)),
    ).toEqual(expected);
    expect(new Set(after).size).toBe(after.length);
  });

  it('stay with a cell whose outputs were changed by someone else', () => {
    const before = parse(4, [
      { ...A, type: 'code' },
      { ...A, type: 'code' },
    ]);
    const text = fileOf(4, [
      { ...A, type: 'code' },
      { ...A, type: 'code' },
    ]).toString();
    const at = text.lastIndexOf('"metadata":{},"source"');
    const changed = `${text.slice(0, at)}"outputs":[],${text.slice(at)}`;
    expect(idsOf(parseNotebook(Buffer.from(changed), 'a.ipynb', before))).toEqual(idsOf(before));
  });
});
