/** github_find_examples: runnable reference code of a library. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf } from '../paged-answer.ts';
import { clamp, wideBoolean, wideInt, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  repo: z.string().describe('owner/repo, an address on GitHub, or a bare name with org.'),
  org: wideText('Owner of a bare name. Default: huggingface.'),
  keyword: wideText('What the example is about, such as grpo or lora vision.'),
  path: wideText('Folder to stay in.'),
  ref: wideText('Branch, tag or commit. Default: the default branch.'),
  max_results: wideInt('How many at most. Default: 20.', { min: 1, max: 100 }),
  cursor: wideText('Continues the list, with the same arguments.'),
  include_tests: wideBoolean('Tests too. Default: false.'),
});

export type FindExamplesInput = z.output<typeof input>;

export const githubFindExamples = defineTool({
  name: 'github_find_examples',
  toolset: 'github',
  title: 'Find examples on GitHub',
  description:
    'Finds examples, scripts, notebooks, tutorials and recipes in a GitHub repository, ranked by a keyword, each with the call that reads it at a fixed commit. Read a current, working example before writing code against a library. Works without a token.',
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { findExamples } = await import('./examples/find-examples.ts');
    const notes: Notes = [];
    const limit = clamp(
      'max_results',
      arguments_.max_results,
      { fallback: 20, min: 1, max: 100 },
      notes,
    );
    const budget = budgetOf(undefined, context.settings, notes);
    const { github, signal } = context;
    return textResult(
      await findExamples({ github, signal, input: arguments_, limit, budget, notes }),
    );
  },
});
