/** Counts how the cells of a notebook ended. */
import type { JsonObject } from '#core/json.ts';
import { renderDuration } from '#core/units.ts';
import type { CliCell, CliRun } from './host.ts';

export class CellTally {
  /** How many cells there are to run. */
  total = 0;
  readonly #cells: JsonObject[] = [];

  /** @returns one line about the cell. */
  add(cell: CliCell, run: CliRun): string {
    const view = run.view();
    this.#cells.push({
      cell_id: cell.id,
      cell_index: cell.index,
      run_id: view.id,
      state: view.state,
      elapsed_ms: view.elapsedMs,
      ...(view.error !== undefined && {
        error: { name: view.error.name, value: view.error.value },
      }),
      ...(view.explanation !== undefined && { explanation: view.explanation }),
    });
    const [first = ''] = cell.source.trim().split('\n');
    const code = first.length > 60 ? `${first.slice(0, 59)}…` : first;
    const why = view.explanation === undefined ? '' : ` ${view.explanation}`;
    return `cell ${cell.index} ${view.state} ${renderDuration(view.elapsedMs)}  ${code}${why}`;
  }

  get failed(): number {
    return this.#cells.filter(({ state }) => state !== 'ok').length;
  }

  summary(): string {
    const { total, failed } = this;
    const ran = this.#cells.length;
    const parts = [`${ran - failed} of ${total} cells ok`];
    if (failed > 0) parts.push(`${failed} failed`);
    if (ran < total) parts.push(`${total - ran} not run`);
    return `${parts.join(', ')}.`;
  }

  toJson(): JsonObject {
    const { total, failed } = this;
    const ran = this.#cells.length;
    return { executed: ran, failed, not_run: total - ran, cells: this.#cells };
  }
}
