/** Makes sessions of kernels that run already, started by somebody else. Checked before anything is registered. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import { chooseKernel, isOnServer, serverPathOf, toMetadata } from './kernel-start.ts';
import type { SessionPool } from './pool.ts';
import { attachWithin } from './attach-wait.ts';
import { sandboxesToSearch } from './ready-sandbox.ts';
import type { Session } from './session.ts';
import { registerSession } from './start-session.ts';

async function adoptKernel(
  pool: SessionPool,
  sandbox: SandboxView,
  kernelId: string,
  file: string,
  signal: AbortSignal,
  copyPath?: string,
): Promise<Session> {
  const server = pool.server(sandbox.id);
  const model = await server.kernel(kernelId, signal);
  if (model === undefined) throw unknownKernel(kernelId, [sandbox]);
  const spec = await chooseKernel(server, model.name, signal);
  const bound = (await server.listSessions(signal)).find(({ kernel }) => kernel.id === kernelId);
  const notebook = await pool.options.notebooks.open(file);
  const kernel = {
    kernelId,
    jupyterSessionId: bound?.id,
    kernel: toMetadata(spec),
    interruptMode: spec.interruptMode,
    ownsKernel: false,
    copyPath,
  };
  try {
    const registered = await registerSession(pool, sandbox, notebook, kernel, signal);
    if ('session' in registered) return registered.session;
    const session = await pool.get(registered.other.id, signal);
    await notebook.close();
    return session;
  } catch (error) {
    await notebook.close();
    throw error;
  }
}

/** The session for a notebook whose kernel Jupyter runs already; undefined when there is none. */
export function adoptBoundKernel(
  pool: SessionPool,
  file: string,
  sandboxId: string | undefined,
  wait: SandboxWait,
): Promise<Session | undefined> {
  const adopt = async (signal: AbortSignal): Promise<Session | undefined> => {
    const { ready } = await sandboxesToSearch(pool.options, sandboxId, signal);
    for (const sandbox of ready) {
      const isThere = isOnServer(sandbox.serverRootDir, file);
      // A notebook of the same name that the server has by itself is another one.
      const copyPath = isThere ? undefined : await pool.copies.knownPlace(sandbox.id, file);
      if (!isThere && copyPath === undefined) continue;
      const serverPath = copyPath ?? serverPathOf(sandbox.serverRootDir, file);
      const sessions = await pool.server(sandbox.id).listSessions(signal);
      const bound = sessions.find((session) => session.path === serverPath);
      if (bound !== undefined)
        return adoptKernel(pool, sandbox, bound.kernel.id, file, signal, copyPath);
    }
    return undefined;
  };
  return attachWithin(adopt, `The kernel of ${file}`, wait, pool.options.clock);
}

/**
 * Attaches to a kernel by its id; a kernel without a notebook gets a new one in `folder`.
 *
 * @throws `kernel/unknown`, `server/unreachable` when a sandbox that may have it does not answer.
 */
export async function adoptKernelById(
  pool: SessionPool,
  kernelId: string,
  place: { readonly sandboxId: string | undefined; readonly folder: string },
  wait: SandboxWait,
): Promise<Session> {
  const known = (await pool.records(false)).find((record) => record.kernelId === kernelId);
  if (known !== undefined) return pool.get(known.id, wait.signal);
  const adopt = async (signal: AbortSignal): Promise<Session> => {
    const { ready, silent } = await sandboxesToSearch(pool.options, place.sandboxId, signal);
    for (const sandbox of ready) {
      const server = pool.server(sandbox.id);
      if ((await server.kernel(kernelId, signal)) === undefined) continue;
      const sessions = await server.listSessions(signal);
      const bound = sessions.find(({ kernel }) => kernel.id === kernelId);
      const seen = fileOf(sandbox, bound?.path);
      if (seen !== undefined) return adoptKernel(pool, sandbox, kernelId, seen, signal);
      const copyPath = bound?.path.endsWith('.ipynb') === true ? bound.path : undefined;
      const brought =
        copyPath && (await pool.copies.bringIn(sandbox.id, copyPath, place.folder, signal));
      if (brought !== undefined)
        return adoptKernel(pool, sandbox, kernelId, brought, signal, copyPath);
      const file = await freshFile(pool, place.folder, kernelId);
      return adoptKernel(pool, sandbox, kernelId, file, signal);
    }
    throw silent.length > 0 ? cannotSay(kernelId, silent) : unknownKernel(kernelId, ready);
  };
  return attachWithin(adopt, `Kernel ${kernelId}`, wait, pool.options.clock);
}

/** Where a person's notebook is on this machine; undefined for a console, or a server without shared files. */
function fileOf(sandbox: SandboxView, serverPath: string | undefined): string | undefined {
  if (sandbox.serverRootDir === undefined || serverPath?.endsWith('.ipynb') !== true) {
    return undefined;
  }
  return path.join(sandbox.serverRootDir, serverPath);
}

async function freshFile(pool: SessionPool, folder: string, kernelId: string): Promise<string> {
  const name = `kernel ${kernelId.slice(0, 8)}`;
  const notebook = await pool.options.notebooks.createFresh(folder, name, {});
  const { path: file } = notebook;
  await notebook.close();
  return file;
}

function unknownKernel(kernelId: string, asked: readonly SandboxView[]): GloveboxError {
  const where =
    asked.length === 0 ? ': no sandbox is running' : ` in ${asked.map(({ id }) => id).join(', ')}`;
  return new GloveboxError('kernel/unknown', `There is no kernel ${kernelId}${where}.`, {
    hint: 'list_sessions shows the kernels there are; start_new_notebook starts one.',
  });
}

function cannotSay(kernelId: string, silent: readonly SandboxView[]): GloveboxError {
  const which = silent.map(({ id, status }) => `${id} (${status.state})`).join(', ');
  return new GloveboxError(
    'server/unreachable',
    `Kernel ${kernelId} was not found where sandboxes answer. It may be in one that does not: ${which}.`,
    { hint: 'It may be alive. Ask again later; ping tells what answers.' },
  );
}
