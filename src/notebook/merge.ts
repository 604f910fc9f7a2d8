/** Puts what was changed here into a notebook that was changed on disk meanwhile, by cell id, so that nobody's work is lost. */
import { hasIds, withKernel, withSandbox, type NotebookDocument } from './format.ts';
import { Pending } from './pending.ts';
import type { Unseen } from './save-history.ts';
import { StoredCell } from './stored-cell.ts';

/** One cell whose source was changed here and on disk, differently. The file keeps the version on disk. */
export interface Conflict {
  readonly cellId: string;
  readonly ours: string;
  readonly onDisk: string;
}

export interface Merged {
  readonly document: NotebookDocument;
  /** What still has to be written. */
  readonly pending: Pending;
  readonly conflicts: readonly Conflict[];
  /** Sentences about what others did and what came of it. */
  readonly notices: readonly string[];
}

export interface MergeInput {
  /** What the file held when it was last read or written. */
  readonly base: NotebookDocument;
  /** The document in memory: `base` with what is pending. */
  readonly ours: NotebookDocument;
  readonly pending: Pending;
  /** What the file holds now. */
  readonly theirs: NotebookDocument;
  /** Changes that we had saved, and that an older version was written over; undefined when it was none. */
  readonly unseen?: Unseen | undefined;
}

export function merge(input: MergeInput): Merged {
  const { pending, unseen } = input;
  if (unseen === undefined) return new Merge(input).run();
  const all = new Pending();
  all.absorb(unseen.pending);
  all.absorb(pending);
  return new Merge({ ...input, pending: all }).run();
}

class Merge {
  readonly #input: MergeInput;
  readonly #ours: ReadonlyMap<string, StoredCell>;
  readonly #base: ReadonlyMap<string, StoredCell>;
  readonly #left = new Pending();
  readonly #conflicts: Conflict[] = [];
  readonly #notices: string[] = [];
  #cells: StoredCell[];

  constructor(input: MergeInput) {
    this.#input = input;
    this.#ours = byId(input.ours);
    this.#base = byId(input.base);
    this.#cells = [...input.theirs.cells];
  }

  run(): Merged {
    const { pending, theirs } = this.#input;
    this.#describe();
    this.#delete();
    this.#setSources();
    this.#setOutputs();
    this.#place();
    let document: NotebookDocument = { ...theirs, cells: this.#cells };
    if (pending.kernel !== undefined) {
      document = withKernel(document, pending.kernel);
      this.#left.kernel = pending.kernel;
    }
    if (pending.sandbox !== undefined) {
      document = withSandbox(document, pending.sandbox);
      this.#left.sandbox = pending.sandbox;
    }
    return { document, pending: this.#left, conflicts: this.#conflicts, notices: this.#notices };
  }

  #find(id: string): StoredCell | undefined {
    return this.#cells.find((cell) => cell.id === id);
  }

  #replace(id: string, cell: StoredCell): void {
    this.#cells = this.#cells.map((other) => (other.id === id ? cell : other));
  }

  #describe(): void {
    const theirs = byId(this.#input.theirs);
    const { inserted } = this.#input.pending;
    const cells = [...theirs.values()];
    const { unseen } = this.#input;
    if (unseen !== undefined) {
      this.#describeOverwriting(unseen, theirs);
    }
    const isOurs = (id: string): boolean =>
      unseen !== undefined && (unseen.pending.touches(id) || inserted.has(id));
    const added = cells.filter(
      ({ id }) => !this.#base.has(id) && !inserted.has(id) && !isOurs(id),
    ).length;
    const changed = cells.filter(
      (cell) => !isOurs(cell.id) && isChanged(this.#base.get(cell.id), cell),
    ).length;
    const removed = [...this.#base.keys()].filter((id) => !theirs.has(id) && !isOurs(id)).length;
    const parts = [
      ...(changed > 0 ? [`${changed === 1 ? '1 cell' : `${changed} cells`} changed`] : []),
      ...(added > 0 ? [`${added} added`] : []),
      ...(removed > 0 ? [`${removed} removed`] : []),
    ];
    if (parts.length > 0) {
      this.#notices.push(
        `The notebook was changed on disk meanwhile (${parts.join(', ')}); that was kept.`,
      );
    }
  }

  /** That our cells are missing is no deletion: the editor never had them. */
  #describeOverwriting({ pending }: Unseen, theirs: ReadonlyMap<string, StoredCell>): void {
    const missing = [...pending.inserted].filter((id) => this.#ours.has(id) && !theirs.has(id));
    const cells = missing.length === 1 ? '1 cell' : `${missing.length} cells`;
    const back = missing.length === 0 ? '' : `, with ${cells} that it did not have`;
    this.#notices.push(
      `An editor saved an older version of the notebook over newer changes; they were put back${back}. Whoever has it open there should reload it from disk.`,
    );
  }

