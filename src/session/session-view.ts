/** What is told of a session that is open here. */
import type { SessionRecord, SessionView } from './contract.ts';
import type { Run } from './run.ts';

export function viewOf(
  record: SessionRecord,
  state: SessionView['state'],
  runs: readonly Run[],
): SessionView {
  return {
    id: record.id,
    sandboxId: record.sandboxId,
    notebookPath: record.notebookPath,
    kernelName: record.kernel.display_name,
    kernelId: record.kernelId,
    generation: record.generation,
    state,
    ...(record.loss !== null && { detail: record.loss.message }),
    ownsKernel: record.ownsKernel,
    runs: runs.map((run) => ({ id: run.id, state: run.state, elapsedMs: run.elapsedMs() })),
    ...(record.copyPath !== undefined && { copyPath: record.copyPath }),
    ...(record.browserUrl !== undefined && { browserUrl: record.browserUrl }),
  };
}
