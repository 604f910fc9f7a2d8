/** The end of sessions: on request, and with their sandbox. Notebooks are saved before anything is lost. */
import { isGloveboxError } from '#core/errors.ts';
import type { SessionRecord } from './contract.ts';
import type { SessionPool } from './pool.ts';
import type { Outcome } from './outcome.ts';
import { endScratchIn } from './scratch-kernel.ts';
import type { Session } from './session.ts';

const SHUT_DOWN = 'The session was shut down';

/**
 * Saves, deletes the session's own kernel and ends it.
 *
 * @throws when the kernel cannot be deleted; the session is kept then, and what the kernel works on goes on.
 */
export async function shutdownSession(
  pool: SessionPool,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const { record } = session;
  if (record.ownsKernel) {
    session.queue.close(
      'The session was about to be shut down before its turn came; nothing of it was executed.',
    );
    await session.flush();
    if (record.loss === null) await deleteKernel(session, signal);
  }
  await settle(
    session,
    SHUT_DOWN,
    record.ownsKernel
      ? {
          kind: 'settled',
          state: 'lost',
          explanation: 'The session was shut down while it ran.',
        }
      : {
          kind: 'settled',
          state: 'output_unknown',
          explanation:
            'The session was detached while it ran. The kernel belongs to somebody else and goes on, and this code with it.',
        },
  );
  await letGo(pool, session);
  await recordEnd(pool, record.id, 'it was shut down');
}

async function deleteKernel(session: Session, signal: AbortSignal): Promise<void> {
  const { server, record, queue } = session;
  const { kernelId, jupyterSessionId } = record;
  const { current } = queue;
  // Jupyter interrupts a kernel before it ends it.
  if (current !== undefined) current.interruptRequested = true;
  try {
    await (jupyterSessionId === undefined
      ? server.deleteKernel(kernelId, signal)
      : server.deleteSession(jupyterSessionId, signal));
  } catch (error) {
    // The kernel went with its sandbox.
    if (!isGloveboxError(error, 'sandbox/ended')) throw error;
  }
}

/** Saves and ends the sessions of a sandbox that is about to be stopped; their kernels go with it. */
export async function endSessionsIn(
  pool: SessionPool,
  sandboxId: string,
  why = 'its sandbox was stopped',
): Promise<readonly SessionRecord[]> {
  const records = (await pool.records(false)).filter((record) => record.sandboxId === sandboxId);
  for (const { id } of records) {
    const session = await pool.peek(id);
    if (session !== undefined) {
      await settle(session, 'The sandbox was stopped', {
        kind: 'settled',
        state: 'lost',
        loss: 'server_gone',
        explanation: 'The sandbox was stopped while it ran.',
      });
      await letGo(pool, session);
    }
    await recordEnd(pool, id, why);
  }
  await endScratchIn(pool, sandboxId);
  return records;
}

/** Of sessions that were ended with a sandbox which lives on after all: their kernels are as they were. */
export async function reopenSessions(pool: SessionPool, ids: readonly string[]): Promise<void> {
  for (const id of ids)
    await pool.options.records.update(id, ({ endedMs: _at, endReason: _why, ...rest }) => rest);
}

async function settle(session: Session, what: string, outcome: Outcome): Promise<void> {
  session.queue.close(`${what} before its turn came; nothing of it was executed.`);
  session.queue.settleCurrent(outcome);
  await session.queue.whenIdle();
  await session.flush();
}

async function letGo(pool: SessionPool, session: Session): Promise<void> {
  await pool.copies.close(session.id, { isLast: true });
  await session.disconnect();
  await session.notebook.close();
  pool.drop(session.id);
}

async function recordEnd(pool: SessionPool, id: string, endReason: string): Promise<void> {
  const endedMs = pool.options.clock.now();
  await pool.options.records.update(id, (current) => ({ ...current, endedMs, endReason }));
}
