/** Names of cells: ids of nbformat 4.5, repaired where they are unusable, and temporary names in files without ids. */
import { createHash } from 'node:crypto';
import type { StoredCell } from './stored-cell.ts';

const VALID_ID = /^[a-zA-Z0-9_-]{1,64}$/;

export const isValidId = (id: string): boolean => VALID_ID.test(id);

/** Cells of files before 4.5 have no ids; these names live in memory only. */
const TEMPORARY = 't-';

interface Named {
  readonly type: string;
  readonly source: string;
}

/**
 * A name made of the cell's content, so that opening the same file again gives the same names. Equal cells are told
 * apart by their order.
 */
export function temporaryName({ type, source }: Named, isTaken: (name: string) => boolean): string {
  return TEMPORARY + nameOf({ type, source }, (digits) => isTaken(TEMPORARY + digits));
}

function nameOf({ type, source }: Named, isTaken: (digits: string) => boolean): string {
  for (let copy = 0; ; copy += 1) {
    const digest = createHash('sha256').update(`${type}\0${copy}\0${source}`).digest('hex');
    const digits = digest.slice(0, 8);
    if (!isTaken(digits)) return digits;
  }
}

/** For 4.5 and later: every id valid and unique. The first of several cells with one id keeps it. */
export function repairIds(cells: readonly StoredCell[]): {
  readonly cells: readonly StoredCell[];
  readonly repaired: number;
} {
  const keepers = new Map<string, StoredCell>();
  for (const cell of cells) {
    if (isValidId(cell.id) && !keepers.has(cell.id)) keepers.set(cell.id, cell);
  }
  if (keepers.size === cells.length) return { cells, repaired: 0 };
  const made = new Set<string>();
  const valid = cells.map((cell) => {
    if (keepers.get(cell.id) === cell) return cell;
    const id = nameOf(cell, (name) => keepers.has(name) || made.has(name));
    made.add(id);
    return cell.with({ id });
  });
  return { cells: valid, repaired: made.size };
}

/**
 * For files before 4.5: the names of `previous` for the cells that are still there, new ones for the others. A cell is
 * still there when its bytes are (then it is the same object), or its source, or when it alone changed between
 * neighbours that did not.
 */
export function nameCells(
  cells: readonly StoredCell[],
  previous: readonly StoredCell[],
): readonly StoredCell[] {
  const names: (string | undefined)[] = cells.map(() => undefined);
  const place = new Map(previous.map((cell, index) => [cell.id, index]));
  const left = new Set(previous);
  const give = (index: number, cell: StoredCell): void => {
    names[index] = cell.id;
    left.delete(cell);
  };
  cells.forEach((cell, index) => {
    if (left.has(cell)) give(index, cell);
  });
  for (const [index, cell] of cells.entries()) {
    if (names[index] !== undefined) continue;
    const same = [...left].find(({ type, source }) => type === cell.type && source === cell.source);
    if (same !== undefined) give(index, same);
  }
  for (const [from, to] of gapsIn(names)) {
    const before = from === 0 ? -1 : (place.get(names[from - 1] ?? '') ?? 0);
    const after = to === cells.length ? previous.length : (place.get(names[to] ?? '') ?? 0);
    const gap = previous.slice(before + 1, Math.max(before + 1, after));
    if (gap.length !== to - from || !gap.every((cell) => left.has(cell))) continue;
    gap.forEach((cell, offset) => {
      if (cells[from + offset]?.type === cell.type) give(from + offset, cell);
    });
  }
  const taken = new Set(names);
  return cells.map((cell, index) => {
    const name = names[index] ?? temporaryName(cell, (candidate) => taken.has(candidate));
    taken.add(name);
    return cell.id === name ? cell : cell.named(name);
  });
}

/** Where runs of cells without a name start and end. */
function gapsIn(names: readonly (string | undefined)[]): readonly (readonly [number, number])[] {
  const gaps: [number, number][] = [];
  let from: number | undefined;
  for (let index = 0; index <= names.length; index += 1) {
    const isOpen = index < names.length && names[index] === undefined;
    if (isOpen) from ??= index;
    else if (from !== undefined) {
      gaps.push([from, index]);
      from = undefined;
    }
  }
  return gaps;
}