  #delete(): void {
    for (const [id, source] of this.#input.pending.deleted) {
      const cell = this.#find(id);
      if (cell === undefined) continue;
      if (cell.source === source) {
        this.#cells = this.#cells.filter((other) => other !== cell);
        this.#left.deleted.set(id, source);
      } else {
        this.#notices.push(
          `Cell ${id} was edited on disk meanwhile and was therefore not deleted.`,
        );
      }
    }
  }

  #setSources(): void {
    for (const [id, before] of this.#input.pending.sources) {
      const ours = this.#ours.get(id);
      const theirs = this.#find(id);
      if (ours === undefined) continue;
      if (theirs === undefined) {
        this.#left.inserted.add(id);
        this.#notices.push(
          `Cell ${id} was removed on disk while it was edited here; it was put back.`,
        );
      } else if (theirs.source === before || theirs.source === ours.source) {
        const { source, outputs, executionCount } = ours;
        const isCode = ours.type === 'code' && theirs.type === 'code';
        this.#replace(id, theirs.with(isCode ? { source, outputs, executionCount } : { source }));
        this.#left.sources.set(id, theirs.source);
      } else {
        this.#conflicts.push({ cellId: id, ours: ours.source, onDisk: theirs.source });
      }
    }
  }

  /** Outputs of a cell that has vanished or is no code any more stay in the run. */
  #setOutputs(): void {
    for (const id of this.#input.pending.outputs) {
      const ours = this.#ours.get(id);
      const theirs = this.#find(id);
      if (ours?.type !== 'code' || theirs?.type !== 'code') continue;
      if (this.#conflicts.some(({ cellId }) => cellId === id)) continue;
      if (this.#wasRunThere(id, ours, theirs)) continue;
      const { outputs, executionCount } = ours;
      this.#replace(id, theirs.with({ outputs, executionCount }));
      this.#left.outputs.add(id);
    }
  }

  /** The one who wrote an older version over ours ran this cell, so its outputs are no older ones. */
  #wasRunThere(id: string, ours: StoredCell, theirs: StoredCell): boolean {
    const { unseen, pending } = this.#input;
    if (unseen?.pending.outputs.has(id) !== true) return false;
    const { executionCount } = theirs;
    if (executionCount === null || executionCount === ours.executionCount) return false;
    return !pending.inserted.has(id) && executionCount !== unseen.countsBefore.get(id);
  }

  /** Inserted and moved cells go behind the nearest cell before them in memory that the file still has. */
  #place(): void {
    const { pending, ours } = this.#input;
    const placed = new Set(this.#cells.map((cell) => cell.id));
    for (const id of pending.inserted) if (!placed.has(id)) this.#left.inserted.add(id);
    let anchor: string | undefined;
    for (const cell of ours.cells) {
      const { id } = cell;
      const isNew = this.#left.inserted.has(id) && !placed.has(id);
      const isMoved = pending.moved.has(id) && placed.has(id);
      if (isNew) {
        this.#putBehind(anchor, this.#fit(cell));
        placed.add(id);
      } else if (isMoved) {
        const found = this.#find(id) ?? cell;
        this.#cells = this.#cells.filter((other) => other.id !== id);
        this.#putBehind(anchor, found);
        this.#left.moved.add(id);
      }
      if (placed.has(id)) anchor = id;
    }
  }

  /** The file may have got ids meanwhile, or lost them. */
  #fit(cell: StoredCell): StoredCell {
    const { ours, theirs } = this.#input;
    if (hasIds(ours) === hasIds(theirs)) return cell;
    const made = StoredCell.make(cell, theirs.format, hasIds(theirs) ? cell.id : undefined);
    const { outputs, executionCount } = cell;
    return cell.type === 'code' ? made.with({ outputs, executionCount }) : made;
  }

  #putBehind(anchor: string | undefined, cell: StoredCell): void {
    const index = this.#cells.findIndex(({ id }) => id === anchor) + 1;
    this.#cells = this.#cells.toSpliced(index, 0, cell);
  }
}

const byId = ({ cells }: NotebookDocument): ReadonlyMap<string, StoredCell> =>
  new Map(cells.map((cell) => [cell.id, cell]));

function isChanged(base: StoredCell | undefined, cell: StoredCell): boolean {
  return base !== undefined && base !== cell && !base.padded.equals(cell.padded);
}
