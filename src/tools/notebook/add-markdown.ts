/** add_markdown: a text cell. */
import * as z from 'zod';
import { cellName } from '../answers.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { at, toPosition } from '../parameters.ts';

export const addMarkdown = defineSessionTool({
  name: 'add_markdown',
  toolset: 'notebook',
  title: 'Add a markdown cell',
  alwaysLoad: true,
  description:
    'Adds a markdown cell: a heading, a plan, what a result means. Works while code runs.',
  input: { markdown: z.string().describe('Markdown text; formulas in $...$ are shown.'), at },
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  async run({ markdown, at: where }, { session }) {
    await session.notebook.refresh();
    const added = session.notebook.insertCell(
      { type: 'markdown', source: markdown },
      toPosition(where),
    );
    const { notices } = await session.notebook.flush();
    const cell = session.notebook.cell(added.id);
    return textResult([`markdown cell ${cellName(cell)} added`, ...notices].join('\n'), {
      cell_id: cell.id,
      cell_index: cell.index,
    });
  },
});
