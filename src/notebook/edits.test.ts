/** Which cell is meant, and where cells go. */
import { describe, expect, it } from 'vitest';
import type { CellRef, Position } from './contract.ts';
import { insertionIndex, locate, locateAll, moved, moveTarget } from './edits.ts';

const cells = ['a', 'b', 'c', 'd'].map((id) => ({ id }));

describe('D11: a cell', () => {
  it.each<[CellRef, number]>([
    ['c', 2],
    [0, 0],
    [3, 3],
    [-1, 3],
    [-4, 0],
  ])('%j is number %i', (ref, index) => {
    expect(locate(cells, ref)).toBe(index);
  });

  it.each<CellRef>(['x', '0', 4, -5, 1.5, Number.NaN])('%j is refused with the count', (ref) => {
    expect(() => locate(cells, ref)).toThrowError(
      expect.objectContaining({ code: 'cell/unknown' }),
    );
    expect(() => locate(cells, ref)).toThrowError('4 cells, 0 to 3');
  });

  it('of an empty notebook is refused', () => {
    expect(() => locate([], -1)).toThrowError('no cells');
  });
});

describe('X83: a list of cells', () => {
  it('is taken whole', () => {
    expect(locateAll(cells, [-1, 'a', 2])).toEqual([0, 2, 3]);
  });

  it.each<[readonly CellRef[], string]>([
    [[1, 1], 'input/invalid'],
    [[3, -1], 'input/invalid'],
    [['b', 1], 'input/invalid'],
    [[0, 4], 'cell/unknown'],
    [['a', 'x'], 'cell/unknown'],
  ])('%j is refused whole', (refs, code) => {
    expect(() => locateAll(cells, refs)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('D2: the position of a new cell', () => {
  it.each<[Position, number]>([
    [{ at: 'end' }, 4],
    [{ at: 'index', index: 0 }, 0],
    [{ at: 'index', index: 4 }, 4],
    [{ at: 'index', index: -1 }, 4],
    [{ at: 'index', index: -5 }, 0],
    [{ at: 'after', cell: 'a' }, 1],
    [{ at: 'before', cell: 'a' }, 0],
    [{ at: 'after', cell: -1 }, 4],
  ])('%j is %i', (position, index) => {
    expect(insertionIndex(cells, position)).toBe(index);
  });

  it.each<Position>([
    { at: 'index', index: 5 },
    { at: 'index', index: -6 },
    { at: 'index', index: 0.5 },
    { at: 'after', cell: 'x' },
  ])('%j is refused', (position) => {
    expect(() => insertionIndex(cells, position)).toThrowError(
      expect.objectContaining({ code: 'cell/unknown' }),
    );
  });
});

describe('D11: a moved cell', () => {
  it.each<[string, Position, string]>([
    ['a', { at: 'end' }, 'bcda'],
    ['a', { at: 'index', index: 2 }, 'bcad'],
    ['d', { at: 'index', index: 0 }, 'dabc'],
    ['b', { at: 'index', index: -1 }, 'acdb'],
    ['a', { at: 'after', cell: 'c' }, 'bcad'],
    ['a', { at: 'before', cell: 'c' }, 'bacd'],
    ['d', { at: 'after', cell: 'a' }, 'adbc'],
    ['d', { at: 'before', cell: 'a' }, 'dabc'],
    ['b', { at: 'after', cell: 'b' }, 'abcd'],
    ['b', { at: 'after', cell: 'a' }, 'abcd'],
    ['b', { at: 'before', cell: 'c' }, 'abcd'],
    ['d', { at: 'end' }, 'abcd'],
  ])('%s to %j gives %s', (id, position, expected) => {
    const from = locate(cells, id);
    const after = moved(cells, from, moveTarget(cells, from, position));
    expect(after.map((cell) => cell.id).join('')).toBe(expected);
  });

  it('is not moved out of the list', () => {
    expect(() => moveTarget(cells, 0, { at: 'index', index: 4 })).toThrowError('4 cells');
  });
});
