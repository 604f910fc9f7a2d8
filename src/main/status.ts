/** The contents of the status resource: sandboxes, sessions and runs of the project as they stand now. */
import type { JsonObject } from '#core/json.ts';
import { VERSION } from '#core/version.ts';
import type { ToolServices } from '#tools/define-tool.ts';

/** Holds no token and no address with one. */
export async function readStatus(
  { sandboxes, sessions, projectDir }: Pick<ToolServices, 'sandboxes' | 'sessions' | 'projectDir'>,
  signal: AbortSignal,
): Promise<JsonObject> {
  const [sandboxViews, sessionViews] = await Promise.all([
    sandboxes.list({ projectDir }, signal),
    sessions.list(false),
  ]);
  return {
    version: VERSION,
    project: projectDir,
    sandboxes: sandboxViews.map(({ id, backend, status, jupyterUrl }) => ({
      sandbox_id: id,
      backend,
      state: status.state,
      generation: status.generation,
      ...(status.detail !== undefined && { detail: status.detail }),
      ...(status.host !== undefined && { host: status.host }),
      ...(status.end !== undefined && { cause: status.end.cause, message: status.end.message }),
      ...(status.deadlineMs !== undefined && { deadline_ms: status.deadlineMs }),
      ...(jupyterUrl !== undefined && { jupyter_url: jupyterUrl }),
    })),
    sessions: sessionViews.map((view) => ({
      session_id: view.id,
      state: view.state,
      notebook_path: view.notebookPath,
      sandbox_id: view.sandboxId,
      kernel: view.kernelName,
      generation: view.generation,
      runs: view.runs.map((run) => ({
        run_id: run.id,
        state: run.state,
        elapsed_ms: run.elapsedMs,
      })),
    })),
  };
}
