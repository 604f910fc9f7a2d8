/** inspect_variables: what a kernel holds, without disturbing it. */
import * as z from 'zod';
import { renderBytes } from '#core/units.ts';
import type { Inspection } from '#session/inspect.ts';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';

export const inspectVariables = defineSessionTool({
  name: 'inspect_variables',
  toolset: 'notebook',
  title: 'Look at the variables',
  description:
    'Lists the variables of a Python kernel, largest first: name, type, shape, dtype, device, size and a short preview. Changes nothing, reads no values from a GPU. ' +
    'A kernel that runs something answers busy; nothing is queued.',
  input: {
    names: z
      .array(z.string().min(1))
      .min(1)
      .max(200)
      .optional()
      .describe('Only these names; also modules, functions and names with an underscore.'),
    limit: z.int32().min(1).max(500).optional().describe('How many to list. Default: 50.'),
  },
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run(input, context) {
    const { session, sessions, signal, settings } = context;
    const request = { names: input.names, limit: input.limit ?? 50 };
    const answer = await sessions.inspect(session, request, signal);
    if ('busy' in answer) {
      const next = session.queue.current;
      const follow =
        next === undefined ? '' : `\nNext: get_run(run_id="${next.id}", wait_s=45) waits for it.`;
      return textResult(`busy: ${answer.busy}. Nothing was looked at.${follow}`, { state: 'busy' });
    }
    const { found } = answer;
    const text = linesOf(found).join('\n');
    const maxChars = settings.outputChars();
    const rest =
      text.length <= maxChars ? '' : '\n... more did not fit: give names, or a smaller limit.';
    return textResult(`${text.slice(0, maxChars)}${rest}`, {
      state: 'ok',
      count: found.count,
      shown: found.variables.length,
    });
  },
});

function linesOf({
  variables,
  count,
  definitions,
  unseen,
  missing,
}: Inspection): readonly string[] {
  const rest = count - variables.length - unseen;
  return [
    ...(variables.length === 0 && missing.length === 0 ? ['No variables.'] : []),
    ...variables.map((row) =>
      [
        row.name,
        row.type,
        ...(row.shape === undefined ? [] : [`(${row.shape.join(', ')})`]),
        ...(row.dtype === undefined ? [] : [row.dtype]),
        ...(row.device === undefined ? [] : [row.device]),
        ...(row.bytes === undefined ? [] : [renderBytes(row.bytes)]),
        row.preview,
      ].join(' · '),
    ),
    ...(missing.length === 0 ? [] : [`not defined: ${missing.join(', ')}`]),
    ...(rest > 0 ? [`${rest} smaller variables are not listed; limit=${count} lists them.`] : []),
    ...(unseen > 0 ? [`${unseen} variables were not looked at: it took too long.`] : []),
    ...(definitions > 0
      ? [`${definitions} modules, functions and classes are not listed; names=[...] shows them.`]
      : []),
  ];
}
