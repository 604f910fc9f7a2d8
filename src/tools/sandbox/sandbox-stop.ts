/** sandbox_stop: the end of a sandbox and of everything in it. */
import * as z from 'zod';
import { PAID_BACKENDS } from '#sandbox/admission.ts';
import { authorizeStop } from '../authorize-stop.ts';
import { defineTool, textResult } from '../define-tool.ts';
import { sandboxMeta, sandboxSummary } from '../sandbox-answers.ts';

export const sandboxStop = defineTool({
  name: 'sandbox_stop',
  toolset: 'sandbox',
  title: 'Stop a sandbox',
  description:
    'Ends a sandbox: ALL kernels and variables in it are lost; notebooks are saved first. Call it only when the user asks for it.',
  input: z.strictObject({
    sandbox_id: z.string().describe('Sandbox id.'),
    force: z.boolean().optional().describe('Also one of another session.'),
  }),
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: true },
  async run(input, context) {
    const { sandboxes, sessions, spend, signal } = context;
    await authorizeStop(input.sandbox_id, context, context, { force: input.force === true });
    const ended = await sessions.endAllIn(input.sandbox_id);
    const view = await sandboxes.stop(input.sandbox_id, signal);
    const lines = ended.map(
      ({ id, notebookPath }) => `session ${id} ended; its notebook is saved: ${notebookPath}`,
    );
    const spent = PAID_BACKENDS.has(view.backend) ? await spend.line() : undefined;
    return textResult(
      [sandboxSummary(view, Date.now()), ...lines, ...(spent === undefined ? [] : [spent])].join(
        '\n',
      ),
      sandboxMeta(view),
    );
  },
});
