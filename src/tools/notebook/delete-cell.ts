/** delete_cell: one or several cells, all or none. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { removeSpills } from '#notebook/stores/spill.ts';
import { cellName, firstLine } from '../answers.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { cell, toCellRef } from '../parameters.ts';

export const deleteCell = defineSessionTool({
  name: 'delete_cell',
  toolset: 'notebook',
  title: 'Delete cells',
  description:
    'Deletes one cell, or several: then all or none. Variables that the cells made stay in the kernel.',
  input: {
    cell: cell.optional(),
    cells: z
      .array(cell)
      .min(1)
      .max(500)
      .optional()
      .describe('Several cells; a duplicate or unknown one refuses the whole call.'),
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  async run(input, { session }) {
    const named = input.cells ?? (input.cell === undefined ? [] : [input.cell]);
    if (named.length === 0 || (input.cells !== undefined && input.cell !== undefined)) {
      throw new GloveboxError('input/invalid', 'Give either cell or cells.', {
        hint: 'delete_cell(session_id=..., cell="ab12cd34") or delete_cell(session_id=..., cells=[...]).',
      });
    }
    const { notebook } = session;
    await notebook.refresh();
    const ids = notebook.cells().map(({ id }) => id);
    const refs = named.map((ref) => toCellRef(ref, ids));
    for (const ref of refs) {
      const running = session.runOfCell(notebook.cell(ref).id);
      if (running === undefined) continue;
      throw new GloveboxError(
        'cell/running',
        `Cell ${cellName(notebook.cell(ref))} is ${running.state} as ${running.id}.`,
        {
          hint: `interrupt_kernel(session_id="${session.id}", run_id="${running.id}") first, or wait with get_run.`,
        },
      );
    }
    const deleted = notebook.deleteCells(refs);
    const { notices } = await notebook.flush();
    await removeSpills(
      notebook.path,
      deleted.map(({ id }) => id),
    );
    const lines = deleted.map(
      (gone) => `deleted cell ${cellName(gone)}: ${firstLine(gone.source)}`,
    );
    return textResult([...lines, `${notebook.cellCount} cells are left.`, ...notices].join('\n'));
  },
});
