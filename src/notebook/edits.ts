/** Changes of a notebook as pure functions: which cell is meant, where it goes, and the list of cells afterwards. */
import { GloveboxError } from '#core/errors.ts';
import type { CellRef, Position } from './contract.ts';

interface WithId {
  readonly id: string;
}

const countOf = ({ length }: readonly WithId[]): string => {
  if (length === 0) return 'no cells';
  return length === 1 ? '1 cell, which is 0' : `${length} cells, 0 to ${length - 1}`;
};

const LIST_CELLS = 'read_notebook lists the cells with their ids.';

/** The index of a cell. @throws GloveboxError `cell/unknown`. */
export function locate(cells: readonly WithId[], ref: CellRef): number {
  if (typeof ref === 'string') {
    const index = cells.findIndex(({ id }) => id === ref);
    if (index !== -1) return index;
    throw new GloveboxError(
      'cell/unknown',
      `There is no cell "${ref}"; the notebook has ${countOf(cells)}.`,
      {
        hint: LIST_CELLS,
      },
    );
  }
  const index = ref < 0 ? cells.length + ref : ref;
  if (Number.isInteger(ref) && index >= 0 && index < cells.length) return index;
  throw new GloveboxError(
    'cell/unknown',
    `There is no cell ${ref}; the notebook has ${countOf(cells)}.`,
    {
      hint: LIST_CELLS,
    },
  );
}

/** The indexes of several cells, ascending. @throws GloveboxError `cell/unknown` or `input/invalid` for a cell named twice. */
export function locateAll(cells: readonly WithId[], refs: readonly CellRef[]): readonly number[] {
  const indexes = refs.map((ref) => locate(cells, ref));
  const twice = indexes.find((index, at) => indexes.indexOf(index) !== at);
  if (twice !== undefined) {
    throw new GloveboxError('input/invalid', `Cell ${twice} is named twice; nothing was changed.`, {
      hint: 'Name each cell once. Indexes are those before the change.',
    });
  }
  return indexes.toSorted((a, b) => a - b);
}

/** The index that a new cell will have. @throws GloveboxError `cell/unknown`. */
export function insertionIndex(cells: readonly WithId[], position: Position): number {
  if (position.at === 'end') return cells.length;
  if (position.at !== 'index') {
    return locate(cells, position.cell) + (position.at === 'after' ? 1 : 0);
  }
  const index = position.index < 0 ? cells.length + 1 + position.index : position.index;
  if (Number.isInteger(index) && index >= 0 && index <= cells.length) return index;
  throw new GloveboxError(
    'cell/unknown',
    `A new cell cannot have the index ${position.index}; the notebook has ${countOf(cells)}.`,
    { hint: `Give 0 to ${cells.length}, or none to put it at the end.` },
  );
}

/** Where a cell ends up; the index counts in the list afterwards. @throws GloveboxError `cell/unknown`. */
export function moveTarget(cells: readonly WithId[], from: number, position: Position): number {
  if (position.at === 'end') return cells.length - 1;
  if (position.at === 'index') return locate(cells, position.index);
  const anchor = locate(cells, position.cell);
  if (anchor === from) return from;
  return anchor + (anchor > from ? -1 : 0) + (position.at === 'after' ? 1 : 0);
}

export const inserted = <T>(list: readonly T[], index: number, item: T): readonly T[] =>
  list.toSpliced(index, 0, item);

export const without = <T>(list: readonly T[], indexes: readonly number[]): readonly T[] => {
  const gone = new Set(indexes);
  return list.filter((_, index) => !gone.has(index));
};

export const moved = <T>(list: readonly T[], from: number, to: number): readonly T[] => {
  const [item] = list.slice(from, from + 1);
  return item === undefined ? list : list.toSpliced(from, 1).toSpliced(to, 0, item);
};

export const replaced = <T>(list: readonly T[], index: number, item: T): readonly T[] =>
  list.with(index, item);
