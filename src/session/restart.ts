/** Gives a session a new kernel process under the same id and notebook: a restart, or a new kernel where the old one is gone. */
import { abandonOn } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionRecord } from './contract.ts';
import { browserUrlOf, chooseKernel, serverPathOf, startNotebookKernel } from './kernel-start.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './pool.ts';
import { sandboxOfSession } from './ready-sandbox.ts';

export interface Restarted {
  /** A new kernel had to be started, because the old one was not there any more. */
  readonly isNewKernel: boolean;
  readonly lostRunId: string | undefined;
  /** What `begin` answered. */
  readonly begun: string | undefined;
}

/** Restarts that are under way. */
const RESTARTING = new WeakMap<Session, Promise<Restarted>>();

/**
 * Always allowed, idle or busy: a run in the kernel becomes `lost`, queued ones are cancelled. One at a time: a call that comes
 * while another one restarts the same session joins it (C25).
 *
 * @param begin puts into the new process what every one of this session begins with; part of the restart, so that it is done once
 * @throws `sandbox/pending` while the sandbox comes up again, `kernel/start-failed`.
 */
export async function restartSession(
  pool: SessionPool,
  session: Session,
  wait: SandboxWait,
  begin: () => Promise<string | undefined>,
): Promise<Restarted> {
  for (;;) {
    const running = RESTARTING.get(session);
    if (running === undefined) break;
    try {
      return await abandonOn(running, wait.signal);
    } catch (error) {
      // Whoever began it has taken it back, and this call has not.
      if (wait.signal.aborted || !isGloveboxError(error, 'cancelled')) throw error;
    }
  }
  const work = restart(pool, session, wait, begin).finally(() => RESTARTING.delete(session));
  RESTARTING.set(session, work);
  return work;
}

async function restart(
  pool: SessionPool,
  session: Session,
  wait: SandboxWait,
  begin: () => Promise<string | undefined>,
): Promise<Restarted> {
  const { record, queue } = session;
  // First: where there is no sandbox, or its server does not answer, nothing of the session is given up.
  const sandbox = await sandboxOfSession(pool.options, record, wait);
  const isThere = await hasKernel(session, sandbox, wait.signal);
  const current = queue.current;
  queue.close('restart_kernel was called before its turn came; nothing of it was executed.');
  queue.settleCurrent({
    kind: 'settled',
    state: 'lost',
    loss: 'kernel_restarted',
    explanation: 'restart_kernel ended the kernel while it ran. The cell did not finish.',
  });
  await queue.whenIdle();
  await session.disconnect();
  const isNewKernel = await reconnect(session, { sandbox, isThere }, wait).catch(
    async (error: unknown) => {
      // Whatever came of it: who asks for the session next finds out.
      await pool.letGo(session);
      throw error;
    },
  );
  await session.notebook.flush();
  return { isNewKernel, lostRunId: current?.id, begun: await begin() };
}

/** Whether the server that has it is the one that is there now, and has it still. @throws when that does not answer */
async function hasKernel(
  { server, record }: Session,
  { status }: SandboxView,
  signal: AbortSignal,
): Promise<boolean> {
  if (status.generation !== record.serverGeneration) return false;
  return (await server.kernel(record.kernelId, signal)) !== undefined;
}

interface Found {
  readonly sandbox: SandboxView;
  /** The kernel is there to be restarted. */
  readonly isThere: boolean;
}

/** @returns whether the kernel is another one now, and not the same one restarted. */
async function reconnect(
  session: Session,
  { sandbox, isThere }: Found,
  wait: SandboxWait,
): Promise<boolean> {
  const isRestarted = isThere && (await tryRestart(session, wait.signal));
  // Under the old identity the server would deliver what the old process said last, which looks like another restart.
  const connectionId = newUuid();
  const change = isRestarted ? {} : await newKernel(session, sandbox, wait);
  await session.renewKernel(connectionId, change);
  await session.connect(connectionId, wait.signal);
  return !isRestarted;
}

async function newKernel(
  session: Session,
  sandbox: SandboxView,
  wait: SandboxWait,
): Promise<Partial<SessionRecord>> {
  wait.report({ message: 'starting a new kernel' });
  const { server, record } = session;
  const spec = await chooseKernel(server, record.kernel.name, wait.signal);
  const serverPath = record.copyPath ?? serverPathOf(sandbox.serverRootDir, record.notebookPath);
  const { kernelId, jupyterSessionId } = await startNotebookKernel(
    server,
    spec,
    serverPath,
    wait.signal,
  );
  const browserUrl = browserUrlOf(sandbox, serverPath);
  return {
    kernelId,
    jupyterSessionId,
    ownsKernel: true,
    serverGeneration: sandbox.status.generation,
    ...(browserUrl !== undefined && { browserUrl }),
  };
}

/** @returns false when the kernel went meanwhile. */
async function tryRestart({ server, record }: Session, signal: AbortSignal): Promise<boolean> {
  try {
    await server.restartKernel(record.kernelId, signal);
    return true;
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    // Culled between the two calls, or hung: a new kernel takes its place, and the old one is removed if it is still there.
    await server.deleteKernel(record.kernelId, signal).catch(() => undefined);
    return false;
  }
}
