/** Turns code into runs of a session and queues them: new cells, stored cells, and code that leaves no trace. */
import { newUuid } from '#core/ids.ts';
import type { CellRef, CellView, OpenNotebook, Position } from '#notebook/contract.ts';
import type { Clock } from '#platform/clock.ts';
import type { RunRecord } from './contract.ts';
import type { RunJournal } from './journal.ts';
import type { LiveRecord } from './live-record.ts';
import { checkCode, isRunnable, newRunRecord, type NewRun } from './new-run.ts';
import { findCell, type OutputKeeper } from './output-keeper.ts';
import type { RecentRuns } from './recent-runs.ts';
import { interruptAfter } from './run-limit.ts';
import type { RunQueue } from './run-queue.ts';
import { Run } from './run.ts';

export interface ExecuteOptions {
  readonly code: string;
  readonly position?: Position;
  readonly timeoutMs?: number;
}

export interface RunRequestsOptions {
  readonly live: LiveRecord;
  readonly queue: RunQueue;
  readonly recent: RecentRuns;
  readonly outputs: OutputKeeper;
  readonly journal: RunJournal;
  /** Undefined for a scratch kernel. */
  readonly notebook: OpenNotebook | undefined;
  /** @throws `cell/wrong-type` for a scratch kernel. */
  readonly notebookOrThrow: () => OpenNotebook;
  readonly clock: Clock;
  readonly maxOutputBytes: number;
  /** Stops a run whose time is over. Never throws. */
  readonly interrupt: (run: Run) => void;
}

export class RunRequests {
  readonly #options: RunRequestsOptions;

  constructor(options: RunRequestsOptions) {
    this.#options = options;
  }

  /** See `Session.execute`. */
  async execute({ code, position, timeoutMs }: ExecuteOptions): Promise<Run> {
    checkCode(code);
    this.#options.live.refuseWhenEnded();
    const notebook = this.#options.notebookOrThrow();
    await notebook.refresh();
    const cell = notebook.insertCell({ type: 'code', source: code }, position ?? { at: 'end' });
    const before = cell.index === 0 ? undefined : notebook.cell(cell.index - 1).id;
    try {
      const run = this.#newRun({
        code,
        cellId: cell.id,
        insertedCell: true,
        ...(before !== undefined && { afterCellId: before }),
      });
      this.#enqueue(run, timeoutMs);
      this.#options.outputs.showSoon(run);
      return run;
    } catch (error) {
      // Refused, so nothing of it stays: the queue is full, or its record cannot be written.
      notebook.deleteCells([cell.id]);
      throw error;
    }
  }

  /** See `Session.runCells`. */
  async runCells(
    refs: readonly CellRef[],
    timeoutMs?: number,
    restore?: RunRecord['restore'],
  ): Promise<readonly { readonly cell: CellView; readonly run: Run | undefined }[]> {
    this.#options.live.refuseWhenEnded();
    const notebook = this.#options.notebookOrThrow();
    await notebook.refresh();
    const cells = refs.map((ref) => notebook.cell(ref));
    // All are checked before the first is queued.
    for (const cell of cells) if (isRunnable(cell)) checkCode(cell.source);
    const shared = { insertedCell: false, group: newUuid(), ...(restore && { restore }) };
    return cells.map((cell) => {
      if (!isRunnable(cell)) return { cell, run: undefined };
      const run = this.#newRun({ code: cell.source, cellId: cell.id, ...shared });
      this.#enqueue(run, timeoutMs);
      return { cell, run };
    });
  }

  /** See `Session.scratch`. */
  scratch(code: string, timeoutMs: number | undefined, silent: boolean): Run {
    checkCode(code);
    this.#options.live.refuseWhenEnded();
    const run = this.#newRun({ code, insertedCell: false, storeHistory: false, silent });
    this.#enqueue(run, timeoutMs);
    return run;
  }

  /** A run object for a record; known to nobody yet. */
  createRun(record: RunRecord): Run {
    const { journal, clock, maxOutputBytes, notebook, queue } = this.#options;
    const run: Run = new Run({
      record,
      files: journal.open(record),
      clock,
      maxOutputBytes,
      ...(notebook !== undefined && { notebookPath: notebook.path }),
      cellIndex: () => this.cellIndex(record.cellId),
      queuePosition: () => queue.position(run),
    });
    return run;
  }

  /** Where a cell is now; undefined when it has vanished. */
  cellIndex(cellId: string | undefined): number | undefined {
    if (cellId === undefined) return undefined;
    return findCell(this.#options.notebook, cellId)?.index;
  }

  #newRun(part: NewRun): Run {
    const { live, clock } = this.#options;
    const { id, generation } = live.value;
    return this.createRun(newRunRecord(part, { id, generation }, clock.now()));
  }

  #enqueue(run: Run, timeoutMs: number | undefined): void {
    const { queue, recent, clock, interrupt } = this.#options;
    queue.add(run);
    recent.add(run);
    if (timeoutMs !== undefined) interruptAfter(run, timeoutMs, clock, interrupt);
  }
}
