/** What is told when a kernel is lost or cannot be asked: facts filled in, nothing guessed, and the next step. */
import { renderBytes } from '#core/units.ts';
import type { SandboxStatus } from '#sandbox/backend.ts';
import type { LossClass, SessionRecord } from './contract.ts';

export interface Loss {
  readonly class: LossClass;
  readonly message: string;
  readonly atMs: number;
}

/** `14:02:11`, local time: what a person compares with a clock on the wall. */
export function renderTime(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

const KEPT = 'The notebook and the files are kept.';

export function kernelRestarted(atMs: number, lastMemoryBytes: number | undefined): Loss {
  const memory =
    lastMemoryBytes === undefined
      ? ''
      : ` (its last memory reading was ${renderBytes(lastMemoryBytes)})`;
  return {
    class: 'kernel_restarted',
    atMs,
    message:
      `The kernel process ended about ${renderTime(atMs)}${memory} and Jupyter started a new, empty one. ` +
      `Variables, imports and device memory are gone. ${KEPT}`,
  };
}

export function kernelDead(atMs: number): Loss {
  return {
    class: 'kernel_dead',
    atMs,
    message: `The kernel process ended about ${renderTime(atMs)} and Jupyter gave up starting it. No kernel runs; all variables are lost. ${KEPT}`,
  };
}

export function kernelGone(atMs: number): Loss {
  return {
    class: 'kernel_gone',
    atMs,
    message: `The server no longer has this kernel: somebody deleted it, or it was culled. All variables are lost. ${KEPT}`,
  };
}

export function serverGone(status: SandboxStatus, atMs: number): Loss {
  const end = status.end;
  const tail =
    end?.logTail === undefined ? '' : `\nLast log lines:\n${end.logTail.slice(-15).join('\n')}`;
  const why = end === undefined ? 'It was started anew since.' : end.message;
  return {
    class: 'server_gone',
    atMs: end?.atMs ?? atMs,
    message: `The Jupyter server of sandbox ${status.id} is gone: ${why} Kernel and variables are lost. ${KEPT}${tail}`,
  };
}

/** A loss without the end of the log, for those who were told it. */
export const withoutLog = (message: string): string =>
  message.split('\nLast log lines:', 1)[0] ?? '';

/**
 * The hint that goes with every loss. Where an empty kernel runs already, restarting it would lose what was made in it since; but
 * only a restart loads models into it. A sandbox elsewhere that has ended does not come back for a restart.
 */
export function lossHint(
  { id, models, sandboxId }: LostSession,
  loss: LossClass | undefined,
): string {
  if (loss === 'kernel_restarted' && models === undefined)
    return `run_cell(session_id="${id}", cells=[...]) for the cells you need, or restore_notebook for all.`;
  const withModels = models === undefined ? '' : ' and loads the models into it again';
  const restart = `restart_kernel(session_id="${id}") starts a new kernel for the same notebook${withModels}`;
  if (loss === 'server_gone' && sandboxId?.startsWith('local-') !== true)
    return `${restart} where the sandbox lives (sandbox_list) or is on this machine; for one that has ended elsewhere, sandbox_create starts another, and start_notebook(notebook_path=..., sandbox_id=...) opens the notebook in it. Then run the cells you need.`;
  return `${restart}; then run the cells you need.`;
}

/** What is known of it where it is told. */
type LostSession = Pick<SessionRecord, 'id' | 'models'> & Partial<Pick<SessionRecord, 'sandboxId'>>;

/** For a server that does not answer while nothing proves that it is gone. */
export function unreachable(status: SandboxStatus, sinceMs: number): string {
  const state =
    status.state === 'unknown' ? 'its state is not known' : `its sandbox is ${status.state}`;
  return `no answer from the Jupyter server since ${renderTime(sinceMs)}; ${state}${status.detail === undefined ? '' : ` (${status.detail})`}. Whether variables survive is not known`;
}
