/** sandbox_write: a whole file in a sandbox. */
import * as z from 'zod';
import { renderBytes } from '#core/units.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxId } from '../parameters.ts';
import { waitOf } from '../render-run.ts';
import { syntaxLine } from '../render-edit.ts';

export const sandboxWrite = defineTool({
  name: 'sandbox_write',
  toolset: 'sandbox',
  title: 'Write a file in a sandbox',
  description:
    'Writes a text file in a sandbox, folders included, in one step or not at all. An existing file must have been read with sandbox_read and be unchanged since. ' +
    'For a change of a part use sandbox_edit. On the local back end these are the files of the user.',
  input: z.strictObject({
    sandbox_id: sandboxId,
    path: z
      .string()
      .min(1)
      .describe('Absolute, from ~, or relative to the sandbox root (the project).'),
    content: z.string().describe('The whole text, at most 4 MiB.'),
  }),
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const place = { sandboxId: input.sandbox_id, path: input.path };
    const stored = await context.files.write(place, input.content, waitOf(undefined, context));
    const lines = input.content === '' ? 0 : input.content.replace(/\n$/, '').split('\n').length;
    const text = [
      `${stored.created ? 'Created' : 'Replaced'} ${stored.real}: ${renderBytes(stored.size)}, ${lines} line${lines === 1 ? '' : 's'}.`,
      ...syntaxLine(stored),
    ].join('\n');
    return textResult(text, { path: stored.real, created: stored.created });
  },
});
