/** explore_hf_docs: search the documentation of the Hugging Face libraries, or list its pages. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf, limitOf, maxChars } from '../paged-answer.ts';
import { clamp, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  endpoint: wideText(
    'Product (transformers, trl, peft, tgi, gradio, ...) or group: optimum, courses. Default: all, with query.',
  ),
  query: wideText('Plain words. Default: list the pages.'),
  max_results: limitOf(20, 50),
  cursor: wideText('Continues a list, with the same arguments.'),
  max_chars: maxChars,
});

export type ExploreInput = z.output<typeof input>;

export const exploreHfDocs = defineTool({
  name: 'explore_hf_docs',
  toolset: 'hub',
  title: 'Search the documentation',
  description:
    'Searches the current documentation of the Hugging Face libraries, courses and Gradio, and answers with passages and their addresses; without query it lists the pages of a product. ' +
    'What you remember of these APIs is probably out of date: look here before writing code, then read the page with fetch_hf_docs. No token needed.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { exploreDocs } = await import('./docs/explore.ts');
    const notes: Notes = [];
    const limit = clamp(
      'max_results',
      arguments_.max_results,
      { fallback: 20, min: 1, max: 50 },
      notes,
    );
    const budget = budgetOf(arguments_.max_chars, context.settings, notes);
    const { hub, signal } = context;
    return textResult(await exploreDocs({ hub, signal, input: arguments_, limit, budget, notes }));
  },
});
