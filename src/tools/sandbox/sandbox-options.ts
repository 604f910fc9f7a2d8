/** sandbox_options: what can be started here, on which hardware, for which price. */
import * as z from 'zod';
import { messageOf } from '#core/errors.ts';
import { BACKEND_IDS } from '#sandbox/backend.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { offerLines } from '../sandbox-answers.ts';

export const sandboxOptions = defineTool({
  name: 'sandbox_options',
  toolset: 'sandbox',
  title: 'What sandboxes can be started',
  description:
    'Lists the back ends that work here, their hardware with price and availability now, and the options that sandbox_create takes for each.',
  input: z.strictObject({
    backend: z.enum(BACKEND_IDS).optional().describe('Only this back end. Default: all.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run({ backend }, { sandboxes, signal }) {
    const ids = backend === undefined ? sandboxes.backends() : [backend];
    const parts = await Promise.all(
      ids.map(async (id) => {
        const found = await sandboxes.backend(id);
        const [offers, answers] = await found.offers(signal).then(
          (list) => [offerLines(list).map((line) => `  ${line}`), true] as const,
          (error: unknown) => [[`  cannot be asked now: ${messageOf(error)}`], false] as const,
        );
        const head = `${id}: ${found.summary}`;
        // What cannot be used here anyway is described only to whoever asks for it.
        if (!answers && backend === undefined) return [head, ...offers].join('\n');
        const options = Object.entries(found.optionsSchema.shape).map(
          ([name, schema]) =>
            `  option ${name}: ${schema instanceof z.ZodType ? (schema.description ?? '') : ''}`,
        );
        return [head, ...offers, ...options].join('\n');
      }),
    );
    return textResult(parts.join('\n\n'));
  },
});
