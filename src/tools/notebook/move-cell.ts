/** move_cell: a cell with everything it has, to another place. */
import * as z from 'zod';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { cell, toCellRef, toPosition } from '../parameters.ts';

export const moveCell = defineSessionTool({
  name: 'move_cell',
  toolset: 'notebook',
  title: 'Move a cell',
  description:
    'Moves a cell to another place; its id, source, outputs and metadata stay as they are.',
  input: {
    cell,
    at: z
      .union([z.string(), z.int32()])
      .describe('Where: the index it will have, "after:<cell id>", "before:<cell id>" or "end".'),
  },
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  async run(input, { session }) {
    const { notebook } = session;
    await notebook.refresh();
    const moved = notebook.moveCell(
      toCellRef(
        input.cell,
        notebook.cells().map(({ id }) => id),
      ),
      toPosition(input.at),
    );
    const { notices } = await notebook.flush();
    const text =
      moved.from === moved.to
        ? `cell ${moved.cell.id} is at index ${moved.to} already`
        : `cell ${moved.cell.id} moved from index ${moved.from} to ${moved.to}`;
    return textResult([text, ...notices].join('\n'), {
      cell_id: moved.cell.id,
      cell_index: moved.to,
    });
  },
});
