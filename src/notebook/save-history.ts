/** Remembers what each save of ours changed, so that an editor that saves an older version over it cannot undo it unseen. */
import { randomBytes } from 'node:crypto';
import { withSaves, type NotebookDocument, type SaveMark } from './format.ts';
import { Pending } from './pending.ts';

/** Marks in one file; one is a process that has, or had, the notebook open. */
const MOST_MARKS = 8;
/** Older saves are taken together in pairs: a long session remembers all of its cells, and less about when. */
const MOST_ENTRIES = 400;

interface Entry {
  /** Number of the save, from 1. */
  count: number;
  readonly pending: Pending;
  /** Execution counts that cells had in the file before this save gave them other outputs. */
  readonly countsBefore: Map<string, number | null>;
}

/** Changes of ours that a version of the file never had. */
export interface Unseen {
  readonly pending: Pending;
  /** For the cells with outputs: the count that tells an old output from that of a person who ran the cell meanwhile. */
  readonly countsBefore: ReadonlyMap<string, number | null>;
}

/**
 * Each save writes into the metadata of the notebook which saves of which writers it contains. An editor keeps metadata
 * that it does not know, so a file that comes back says which of our saves its base had: what came later was never seen
 * there, and that it is missing is no deletion.
 */
export class SaveHistory {
  readonly #writer = randomBytes(4).toString('hex');
  readonly #entries: Entry[] = [];
  #count = 0;
  /** What the document in memory contains of others. */
  #others: readonly SaveMark[] = [];

  constructor(document: NotebookDocument) {
    this.#others = document.saves;
  }

  /** The document as the next save writes it. */
  marked(document: NotebookDocument): NotebookDocument {
    const own = { writer: this.#writer, count: this.#count + 1 };
    return withSaves(document, [own, ...this.#others].slice(0, MOST_MARKS));
  }

  /** @param before what the file held until that save */
  saved(pending: Pending, before: NotebookDocument): void {
    this.#count += 1;
    const countsBefore = new Map<string, number | null>();
    for (const { id, executionCount } of before.cells) {
      if (pending.outputs.has(id)) countsBefore.set(id, executionCount);
    }
    this.#entries.push({ count: this.#count, pending, countsBefore });
    if (this.#entries.length > MOST_ENTRIES) this.#shorten();
  }

  /** Notes whose saves a file contains that is being taken in. @returns what it lacks of ours; undefined when nothing */
  takeIn(theirs: NotebookDocument): Unseen | undefined {
    const mark = theirs.saves.find(({ writer }) => writer === this.#writer);
    this.#others = theirs.saves.filter(({ writer }) => writer !== this.#writer);
    const seen = mark?.count ?? this.#seenBy(theirs);
    const unseen = this.#entries.filter(({ count }) => count > seen);
    if (unseen.length === 0) return undefined;
    const pending = new Pending();
    const countsBefore = new Map<string, number | null>();
    for (const entry of unseen) absorb({ pending, countsBefore }, entry);
    return { pending, countsBefore };
  }

  /** For a file without our mark, of an editor that drops metadata: it has seen the save of each cell of ours that it has. */
  #seenBy({ cells }: NotebookDocument): number {
    const ids = new Set(cells.map(({ id }) => id));
    const last = this.#entries.findLast(({ pending }) =>
      [...pending.inserted].some((id) => ids.has(id)),
    );
    return last?.count ?? 0;
  }

  #shorten(): void {
    const [first, second] = this.#entries;
    if (first === undefined || second === undefined) return;
    absorb(first, second);
    first.count = second.count;
    this.#entries.splice(1, 1);
  }
}

function absorb(
  into: Pick<Entry, 'pending' | 'countsBefore'>,
  later: Pick<Entry, 'pending' | 'countsBefore'>,
): void {
  into.pending.absorb(later.pending);
  for (const [id, count] of later.countsBefore) {
    if (!into.countsBefore.has(id)) into.countsBefore.set(id, count);
  }
}
