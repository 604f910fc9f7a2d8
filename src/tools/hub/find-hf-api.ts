/** find_hf_api: which endpoint of the Hub's HTTP API does what. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { budgetOf, limitOf } from '../paged-answer.ts';
import { clamp, wideChoice, wideText, type Notes } from '../wide-input.ts';

const input = z.strictObject({
  query: wideText('What it should do, in plain words.'),
  tag: wideText('Only endpoints with this tag; a wrong one is answered with the list.'),
  method: wideChoice(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'], 'Only this method.'),
  limit: limitOf(10, 20),
  cursor: wideText('Continues the list.'),
});

export type FindApiInput = z.output<typeof input>;

export const findHfApi = defineTool({
  name: 'find_hf_api',
  toolset: 'hub',
  title: 'Find an endpoint of the Hub',
  description:
    "Finds endpoints of the Hugging Face Hub's HTTP API by words or tag: parameters, responses and a curl line. For what the other tools do not cover. No token needed.",
  input,
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(arguments_, context) {
    const { findApi } = await import('./docs/find-api.ts');
    const notes: Notes = [];
    const limit = clamp('limit', arguments_.limit, { fallback: 10, min: 1, max: 20 }, notes);
    const budget = budgetOf(undefined, context.settings, notes);
    const { hub, signal } = context;
    return textResult(await findApi({ hub, signal, input: arguments_, limit, budget, notes }));
  },
});
