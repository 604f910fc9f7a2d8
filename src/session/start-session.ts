/** Starts sessions: a kernel for a new notebook or for an existing one, recorded once it answers. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { newSessionId, newUuid } from '#core/ids.ts';
import type { KernelSpec } from '#jupyter/contract.ts';
import type { OpenNotebook } from '#notebook/contract.ts';
import { withFileLock } from '#platform/lock.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { SessionRecord } from './contract.ts';
import {
  browserUrlOf,
  chooseKernel,
  isOnServer,
  serverPathOf,
  startNotebookKernel,
  toMetadata,
} from './kernel-start.ts';
import type { SessionPool } from './pool.ts';
import { readySandbox, refuseWithoutNotebooks } from './ready-sandbox.ts';
import { sandboxMetadata } from './sandbox-metadata.ts';
import type { Session } from './session.ts';

export interface Opened {
  readonly session: Session;
  /** False where another process has opened the notebook at the same moment: the session is then the one of that process. */
  readonly isFresh: boolean;
}

export interface StartRequest {
  /** Undefined takes the project's own, as `ownSandbox` does. */
  readonly sandboxId: string | undefined;
  readonly kernelName: string | undefined;
}

/** Makes a notebook and starts a kernel for it. Other kernels are never touched. */
export async function startNewNotebook(
  pool: SessionPool,
  place: { readonly folder: string; readonly name: string },
  request: StartRequest,
  wait: SandboxWait,
): Promise<Session> {
  const sandbox = await readySandbox(pool.options, request.sandboxId, wait);
  refuseWithoutNotebooks(sandbox);
  const spec = await chooseKernel(pool.server(sandbox.id), request.kernelName, wait.signal);
  const { notebooks } = pool.options;
  const kernel = toMetadata(spec);
  const notebook = await notebooks.createFresh(place.folder, place.name, { kernel });
  try {
    return (await startKernelFor(pool, sandbox, notebook, spec, wait)).session;
  } catch (error) {
    await notebooks.discard(notebook);
    throw error;
  }
}

/** Starts a kernel for a notebook that exists and has none. */
export async function startExistingNotebook(
  pool: SessionPool,
  file: string,
  request: StartRequest,
  wait: SandboxWait,
): Promise<Opened> {
  const sandbox = await readySandbox(pool.options, request.sandboxId, wait);
  refuseWithoutNotebooks(sandbox);
  const notebook = await pool.options.notebooks.open(file);
  try {
    const spec = await kernelOf(pool, sandbox, notebook, request.kernelName, wait.signal);
    return await startKernelFor(pool, sandbox, notebook, spec, wait);
  } catch (error) {
    await notebook.close();
    throw error;
  }
}

