/** Ends a sandbox for a program, notebooks first. */
import { notOwned } from '#sandbox/not-owned.ts';
import type { Engine } from './engine.ts';

/** The parts of a call that it takes. */
export interface EndCall {
  readonly signal: AbortSignal;
  readonly engine: Pick<Engine, 'projectDir'> & {
    readonly sandboxes: Pick<Engine['sandboxes'], 'origin' | 'stop'>;
    readonly sessions: Pick<Engine['sessions'], 'endAllIn'>;
  };
}

export interface EndedSandbox {
  /** The notebooks of its sessions, saved in the project. */
  readonly notebooks: readonly string[];
  /** Sentences about what else was brought home. */
  readonly notes: readonly string[];
}

/** @throws `sandbox/stop-failed`, `sandbox/unknown`; `sandbox/not-owned` for one of another project, unless `force` says that it is meant. */
export async function endSandbox(
  id: string,
  force: boolean,
  { engine, signal }: EndCall,
): Promise<EndedSandbox> {
  const { projectDir } = await engine.sandboxes.origin(id);
  if (!force && projectDir !== engine.projectDir) throw notOwned(id, projectDir);
  const ended = await engine.sessions.endAllIn(id);
  const { notes = [] } = await engine.sandboxes.stop(id, signal);
  return { notebooks: ended.map(({ notebookPath }) => notebookPath), notes };
}
