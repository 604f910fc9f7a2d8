/** A notebook as Markdown: its sources, without outputs and without the cells that are marked as hidden. */
import * as z from 'zod';
import { fenced } from '../../paged-answer.ts';
import type { Notes } from '../../wide-input.ts';

const source = z.union([z.string(), z.array(z.string())]).catch('');
const notebook = z.object({
  metadata: z
    .object({ kernelspec: z.object({ language: z.string().optional() }).optional() })
    .optional()
    .catch(undefined),
  cells: z.array(
    z.object({
      cell_type: z.string().catch('raw'),
      source,
      metadata: z
        .object({ tags: z.array(z.string()).optional().catch(undefined) })
        .optional()
        .catch(undefined),
    }),
  ),
});

const HIDDEN = /^(hide|hidden|remove)/;

/** The text as it is when it is no notebook, with a note. */
export function notebookAsText(text: string, notes: Notes): string {
  const found = parse(text);
  if (found === undefined) {
    notes.push('The notebook is broken; this is the file as it is.');
    return text;
  }
  const language = found.metadata?.kernelspec?.language ?? 'python';
  const shown = found.cells.filter(
    ({ metadata }) => !(metadata?.tags ?? []).some((tag) => HIDDEN.test(tag)),
  );
  const hidden = found.cells.length - shown.length;
  notes.push(
    `A notebook of ${found.cells.length} cells, shown as Markdown without outputs${hidden === 0 ? '' : ` and without ${hidden} hidden cells`}.`,
  );
  return shown
    .map(({ cell_type: type, source: given }) => {
      const content = Array.isArray(given) ? given.join('') : given;
      return type === 'markdown' ? content : fenced(content, type === 'code' ? language : '');
    })
    .join('\n\n');
}

function parse(text: string): z.output<typeof notebook> | undefined {
  try {
    const parsed = notebook.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
