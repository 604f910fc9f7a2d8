/** restore_notebook: the cells of a notebook once more, in order. */
import { defineSessionTool } from '../define-session-tool.ts';
import { cell, toCellRef, waitS } from '../parameters.ts';
import { continueOnError, restoreAndFollow } from '../render-restore.ts';

export const restoreNotebook = defineSessionTool({
  name: 'restore_notebook',
  toolset: 'notebook',
  title: 'Run the notebook again',
  description:
    'Runs all code cells of the notebook in order, or those from one cell on, to bring the variables back after a restart. Side effects are repeated. ' +
    'Cells with the tag skip-restore and empty ones are skipped; it stops at the first failure. Every cell is saved when it has ended. Answers with a tally per cell.',
  input: {
    from_cell: cell.optional().describe('First cell to run: id or index. Default: the first.'),
    continue_on_error: continueOnError,
    wait_s: waitS,
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { session } = context;
    const ids = session.notebook.cells().map(({ id }) => id);
    const from = input.from_cell === undefined ? undefined : toCellRef(input.from_cell, ids);
    const request = { from, continueOnError: input.continue_on_error === true };
    return restoreAndFollow(session, request, input.wait_s, context);
  },
});
