/** fetch_hf_docs: one page of the documentation, or the part of it that is wanted. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf, maxChars } from '../paged-answer.ts';
import { wideInt, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  url: z
    .string()
    .describe('A page as explore_hf_docs gave it, or /docs/...; an anchor counts as section.'),
  section: wideText('Only this section: anchor or heading.'),
  query: wideText('Only the sections that fit these words best.'),
  offset: wideInt('From this character on.', { min: 0 }),
  max_chars: maxChars,
});

export type FetchInput = z.output<typeof input>;

export const fetchHfDocs = defineTool({
  name: 'fetch_hf_docs',
  toolset: 'hub',
  title: 'Read a page of the documentation',
  description:
    'Reads a page of documentation, course, blog or paper on huggingface.co, or of gradio.app, as Markdown. A long page begins with its outline; section or query give parts of it, offset the rest. Other hosts are refused. No token is sent.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { readDocs } = await import('./docs/read.ts');
    const notes: Notes = [];
    const budget = budgetOf(arguments_.max_chars, context.settings, notes);
    const { hub, signal } = context;
    return textResult(await readDocs({ hub, signal, input: arguments_, budget, notes }));
  },
});
