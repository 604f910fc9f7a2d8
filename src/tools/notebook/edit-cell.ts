/** edit_cell: another source for a cell, by whole text or by find and replace. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { replaceText } from '#notebook/find-replace.ts';
import { renderDiff } from '#notebook/diff.ts';
import { removeSpills } from '#notebook/stores/spill.ts';
import { cellName } from '../answers.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { cell, toCellRef, waitS } from '../parameters.ts';
import { followRun, joinTexts, renderRun, runMeta } from '../render-run.ts';

export const editCell = defineSessionTool({
  name: 'edit_cell',
  toolset: 'notebook',
  title: 'Edit a cell',
  alwaysLoad: true,
  description:
    'Changes the source of a code, markdown or raw cell: give the whole new source, or find and replace (literal text, which must occur exactly once unless replace_all). ' +
    'Outputs of a changed code cell are cleared. Runs the cell only with run=true. Answers with a diff. A change that somebody else made to the same cell meanwhile is never overwritten.',
  input: {
    cell,
    source: z.string().optional().describe('The whole new source.'),
    find: z.string().optional().describe('Text to replace.'),
    replace: z.string().optional().describe('What to put in its place.'),
    replace_all: z.boolean().optional().describe('Replace every occurrence. Default: false.'),
    run: z.boolean().optional().describe('Run the cell afterwards. Default: false.'),
    wait_s: waitS,
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { session } = context;
    const { notebook } = session;
    await notebook.refresh();
    const ref = toCellRef(
      input.cell,
      notebook.cells().map(({ id }) => id),
    );
    const before = notebook.cell(ref);
    const source = newSource(before.source, input);
    if (input.run === true && before.type !== 'code') {
      throw new GloveboxError(
        'cell/wrong-type',
        `Cell ${cellName(before)} is ${before.type} and cannot be run.`,
        {
          hint: 'Call edit_cell without run.',
        },
      );
    }
    const running = session.runOfCell(before.id);
    const after = notebook.setSource(before.id, source);
    if (running !== undefined)
      running.notices.push(
        'The source of this cell was edited while it ran: these are the outputs of the earlier source.',
      );
    const { notices } = await notebook.flush();
    if (running === undefined && after.outputs.length === 0)
      await removeSpills(notebook.path, [after.id]);
    const changed = before.source === source ? 'unchanged' : 'edited';
    const text = [
      `cell ${cellName(after)} ${changed}${changed === 'edited' && before.type === 'code' && input.run !== true ? '; its outputs were cleared, it was not run' : ''}`,
      await renderDiff(before.source, source),
      ...notices.map((notice) => `Note: ${notice}`),
    ]
      .filter((line) => line !== '')
      .join('\n');
    if (input.run !== true)
      return {
        blocks: [{ type: 'text', text }],
        meta: { cell_id: after.id, cell_index: after.index },
      };
    const [entry] = await session.runCells([after.id]);
    if (entry?.run === undefined)
      return { blocks: [{ type: 'text', text: `${text}\nnot run: the cell is empty` }] };
    const { run } = entry;
    await followRun(run, input.wait_s, context, () =>
      context.sessions.cancelAfterCall(session, run),
    );
    return {
      blocks: joinTexts([{ type: 'text', text }, ...(await renderRun(run.view(), context))]),
      meta: runMeta(run.view()),
    };
  },
});

function newSource(
  source: string,
  input: {
    readonly source?: string | undefined;
    readonly find?: string | undefined;
    readonly replace?: string | undefined;
    readonly replace_all?: boolean | undefined;
  },
): string {
  const isWhole = input.source !== undefined;
  const isPart = input.find !== undefined && input.replace !== undefined;
  if (
    isWhole === isPart ||
    (isWhole && (input.find !== undefined || input.replace !== undefined))
  ) {
    throw new GloveboxError('input/invalid', 'Give either source, or find and replace.', {
      hint: 'edit_cell(..., source="...") or edit_cell(..., find="...", replace="...").',
    });
  }
  if (input.source !== undefined) return input.source;
  return replaceText(source, input.find ?? '', input.replace ?? '', {
    all: input.replace_all ?? false,
  });
}
