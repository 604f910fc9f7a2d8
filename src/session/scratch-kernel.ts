/** Runs code in a fresh kernel that is always deleted afterwards, also after a crash of this process. */
import { messageOf } from '#core/errors.ts';
import { newSessionId, newUuid } from '#core/ids.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionRecord } from './contract.ts';
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
  const { records, clock, log, projectDir } = pool.options;
  const server = pool.server(sandbox.id);
  const spec = await chooseKernel(server, request.kernelName, wait.signal);
  const { id: kernelId } = await server.startKernel({ name: spec.name }, wait.signal);
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
  };
  await records.create(record.id, record);
  const session = pool.build(record, undefined);
  const cleanUp = async (): Promise<void> => {
    pool.drop(record.id);
    await session.disconnect();
    await server.deleteKernel(kernelId);
    await records.remove(record.id);
  };
  const cleanUpQuietly = (): Promise<void> =>
    cleanUp().catch((error: unknown) =>
      log.warn(`scratch kernel ${kernelId}: ${messageOf(error)}`),
    );
  try {
    await session.connect(record.connectionId, wait.signal);
    const run = session.scratch(request.code, request.timeoutMs);
    pool.add(session.id, Promise.resolve(session));
    void run.whenFinal().then(() => pool.trackCleanUp(cleanUpQuietly()));
    return { session, run };
  } catch (error) {
    await cleanUpQuietly();
    throw error;
  }
}

/** Deletes scratch kernels whose process is gone. Never fails. */
export async function sweepScratchKernels(pool: SessionPool): Promise<void> {
  const { records, log } = pool.options;
  for (const { id, value } of await records.list()) {
    if (value.scratch !== true || !isFree(value.owner)) continue;
    try {
      await pool.server(value.sandboxId).deleteKernel(value.kernelId);
      await records.remove(id);
    } catch (error) {
      log.info(`scratch kernel ${value.kernelId} could not be deleted: ${messageOf(error)}`);
    }
  }
}
