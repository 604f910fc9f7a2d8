/** list_sessions: the project's sessions, their runs, and the kernels of its sandboxes. */
import * as z from 'zod';
import { sessionLine } from '../answers.ts';
import { defineTool, textResult } from '../define-tool.ts';

export const listSessions = defineTool({
  name: 'list_sessions',
  toolset: 'notebook',
  title: 'List sessions',
  description:
    "Lists this project's sessions with state, notebook and runs in flight, and the kernels that others started in the same sandboxes. Works when a server is down.",
  input: z.strictObject({
    all: z.boolean().optional().describe('Also sessions that were shut down. Default: false.'),
  }),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  async run({ all }, { sessions, signal }) {
    const views = await sessions.list(all ?? false);
    const foreign = await sessions.foreignKernels(views, signal);
    const lines = [
      ...(views.length === 0
        ? ['No sessions in this project. start_new_notebook starts one.']
        : views.map(sessionLine)),
      ...foreign.map(
        (kernel) =>
          `kernel ${kernel.id} in sandbox ${kernel.sandboxId}, not ours: ${kernel.name}, ${kernel.executionState}${kernel.notebook === undefined ? '' : `, notebook ${kernel.notebook}`} (attach_to_session(kernel_id=...))`,
      ),
    ];
    return textResult(lines.join('\n'), {
      sessions: views.map(({ id, state, notebookPath, sandboxId, kernelId }) => ({
        session_id: id,
        state,
        notebook_path: notebookPath,
        sandbox_id: sandboxId,
        kernel_id: kernelId,
      })),
    });
  },
});
