/** Runs code in a fresh kernel that is always deleted afterwards, also after a crash of this process. */
import { messageOf } from '#core/errors.ts';
import { newSessionId, newUuid } from '#core/ids.ts';
import type { KernelSpec } from '#jupyter/contract.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import { isFinal, type SessionRecord } from './contract.ts';
import { chooseKernel, toMetadata } from './kernel-start.ts';
import { isFree } from './lease.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './pool.ts';
import { readySandbox } from './ready-sandbox.ts';
import type { StartRequest } from './start-session.ts';

export interface ScratchRequest extends StartRequest {
  readonly code: string;
  readonly timeoutMs?: number;
}

/** The run; its kernel is deleted when it has ended, however long that takes and whoever still waits. */
export async function runInScratchKernel(
  pool: SessionPool,
  request: ScratchRequest,
  wait: SandboxWait,
): Promise<{ readonly session: Session; readonly run: Run }> {
  const sandbox = await readySandbox(pool.options, request.sandboxId, wait);
  const spec = await chooseKernel(pool.server(sandbox.id), request.kernelName, wait.signal);
  const session = await startScratchSession(pool, sandbox, spec, {}, wait.signal);
  try {
    const run = session.scratch(request.code, request.timeoutMs);
    void run.whenFinal().then(() => pool.trackCleanUp(endScratchSession(pool, session)));
    return { session, run };
  } catch (error) {
    await endScratchSession(pool, session);
    throw error;
  }
}

/**
 * A session without notebook on a fresh kernel, known to the pool and connected. Its record is on disk before anybody is told of
 * it, so that a later process deletes what this one leaves behind.
 *
 * @param kind `path`: the folder it starts in, relative to the server's root; `helper`: see `SessionRecord.helper`.
 * @throws what keeps the kernel from starting or answering; nothing is left behind then.
 */
export async function startScratchSession(
  pool: SessionPool,
  sandbox: SandboxView,
  spec: KernelSpec,
  { path, helper }: { readonly path?: string; readonly helper?: true },
  signal: AbortSignal,
): Promise<Session> {
  const { records, clock, projectDir } = pool.options;
  const { id: kernelId } = await pool
    .server(sandbox.id)
    .startKernel({ name: spec.name, ...(path !== undefined && { path }) }, signal);
  const record: SessionRecord = {
    id: newSessionId(),
    sandboxId: sandbox.id,
    projectDir,
    notebookPath: '',
    kernelId,
    kernel: toMetadata(spec),
    interruptMode: spec.interruptMode,
    connectionId: newUuid(),
    process: null,
    loss: null,
    generation: 1,
    serverGeneration: sandbox.status.generation,
    ownsKernel: true,
    owner: currentIdentity(),
    createdMs: clock.now(),
    scratch: true,
    ...(helper !== undefined && { helper }),
  };
  await records.create(record.id, record);
  const session = pool.build(record, undefined);
  try {
    await session.connect(record.connectionId, signal);
  } catch (error) {
    await endScratchSession(pool, session);
    throw error;
  }
  pool.add(session.id, Promise.resolve(session));
  return session;
}

/** Deletes the kernel and what was known of it. Never fails: what could not be deleted keeps its record and is swept later. */
export async function endScratchSession(pool: SessionPool, session: Session): Promise<void> {
  const { records, log } = pool.options;
  try {
    pool.drop(session.id);
    await session.disconnect();
    await session.server.deleteKernel(session.record.kernelId);
    await records.remove(session.id);
  } catch (error) {
    log.warn(`scratch kernel ${session.record.kernelId}: ${messageOf(error)}`);
  }
}

/** For a scratch kernel that an earlier process left: it ends with its last run. */
export function endWhenIdle(pool: SessionPool, session: Session): void {
  void session.queue.whenIdle().then(() => pool.trackCleanUp(endScratchSession(pool, session)));
}

/** Deletes scratch kernels whose process is gone; those of helpers go on as long as something runs in them. Never fails. */
export async function sweepScratchKernels(pool: SessionPool, signal: AbortSignal): Promise<void> {
  const { records, log, projectDir } = pool.options;
  for (const { id, value } of await records.list()) {
    if (value.scratch !== true || !isFree(value.owner)) continue;
    if ((await pool.peek(id)) !== undefined) continue;
    try {
      if (value.helper === true && (await hasUnfinishedRun(pool, id))) {
        if (value.projectDir === projectDir) await pool.get(id, signal);
        continue;
      }
      await pool.server(value.sandboxId).deleteKernel(value.kernelId);
      await records.remove(id);
    } catch (error) {
      log.info(`scratch kernel ${value.kernelId} could not be deleted: ${messageOf(error)}`);
    }
  }
}

async function hasUnfinishedRun(pool: SessionPool, sessionId: string): Promise<boolean> {
  return (await pool.journal.ofSession(sessionId)).some(({ state }) => !isFinal(state));
}

/** A sandbox is about to be stopped: what runs in its scratch kernels ends with it. */
export async function endScratchIn(pool: SessionPool, sandboxId: string): Promise<void> {
  const { records } = pool.options;
  for (const { id, value } of await records.list()) {
    if (value.scratch !== true || value.sandboxId !== sandboxId) continue;
    const session = await pool.peek(id);
    if (session !== undefined) {
      session.queue.clear(
        'The sandbox was stopped before its turn came; nothing of it was executed.',
      );
      session.queue.settleCurrent({
        kind: 'settled',
        state: 'lost',
        loss: 'server_gone',
        explanation: 'The sandbox was stopped while it ran.',
      });
      await session.queue.whenIdle();
      await session.disconnect();
      pool.drop(id);
    }
    await records.remove(id);
  }
}
