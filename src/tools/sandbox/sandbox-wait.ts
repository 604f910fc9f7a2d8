/** sandbox_wait: until a sandbox is ready, or why it is not. */
import * as z from 'zod';
import { defineTool, textResult } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { waitOf } from '../render-run.ts';
import { sandboxMeta, sandboxSummary } from '../sandbox-answers.ts';

export const sandboxWait = defineTool({
  name: 'sandbox_wait',
  toolset: 'sandbox',
  title: 'Wait for a sandbox',
  description:
    'Waits until a sandbox is ready, has failed, or wait_s is over, and says how it stands.',
  input: z.strictObject({ sandbox_id: z.string().describe('Sandbox id.'), wait_s: waitS }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: true },
  async run(input, context) {
    const { sandboxes } = context;
    const view = await sandboxes.wait(input.sandbox_id, waitOf(input.wait_s, context));
    return textResult(sandboxSummary(view, Date.now()), sandboxMeta(view));
  },
});
