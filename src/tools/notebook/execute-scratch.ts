/** execute_scratch: code that leaves no trace in a notebook. */
import * as z from 'zod';
import { defineTool } from '../define-tool.ts';
import { sandboxId, timeoutS, waitS } from '../parameters.ts';
import { followRun, runResult, waitOf } from '../render-run.ts';

export const executeScratch = defineTool({
  name: 'execute_scratch',
  toolset: 'notebook',
  title: 'Execute code without a cell',
  description:
    'Runs code that is not kept as a cell: a quick look, a check. With session_id it runs in that kernel and sees its variables (changes to them stay); ' +
    'without, in a fresh kernel that is deleted afterwards.',
  input: z.strictObject({
    code: z.string().describe('Code to run.'),
    session_id: z.string().optional().describe('Session whose kernel to use.'),
    sandbox_id: sandboxId,
    kernel: z.string().optional().describe('Kernel name for a fresh kernel.'),
    wait_s: waitS,
    timeout_s: timeoutS,
  }),
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: true },
  async run(input, context) {
    const { sessions, signal } = context;
    const limit = input.timeout_s === undefined ? {} : { timeoutMs: input.timeout_s * 1000 };
    if (input.session_id !== undefined) {
      const session = await sessions.get(input.session_id, signal);
      const run = session.scratch(input.code, limit.timeoutMs);
      await followRun(run, input.wait_s, context, () => sessions.cancelAfterCall(session, run));
      return runResult(run.view(), context);
    }
    const { session, run } = await sessions.runScratch(
      { code: input.code, sandboxId: input.sandbox_id, kernelName: input.kernel, ...limit },
      waitOf(input.wait_s, context),
    );
    await followRun(run, input.wait_s, context, () => sessions.cancelAfterCall(session, run));
    return runResult(run.view(), context);
  },
});
