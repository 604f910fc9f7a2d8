/** Keeps the outputs of runs in their cells: throttled while they run, complete at their end, into earlier cells when a display is updated. */
import { messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { KernelMessage } from '#jupyter/contract.ts';
import type { CellView, OpenNotebook } from '#notebook/contract.ts';
import { applyDisplayUpdate, type OutputCollector } from '#notebook/output-collector.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { Run } from './run.ts';

/** A new cell is in the file so soon, also when its code runs on; the end of a shorter one writes it anyway. */
const SHOW_MS = 100;
/** How often the cell of a running run is written (R7). */
const KEEP_MS = 2_000;
/** After a quiet moment, a big notebook that was not written at the end of a run is, and its runs are marked as saved. */
const MARK_MS = 3_000;

export class OutputKeeper {
  readonly #notebook: OpenNotebook | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  /** By cell, where the displays with an id stand in its outputs. */
  readonly #displays = new Map<string, OutputCollector['displays']>();
  readonly #unmarked = new Set<Run>();
  readonly #timers = new Map<Run, () => void>();
  /** How far the outputs were that stand in the cell. */
  readonly #written = new WeakMap<Run, number>();
  /** Runs whose cell has vanished; told once. */
  readonly #homeless = new WeakSet<Run>();
  #cancelMark: (() => void) | undefined;

  constructor(options: {
    readonly notebook: OpenNotebook | undefined;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#notebook = options.notebook;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Called when the cell of a run is new: a person who watches the file sees it before it has ended. The journal holds it already. */
  showSoon(run: Run): void {
    this.#clock.after(SHOW_MS, () => !run.isFinal && this.#notebook?.scheduleSave(), {
      background: true,
    });
  }

  /** Called for each output of a run that goes on. */
  onOutput(run: Run, message: KernelMessage): void {
    if (message.header.msg_type === 'update_display_data') this.#updateEarlierCells(run, message);
    // A kernel has hardly anything to say about a cell after its result.
    if (message.header.msg_type === 'execute_result')
      this.#writeAhead(run, message.content['execution_count']);
    if (this.#notebook === undefined || this.#timers.has(run)) return;
    const cancel = this.#clock.after(
      KEEP_MS,
      () => {
        this.#timers.delete(run);
        // Nothing but what the notebook has no room for.
        if (run.isFinal || this.#written.get(run) === run.collector.changed) return;
        this.#write(run);
        this.#notebook?.scheduleSave();
      },
      { background: true },
    );
    this.#timers.set(run, cancel);
  }

  /** Called when the kernel is done with a run and its idle is still on the way. */
  onReply(run: Run, executionCount: number | null): void {
    this.#writeAhead(run, executionCount);
  }

  /** Puts what a run has given so far into its cell, in memory. */
  keep(run: Run): void {
    this.#timers.get(run)?.();
    this.#timers.delete(run);
    this.#write(run);
    this.#rememberDisplays(run);
  }

  /**
   * The same for output of a run that has ended: nothing else will write it (C19). A cell that was edited or ran again since shows
   * other outputs, which stay; these are in the run.
   */
  keepLate(run: Run): void {
    const { cellId, executionCount = null } = run.record;
    const cell = cellId === undefined ? undefined : findCell(this.#notebook, cellId);
    if (cell !== undefined && cell.executionCount !== executionCount) return;
    this.keep(run);
    this.#notebook?.scheduleSave();
  }

  /** Writes the notebook if that is cheap, or always for a restore (D14). @returns whether the cell with its outputs is on disk now */
  async settle(run: Run): Promise<boolean> {
    if (this.#notebook === undefined || run.record.cellId === undefined) return true;
    this.#notebook.scheduleSave();
    try {
      const isRestore = run.record.restore !== undefined;
      const report = await (isRestore ? this.#notebook.flush() : this.#notebook.settle());
      run.notices.push(...report.notices);
      return report.saved;
    } catch (error) {
      // A failed save never hides outputs (D7): they are in the run and in the answer.
      run.notices.push(
        `The notebook could not be saved: ${messageOf(error)}. The outputs are kept in the run and will be saved when it works again.`,
      );
      return false;
    }
  }

  /** Sees to it that a run whose notebook was not written at its end is marked once it is. */
  markSavedLater(run: Run): void {
    if (run.record.saved) {
      if (!this.#unmarked.has(run)) run.close();
      return;
    }
    this.#unmarked.add(run);
    this.#cancelMark?.();
    this.#cancelMark = this.#clock.after(MARK_MS, () => void this.flush().catch(() => undefined), {
      background: true,
    });
  }

  /** Writes everything. @throws `notebook/save-failed`. */
  async flush(): Promise<void> {
    this.#cancelMark?.();
    for (const run of this.#timers.keys()) this.#write(run);
    if (this.#notebook === undefined) return;
    const runs = [...this.#unmarked];
    try {
      await this.#notebook.flush();
    } catch (error) {
      this.#log.warn(`notebook ${this.#notebook.path}: ${messageOf(error)}`);
      throw error;
    }
    for (const run of runs) {
      this.#unmarked.delete(run);
      run.update({ saved: true });
      run.close();
    }
  }

  /**
   * Writes a small notebook in the milliseconds that the news of the end takes, so that nothing is left to write when it comes.
   * What follows after all is written at the end.
   */
  #writeAhead(run: Run, executionCount: unknown): void {
    if (run.isFinal) return;
    if (typeof executionCount === 'number') run.note({ executionCount });
    this.#write(run);
    this.#notebook?.scheduleSave();
  }

  #write(run: Run): void {
    const { cellId, executionCount = null } = run.record;
    if (this.#notebook === undefined || cellId === undefined) return;
    this.#written.set(run, run.collector.changed);
    const isThere = this.#notebook.setOutputs(cellId, run.collector.outputs, executionCount);
    if (isThere || this.#homeless.has(run)) return;
    this.#homeless.add(run);
    run.notices.push(
      `Its cell ${cellId} is no longer in the notebook as code; the outputs are kept in the run: get_run(run_id="${run.id}").`,
    );
  }

  #rememberDisplays(run: Run): void {
    const { cellId } = run.record;
    if (cellId === undefined) return;
    const { displays } = run.collector;
    if (displays.size > 0) this.#displays.set(cellId, displays);
    else this.#displays.delete(cellId);
  }

  /** O3: an update changes every stored output with that id, in any cell of the session. */
  #updateEarlierCells(run: Run, message: KernelMessage): void {
    const { transient, data, metadata } = message.content;
    if (!isRecord(transient) || typeof transient['display_id'] !== 'string' || !isRecord(data))
      return;
    for (const [cellId, displays] of this.#displays) {
      const indexes = displays.get(transient['display_id']);
      if (indexes === undefined || cellId === run.record.cellId) continue;
      const cell = findCell(this.#notebook, cellId);
      if (cell === undefined) continue;
      const outputs = applyDisplayUpdate(
        cell.outputs,
        indexes,
        data,
        isRecord(metadata) ? metadata : {},
      );
      this.#notebook?.setOutputs(cellId, outputs, cell.executionCount);
    }
  }
}

/** The cell with that id, or undefined when it has vanished. */
export function findCell(notebook: OpenNotebook | undefined, cellId: string): CellView | undefined {
  try {
    return notebook?.cell(cellId);
  } catch {
    return undefined;
  }
}
