/** shutdown_session: the end of a session; the notebook stays. */
import { defineSessionTool } from '../define-session-tool.ts';
import { textResult } from '../define-tool.ts';

export const shutdownSession = defineSessionTool({
  name: 'shutdown_session',
  toolset: 'notebook',
  title: 'Shut a session down',
  description:
    'Saves the notebook and ends the session: its kernel is deleted and all variables are lost. A borrowed kernel is only detached. The sandbox goes on (sandbox_stop ends it). ' +
    'Call it only when the user asks for it.',
  input: {},
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  async run(_input, { session, sessions, signal }) {
    const { ownsKernel, notebookPath, sandboxId } = session.record;
    await sessions.shutdown(session.id, signal);
    return textResult(
      [
        ownsKernel
          ? 'The session has ended and its kernel is deleted.'
          : 'Detached; the kernel belongs to somebody else and goes on.',
        `The notebook is saved: ${notebookPath}`,
        `Sandbox ${sandboxId} goes on; sandbox_stop(sandbox_id="${sandboxId}") ends it.`,
      ].join('\n'),
      { notebook_path: notebookPath },
    );
  },
});
