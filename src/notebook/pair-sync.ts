/** Brings a notebook and its copy together by cell id, so that neither side loses what the other does not know. */
import type { CellView, OpenNotebook, Position } from './contract.ts';
import { seeCells, toBase, type PairBase, type SeenCell, type SeenCells } from './pair-base.ts';

export interface PairOutcome {
  /** What both have in common now. */
  readonly base: PairBase;
  /** Sentences about what came from the copy. */
  readonly notices: readonly string[];
}

type Base = ReadonlyMap<string, PairBase['cells'][number]>;

/**
 * Edits both in memory; the caller saves them. Like a merge with the disk, with two differences: both sides are changed, and of a
 * cell whose source both changed the copy's version stays where it is, because a person wrote it who is told of nothing, and the
 * record's version stands below it as a cell of its own, in both. Outputs that both changed are the record's, which gets all that the
 * kernel says.
 *
 * @param base undefined when nothing is known of an earlier time: cells that only one side has are then taken as new
 */
export function syncPair(
  record: OpenNotebook,
  copy: OpenNotebook,
  base: PairBase | undefined,
): PairOutcome {
  return new Sync(record, copy, base).run();
}

class Sync {
  readonly #record: OpenNotebook;
  readonly #copy: OpenNotebook;
  readonly #base: Base;
  readonly #ours: SeenCells;
  readonly #theirs: SeenCells;
  readonly #notices: string[] = [];
  #changed = 0;
  #added = 0;
  #removed = 0;

  constructor(record: OpenNotebook, copy: OpenNotebook, base: PairBase | undefined) {
    this.#record = record;
    this.#copy = copy;
    this.#base = new Map((base?.cells ?? []).map((cell) => [cell.id, cell]));
    this.#ours = seeCells(record);
    this.#theirs = seeCells(copy);
  }

  run(): PairOutcome {
    const takesOrder = this.#isOnlyTheirOrderNew();
    for (const id of new Set([...this.#ours.keys(), ...this.#theirs.keys()])) this.#settle(id);
    if (takesOrder) arrange(this.#record, idsOf(this.#copy));
    else arrange(this.#copy, idsOf(this.#record));
    const parts = [
      ...(this.#changed > 0
        ? [`${this.#changed === 1 ? '1 cell' : `${this.#changed} cells`} changed`]
        : []),
      ...(this.#added > 0 ? [`${this.#added} added`] : []),
      ...(this.#removed > 0 ? [`${this.#removed} removed`] : []),
    ];
    if (parts.length > 0) {
      this.#notices.unshift(
        `The copy of the notebook in the sandbox was edited (${parts.join(', ')}); that was taken over.`,
      );
    }
    return { base: toBase(seeCells(this.#copy)), notices: this.#notices };
  }

  #settle(id: string): void {
    const base = this.#base.get(id);
    const ours = this.#ours.get(id);
    const theirs = this.#theirs.get(id);
    if (ours !== undefined && theirs !== undefined) this.#settleBoth(base, ours, theirs);
    else if (ours !== undefined) {
      if (base === undefined) put(this.#copy, this.#ours, ours.view);
      else if (base.code === ours.code) {
        this.#removed += 1;
        this.#record.deleteCells([id]);
      } else {
        this.#notices.push(
          `Cell ${id} was removed in the sandbox's copy while it was edited here; it was put back.`,
        );
        put(this.#copy, this.#ours, ours.view);
      }
    } else if (theirs !== undefined) {
      if (base?.code === theirs.code) {
        this.#copy.deleteCells([id]);
        return;
      }
      this.#added += 1;
      put(this.#record, this.#theirs, theirs.view);
    }
  }

  #settleBoth(base: PairBase['cells'][number] | undefined, ours: SeenCell, theirs: SeenCell): void {
    const { id } = ours.view;
    if (ours.code !== theirs.code) {
      if (base?.code === theirs.code) return take(this.#copy, ours.view);
      this.#changed += 1;
      if (base?.code !== ours.code) this.#keepBoth(ours.view);
      take(this.#record, theirs.view);
    } else if (ours.outputs !== theirs.outputs) {
      const isTheirs = base !== undefined && base.outputs === ours.outputs;
      if (isTheirs) this.#changed += 1;
      const [target, { view }] = isTheirs ? [this.#record, theirs] : [this.#copy, ours];
      target.setOutputs(id, view.outputs, view.executionCount);
    }
  }

  /** Ours moves into a new cell below the one that will be theirs (N4). */
  #keepBoth({ id, type, source, metadata }: CellView): void {
    if (source.trim() === '') return;
    const below: Position = { at: 'after', cell: id };
    const kept = this.#record.insertCell({ type, source, metadata }, below);
    this.#copy.insertCell({ id: kept.id, type, source, metadata }, below);
    this.#notices.push(
      `Cell ${id} was edited in ${this.#record.path} and in ${this.#copy.path} at the same time. It has the version of the copy now; the other one was kept below it, as cell ${kept.id}, and was not run.`,
    );
  }

  #isOnlyTheirOrderNew(): boolean {
    const isCommon = (id: string): boolean =>
      this.#base.has(id) && this.#ours.has(id) && this.#theirs.has(id);
    const [before, ours, theirs] = [this.#base, this.#ours, this.#theirs].map((cells) =>
      [...cells.keys()].filter(isCommon).join(' '),
    );
    return before === ours && before !== theirs;
  }
}

const idsOf = (notebook: OpenNotebook): readonly string[] => notebook.cells().map(({ id }) => id);

/** Makes a cell what the other side has. */
function take(target: OpenNotebook, cell: CellView): void {
  const { id, type, source } = cell;
  const own = target.cell(id);
  if (own.type === type) target.setSource(id, source);
  else {
    target.deleteCells([id]);
    insert(target, cell, { at: 'index', index: own.index });
  }
  if (type === 'code') target.setOutputs(id, cell.outputs, cell.executionCount);
}

/** Adds a cell behind the nearest one before it that the target has. */
function put(target: OpenNotebook, all: SeenCells, cell: CellView): void {
  const there = new Set(idsOf(target));
  const anchor = [...all.keys()].slice(0, cell.index).findLast((id) => there.has(id));
  const position: Position =
    anchor === undefined ? { at: 'index', index: 0 } : { at: 'after', cell: anchor };
  insert(target, cell, position);
  if (cell.type === 'code' && (cell.outputs.length > 0 || cell.executionCount !== null))
    target.setOutputs(cell.id, cell.outputs, cell.executionCount);
}

function insert(target: OpenNotebook, cell: CellView, position: Position): void {
  const { id, type, source, metadata } = cell;
  target.insertCell({ id, type, source, metadata }, position);
}

function arrange(target: OpenNotebook, wanted: readonly string[]): void {
  const ids = [...idsOf(target)];
  for (const [index, id] of wanted.entries()) {
    const from = ids.indexOf(id);
    if (from === -1 || from === index) continue;
    target.moveCell(id, { at: 'index', index });
    ids.splice(index, 0, ...ids.splice(from, 1));
  }
}
