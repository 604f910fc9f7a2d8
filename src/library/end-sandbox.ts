/** Ends a sandbox for a program, notebooks first. */
import type { Call } from './call.ts';

export interface EndedSandbox {
  /** The notebooks of its sessions, saved in the project. */
  readonly notebooks: readonly string[];
  /** Sentences about what else was brought home. */
  readonly notes: readonly string[];
}

/** @throws `sandbox/stop-failed`, `sandbox/unknown`. */
export async function endSandbox(id: string, { engine, signal }: Call): Promise<EndedSandbox> {
  const ended = await engine.sessions.endAllIn(id);
  const { notes = [] } = await engine.sandboxes.stop(id, signal);
  return { notebooks: ended.map(({ notebookPath }) => notebookPath), notes };
}
