/** restart_kernel: a new process for the same session. */
import * as z from 'zod';
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { checkRestore, continueOnError, restoreAndFollow } from '../render-restore.ts';
import { joinTexts, waitOf } from '../render-run.ts';
import { workspaceLines } from '../workspace-answers.ts';

export const restartKernel = defineSessionTool({
  name: 'restart_kernel',
  toolset: 'notebook',
  title: 'Restart the kernel',
  description:
    'Gives the session a new kernel process: ALL VARIABLES ARE LOST, notebook and files stay. Works for dead, deleted and hung kernels too, by starting a new one. ' +
    'A run in flight ends as lost. Afterwards run the cells you need with run_cell, or let restore=true run them all.',
  input: {
    restore: z
      .boolean()
      .optional()
      .describe('Run all code cells afterwards, as restore_notebook does. Default: false.'),
    continue_on_error: continueOnError,
    wait_s: waitS,
  },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  async run(input, context) {
    const { session, sessions } = context;
    checkRestore(input);
    const restarted = await sessions.restart(session, waitOf(input.wait_s, context), () =>
      context.workspace.beginAgain(session, waitOf(input.wait_s, context)),
    );
    const said = [
      restarted.isNewKernel
        ? 'The old kernel was not there any more: a new one was started for this session.'
        : 'The kernel was restarted.',
      'All variables, imports and device memory are gone; the notebook and the files are kept.',
      ...workspaceLines([], restarted.begun),
      ...(restarted.lostRunId === undefined
        ? []
        : [`Run ${restarted.lostRunId} was in the kernel and did not finish.`]),
    ].join('\n');
    const meta = { session_id: session.id, generation: session.record.generation };
    if (input.restore === true) {
      const request = { from: undefined, continueOnError: input.continue_on_error === true };
      const restored = await restoreAndFollow(session, request, input.wait_s, context);
      const blocks = joinTexts([{ type: 'text', text: said }, ...restored.blocks]);
      return { blocks, meta: { ...restored.meta, ...meta } };
    }
    const next = `Next: run_cell(session_id="${session.id}", cells=[...]) for the cells you need, or restore_notebook for all.`;
    return textResult(`${said}\n${next}`, meta);
  },
});
