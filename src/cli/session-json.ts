/** Shows sessions to programs. */
import type { JsonObject } from '#core/json.ts';
import type { SessionView } from '#session/contract.ts';

export function sessionJson(view: SessionView): JsonObject {
  return {
    session_id: view.id,
    sandbox_id: view.sandboxId,
    notebook_path: view.notebookPath,
    state: view.state,
    kernel: view.kernelName,
    kernel_id: view.kernelId,
    generation: view.generation,
    owns_kernel: view.ownsKernel,
    ...(view.detail !== undefined && { detail: view.detail }),
    ...(view.browserUrl !== undefined && { browser_url: view.browserUrl }),
    runs: view.runs.map((run) => ({ run_id: run.id, state: run.state, elapsed_ms: run.elapsedMs })),
  };
}
