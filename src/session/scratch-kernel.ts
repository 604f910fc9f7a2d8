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
import type { Sessions, StartRequest } from './sessions.ts';

export interface ScratchRequest extends StartRequest {
  readonly code: string;
  readonly timeoutMs?: number;
}

/** The run; its kernel is deleted when it has ended, however long that takes and whoever still waits. */
export async function runInScratchKernel(
  sessions: Sessions,
  request: ScratchRequest,
  wait: SandboxWait,
): Promise<{ readonly session: Session; readonly run: Run }> {
  const sandbox = await sessions.sandbox(request.sandboxId, wait);
  const { records, clock, log, projectDir } = sessions.parts;
  const server = sessions.server(sandbox.id);
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
  const session = sessions.build(record, undefined);
  const cleanUp = async (): Promise<void> => {
    await session.disconnect();
    await server.deleteKernel(kernelId);
    await records.remove(record.id);
  };
  const cleanUpQuietly = (): Promise<void> =>
    cleanUp().catch((error: unknown) => log.warn(`scratch kernel ${kernelId}: ${messageOf(error)}`));
  try {
    await session.connect(record.connectionId, wait.signal);
    const run = session.scratch(request.code, request.timeoutMs);
    sessions.keepScratch(session, run.whenFinal().then(cleanUpQuietly));
    return { session, run };
  } catch (error) {
    await cleanUpQuietly();
    throw error;
  }
}

/** Deletes scratch kernels whose process is gone. Never fails. */
export async function sweepScratchKernels(sessions: Sessions): Promise<void> {
  const { records, log } = sessions.parts;
  for (const { id, value } of await records.list()) {
    if (value.scratch !== true || !isFree(value.owner)) continue;
    try {
      await sessions.server(value.sandboxId).deleteKernel(value.kernelId);
      await records.remove(id);
    } catch (error) {
      log.info(`scratch kernel ${value.kernelId} could not be deleted: ${messageOf(error)}`);
    }
  }
}
