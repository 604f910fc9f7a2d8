/** read_notebook: the outline of a notebook, or cells with their outputs. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { Block, CellView } from '#notebook/contract.ts';
import { resolveNotebookPath } from '#notebook/paths.ts';
import { cellName, outline } from '../answers.ts';
import { defineTool, type ToolContext } from '../define-tool.ts';
import { cell, toCellRef } from '../parameters.ts';
import { joinTexts, renderForAgent } from '../render-run.ts';

const SUMMARY_CHARS = 600;

export const readNotebook = defineTool({
  name: 'read_notebook',
  toolset: 'notebook',
  title: 'Read a notebook',
  alwaysLoad: true,
  description:
    'Reads a notebook from disk, with what is not saved yet: without cells an outline (index, id, type, first line), with cells their source and outputs, images included. Needs no kernel and no server.',
  input: z.strictObject({
    session_id: z.string().optional().describe('Session whose notebook to read.'),
    notebook_path: z.string().optional().describe('Or the path of any notebook in the project.'),
    cells: z.array(cell).max(500).optional().describe('Cells to show in full, by id or index.'),
    outputs: z
      .enum(['none', 'summary', 'full'])
      .optional()
      .describe(
        'How much of the outputs: none, summary (short text, no images) or full. Default: full for named cells.',
      ),
    offset: z.int32().min(0).optional().describe('Without cells: start the outline at this index.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run(input, context) {
    const { path, cells } = await load(input, context);
    if (input.cells === undefined && input.outputs === undefined)
      return { blocks: [{ type: 'text', text: outlineText(path, cells, input.offset ?? 0) }] };
    const ids = cells.map(({ id }) => id);
    const chosen =
      input.cells === undefined
        ? cells.slice(input.offset ?? 0)
        : input.cells.map((ref) => pick(cells, toCellRef(ref, ids)));
    const blocks: Block[] = [];
    let leftChars = context.settings.outputChars();
    for (const [position, view] of chosen.entries()) {
      if (leftChars <= 0) {
        const rest = chosen.slice(position).map(({ id }) => id);
        blocks.push({
          type: 'text',
          text: `${rest.length} cells are left out, the answer is full: read_notebook(..., cells=${JSON.stringify(rest.slice(0, 20))})`,
        });
        break;
      }
      const shown = await renderCell(view, input.outputs ?? 'full', leftChars, context);
      for (const block of shown) if (block.type === 'text') leftChars -= block.text.length;
      blocks.push(...shown);
    }
    return { blocks: joinTexts(blocks) };
  },
});

const OUTLINE_CELLS = 200;

function outlineText(path: string, cells: readonly CellView[], offset: number): string {
  const page = cells.slice(offset, offset + OUTLINE_CELLS);
  const left = cells.length - offset - page.length;
  const more = left > 0 ? `\n(${left} more cells: offset=${offset + page.length})` : '';
  return `${path}: ${cells.length} cells\n${outline(page)}${more}`;
}

async function load(
  input: { readonly session_id?: string | undefined; readonly notebook_path?: string | undefined },
  context: ToolContext,
): Promise<{ readonly path: string; readonly cells: readonly CellView[] }> {
  const { sessions, settings, projectDir } = context;
  if ((input.session_id === undefined) === (input.notebook_path === undefined)) {
    throw new GloveboxError('input/invalid', 'Give either session_id or notebook_path.', {
      hint: 'list_sessions shows both.',
    });
  }
  const path =
    input.session_id === undefined
      ? await resolveNotebookPath({
          requested: input.notebook_path ?? '',
          notebookDir: settings.notebookDir(),
          projectDir,
        })
      : await sessions.notebookPathOf(input.session_id);
  return { path, cells: await sessions.readCells(path) };
}

function pick(cells: readonly CellView[], ref: string | number): CellView {
  const found = typeof ref === 'number' ? cells.at(ref) : cells.find(({ id }) => id === ref);
  if (
    found !== undefined &&
    (typeof ref === 'string' || (ref < cells.length && ref >= -cells.length))
  )
    return found;
  throw new GloveboxError(
    'cell/unknown',
    `There is no cell ${JSON.stringify(ref)}; the notebook has ${cells.length} cells.`,
    {
      hint: 'read_notebook without cells shows the outline.',
    },
  );
}

async function renderCell(
  view: CellView,
  outputs: 'none' | 'summary' | 'full',
  maxChars: number,
  context: ToolContext,
): Promise<readonly Block[]> {
  const count = view.type === 'code' ? ` [${view.executionCount ?? ' '}]` : '';
  const head: Block = {
    type: 'text',
    text: `--- cell ${cellName(view)} ${view.type}${count}\n${view.source.slice(0, maxChars)}`,
  };
  if (outputs === 'none' || view.outputs.length === 0) return [head];
  const blocks = await renderForAgent(view.outputs, context, {
    maxChars: outputs === 'summary' ? SUMMARY_CHARS : Math.max(500, maxChars - view.source.length),
    rest: () => `read_notebook(notebook_path=..., cells=["${view.id}"], outputs="full")`,
  });
  const shown = outputs === 'summary' ? blocks.filter(({ type }) => type === 'text') : blocks;
  return [head, { type: 'text', text: '--- output' }, ...shown];
}
