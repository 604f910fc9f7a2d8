/** What the next report of a save tells: notices, and edits that lost against an edit of the same cell in the file. */
import { GloveboxError } from '#core/errors.ts';
import type { NotebookDocument } from './format.ts';
import type { Conflict } from './merge.ts';

export class SaveNotices {
  readonly #notices: string[] = [];
  /** Nobody has been told of them. */
  readonly #conflicts: Conflict[] = [];
  /** One list per `failOnConflict` that goes on: each is told of the conflicts that come up meanwhile. */
  readonly #watched = new Set<Conflict[]>();

  add(...notices: readonly string[]): void {
    this.#notices.push(...notices);
  }

  addConflicts(conflicts: readonly Conflict[]): void {
    if (this.#watched.size === 0) this.#conflicts.push(...conflicts);
    for (const told of this.#watched) told.push(...conflicts);
  }

  addRepairs({ repairedIds }: NotebookDocument): void {
    if (repairedIds === 0) return;
    const cells = repairedIds === 1 ? '1 cell' : `${repairedIds} cells`;
    this.add(
      `${cells} had no valid id of its own in the file and got a new one, which the next save writes.`,
    );
  }

  /** All there are; each is told once. */
  take(): readonly string[] {
    this.#notices.push(...this.#conflicts.splice(0).map(describe));
    return this.#notices.splice(0);
  }

  /**
   * Does `work` and returns the notices then.
   *
   * @throws `notebook/conflict` for what nobody was told of before, or what came up meanwhile; what `work` throws, and then the
   *   conflicts are kept for the next report.
   */
  async failOnConflict(work: () => Promise<void>): Promise<readonly string[]> {
    const conflicts = this.#conflicts.splice(0);
    this.#watched.add(conflicts);
    try {
      await work();
    } catch (error) {
      this.#conflicts.push(...conflicts);
      throw error;
    } finally {
      this.#watched.delete(conflicts);
    }
    if (conflicts.length > 0) {
      throw new GloveboxError('notebook/conflict', conflicts.map(describe).join('\n\n'), {
        hint: 'Everything else was saved. Read the cell with read_notebook and make the edit again.',
      });
    }
    return this.#notices.splice(0);
  }
}

const describe = ({ cellId, ours, onDisk }: Conflict): string =>
  `Cell ${cellId} was edited here and on disk at the same time. The version on disk stays:\n${onDisk}\nThe version that was not saved:\n${ours}`;