/** The kernel that the notebook names where the server has it, else the default one. */
async function kernelOf(
  pool: SessionPool,
  sandbox: SandboxView,
  notebook: OpenNotebook,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<KernelSpec> {
  const server = pool.server(sandbox.id);
  if (wanted !== undefined) return chooseKernel(server, wanted, signal);
  try {
    return await chooseKernel(server, notebook.kernelName, signal);
  } catch (error) {
    if (isGloveboxError(error, 'kernel/spec-unknown')) {
      return chooseKernel(server, undefined, signal);
    }
    throw error;
  }
}

async function startKernelFor(
  pool: SessionPool,
  sandbox: SandboxView,
  notebook: OpenNotebook,
  spec: KernelSpec,
  wait: SandboxWait,
): Promise<Opened> {
  wait.report({ message: `starting kernel ${spec.displayName}` });
  const server = pool.server(sandbox.id);
  const copyPath = isOnServer(sandbox.serverRootDir, notebook.path)
    ? undefined
    : await pool.copies.placeFor(sandbox.id, notebook, wait.signal);
  const serverPath = copyPath ?? serverPathOf(sandbox.serverRootDir, notebook.path);
  const started = await startNotebookKernel(server, spec, serverPath, wait.signal);
  const discard = () => server.deleteKernel(started.kernelId).catch(() => undefined);
  const kernel = { ...started, ownsKernel: true, copyPath };
  const registered = await registerSession(pool, sandbox, notebook, kernel, wait.signal).catch(
    async (error: unknown) => {
      await discard();
      throw error;
    },
  );
  if ('session' in registered) return { ...registered, isFresh: true };
  const { id, kernelId, ownsKernel } = registered.other;
  // Mostly the server has given both the same one. Who saw it without knowing who started it does not end it.
  if (kernelId !== started.kernelId) await discard();
  else if (!ownsKernel)
    await pool.options.records.update(id, (current) => ({ ...current, ownsKernel: true }));
  const session = await pool.get(id, wait.signal);
  await notebook.close();
  return { session, isFresh: false };
}

export interface BoundKernel extends Pick<
  SessionRecord,
  'kernelId' | 'kernel' | 'interruptMode' | 'ownsKernel'
> {
  readonly jupyterSessionId: string | undefined;
  /** Of a notebook that has a copy in the sandbox. */
  readonly copyPath: string | undefined;
}

/**
 * Records a session and connects it. A failure leaves no session behind. Where another process was faster, nothing is done, and its
 * session is told: the one of the notebook, or for a kernel that somebody else started the one of that kernel.
 */
export async function registerSession(
  pool: SessionPool,
  sandbox: SandboxView,
  notebook: OpenNotebook,
  { jupyterSessionId, copyPath, ...kernel }: BoundKernel,
  signal: AbortSignal,
): Promise<{ readonly session: Session } | { readonly other: SessionRecord }> {
  const { records, projectDir, clock } = pool.options;
  const serverPath = copyPath ?? serverPathOf(sandbox.serverRootDir, notebook.path);
  const browserUrl = browserUrlOf(sandbox, serverPath);
  const record: SessionRecord = {
    id: newSessionId(),
    sandboxId: sandbox.id,
    projectDir,
    notebookPath: notebook.path,
    ...kernel,
    ...(jupyterSessionId !== undefined && { jupyterSessionId }),
    ...(copyPath !== undefined && { copyPath }),
    connectionId: newUuid(),
    process: null,
    loss: null,
    ...(browserUrl !== undefined && { browserUrl }),
    generation: 1,
    serverGeneration: sandbox.status.generation,
    owner: currentIdentity(),
    createdMs: clock.now(),
  };
  const session = pool.build(record, notebook);
  const recorded = recordFirst(pool, record);
  const open = async (): Promise<Session> => {
    if ((await recorded) !== undefined)
      throw new GloveboxError('record/exists', `Another process has opened ${notebook.path}.`);
    await session.connect(record.connectionId, signal);
    notebook.setSandbox(sandboxMetadata(sandbox));
    await notebook.flush();
    await pool.copies.open(session);
    return session;
  };
  const opening = open();
  pool.add(record.id, opening);
  try {
    return { session: await opening };
  } catch (error) {
    pool.drop(record.id);
    await session.disconnect();
    const other = await recorded.catch(() => undefined);
    if (other !== undefined) return { other };
    await records.remove(record.id);
    throw error;
  }
}

/** Records it unless another process was faster. @returns what that one has recorded */
function recordFirst(pool: SessionPool, record: SessionRecord): Promise<SessionRecord | undefined> {
  const { dir, records, clock } = pool.options;
  const { notebookPath, kernelId, ownsKernel } = record;
  const key = createHash('sha256').update(notebookPath).digest('hex').slice(0, 16);
  const work = async (): Promise<SessionRecord | undefined> => {
    const other = (await pool.records(false)).findLast(
      (there) => there.notebookPath === notebookPath && (ownsKernel || there.kernelId === kernelId),
    );
    if (other === undefined) await records.create(record.id, record);
    return other;
  };
  return withFileLock(path.join(dir, 'locks', `opening-${key}.lock`), work, { clock });
}
