/** sandbox_edit: a part of a file in a sandbox. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxId } from '../parameters.ts';
import { syntaxLine, unifiedDiff } from '../render-edit.ts';
import { waitOf } from '../render-run.ts';

export const sandboxEdit = defineTool({
  name: 'sandbox_edit',
  toolset: 'sandbox',
  title: 'Edit a file in a sandbox',
  description:
    'Replaces old_str by new_str in a text file in a sandbox, or inserts beside it, and answers with the difference. The file must have been read with sandbox_read and be unchanged since. ' +
    'old_str must be there once; without an exact match, whole lines that differ only in blanks, indentation or typographic signs are taken if there is one such place. ' +
    'Line ends, mode and links of the file stay.',
  input: z.strictObject({
    sandbox_id: sandboxId,
    path: z
      .string()
      .min(1)
      .describe('Absolute, from ~, or relative to the sandbox root (the project).'),
    old_str: z.string().describe('Text to find, without line numbers. Empty only for a new file.'),
    new_str: z.string().describe('Text to put there.'),
    replace_all: z
      .boolean()
      .optional()
      .describe('Replace every exact match. Default: false, and several are an error.'),
    mode: z
      .enum(['replace', 'append_after', 'prepend_before'])
      .optional()
      .describe('Replace old_str, or insert new_str after or before it. Default: replace.'),
  }),
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const edited = await context.files.edit(
      { sandboxId: input.sandbox_id, path: input.path },
      {
        oldText: input.old_str,
        newText: input.new_str,
        replaceAll: input.replace_all ?? false,
        mode: input.mode ?? 'replace',
      },
      waitOf(undefined, context),
    );
    const text = [
      edited.created ? `Created ${edited.real}.` : `Changed ${edited.real} (match: ${edited.how}).`,
      ...syntaxLine(edited),
      await unifiedDiff(edited.before, edited.after),
    ].join('\n');
    return textResult(text, { path: edited.real, created: edited.created });
  },
});
