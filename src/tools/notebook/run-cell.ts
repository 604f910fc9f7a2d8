/** run_cell: the stored source of cells, once more. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { cellName } from '../answers.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { cell, timeoutS, toCellRef, waitS } from '../parameters.ts';
import { withLines } from '../define-tool.ts';
import { followRun, joinTexts, renderRun, runMeta, waitMsOf } from '../render-run.ts';
import { trainingAdvice } from '../training-advice.ts';

export const runCell = defineSessionTool({
  name: 'run_cell',
  toolset: 'notebook',
  title: 'Run existing cells',
  description:
    'Runs the source of one or several cells as they stand in the notebook (also when a person edited them) and replaces their outputs. ' +
    'Several run in order and stop at the first that fails. Markdown and empty cells are skipped.',
  input: {
    cell: cell.optional(),
    cells: z.array(cell).min(1).max(500).optional().describe('Several cells, run in this order.'),
    wait_s: waitS,
    timeout_s: timeoutS,
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { session } = context;
    const named = input.cells ?? (input.cell === undefined ? [] : [input.cell]);
    if (named.length === 0 || (input.cells !== undefined && input.cell !== undefined)) {
      throw new GloveboxError('input/invalid', 'Give either cell or cells.', {
        hint: 'run_cell(session_id=..., cell=3) or run_cell(session_id=..., cells=[0, 1, 2]).',
      });
    }
    const ids = session.notebook.cells().map(({ id }) => id);
    const started = await session.runCells(
      named.map((ref) => toCellRef(ref, ids)),
      input.timeout_s === undefined ? undefined : input.timeout_s * 1000,
    );
    const code = started.map((entry) => entry.cell.source).join('\n');
    const advice = await trainingAdvice(session, code, context);
    const endMs = performance.now() + waitMsOf(input.wait_s, context);
    const blocks = [];
    let meta = {};
    for (const entry of started) {
      if (entry.run === undefined) {
        const why = entry.cell.type === 'code' ? 'it is empty' : `it is ${entry.cell.type}`;
        blocks.push({
          type: 'text',
          text: `cell ${cellName(entry.cell)} skipped: ${why}`,
        } as const);
        continue;
      }
      const { run } = entry;
      const leftS = Math.max(0, (endMs - performance.now()) / 1000);
      await followRun(run, leftS, context, () => context.sessions.cancelAfterCall(session, run));
      blocks.push(...(await renderRun(run.view(), context)));
      meta = runMeta(run.view());
    }
    return withLines({ blocks: joinTexts(blocks), meta }, advice);
  },
});
