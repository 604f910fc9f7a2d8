/** Runs a program of Node in a process of its own that talks to this one over a channel, and prints nothing to our stdout. */
import { spawn } from 'node:child_process';
import { spawnFailure } from './process.ts';
import { systemClock } from './clock.ts';

export interface ScriptProcess {
  /** Words after the path of Node. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onMessage: (message: unknown) => void;
  /** Asks it to end with SIGTERM; after `graceMs` it is killed. */
  readonly signal: AbortSignal;
  readonly graceMs: number;
}

/**
 * Resolves when it has ended and all that it said was heard. It belongs to our process group, so that Ctrl-C reaches it.
 *
 * @throws `path/not-found` when it cannot be started.
 */
export async function runScriptProcess(
  script: ScriptProcess,
): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  const { argv, cwd, env, signal } = script;
  const child = spawn(process.execPath, argv, {
    cwd,
    env: { ...env },
    // Also what its own children print without being asked.
    stdio: ['inherit', 2, 2, 'ipc'],
  });
  child.on('message', script.onMessage);
  let cancelKill: (() => void) | undefined;
  const onAbort = (): void => {
    child.kill('SIGTERM');
    cancelKill = systemClock.after(script.graceMs, () => child.kill('SIGKILL'));
  };
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    // Not `exit`: what came over the channel is heard before this.
    child.once('close', (code, endSignal) => resolve({ code, signal: endSignal }));
  });
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await ended;
  } catch (error) {
    throw await spawnFailure(process.execPath, cwd, error);
  } finally {
    cancelKill?.();
    signal.removeEventListener('abort', onAbort);
  }
}
