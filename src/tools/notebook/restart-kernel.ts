/** restart_kernel: a new process for the same session. */
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';
import { waitS } from '../parameters.ts';
import { waitOf } from '../render-run.ts';

export const restartKernel = defineSessionTool({
  name: 'restart_kernel',
  toolset: 'notebook',
  title: 'Restart the kernel',
  description:
    'Gives the session a new kernel process: ALL VARIABLES ARE LOST, notebook and files stay. Works for dead, deleted and hung kernels too, by starting a new one. ' +
    'A run in flight ends as lost. Afterwards run the cells you need with run_cell.',
  input: { wait_s: waitS },
  hints: { readOnly: false, destructive: true, idempotent: false, openWorld: false },
  async run(input, context) {
    const { session, sessions } = context;
    const restarted = await sessions.restart(session, waitOf(input.wait_s, context));
    const text = [
      restarted.isNewKernel
        ? 'The old kernel was not there any more: a new one was started for this session.'
        : 'The kernel was restarted.',
      'All variables, imports and device memory are gone; the notebook and the files are kept.',
      ...(restarted.lostRunId === undefined
        ? []
        : [`Run ${restarted.lostRunId} was in the kernel and did not finish.`]),
      `Next: run_cell(session_id="${session.id}", cells=[...]) for the cells you need.`,
    ];
    return textResult(text.join('\n'), {
      session_id: session.id,
      generation: session.record.generation,
    });
  },
});
