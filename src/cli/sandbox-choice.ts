/** Finds the sandbox that a command means, and shows sandboxes to programs. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { CliServices, SandboxView } from './host.ts';

/**
 * The named sandbox, by id or name, else the only one of the project that lives, else the newest that ended; `undefined` when there is none.
 *
 * @throws `input/invalid` when several live, `sandbox/unknown`.
 */
export async function chooseSandbox(
  services: CliServices,
  id: string | undefined,
  signal: AbortSignal,
): Promise<SandboxView | undefined> {
  const { sandboxes, projectDir } = services;
  if (id !== undefined) return named(services, id, signal);
  const all = await sandboxes.list({ projectDir, includeEnded: true }, signal);
  const alive = all.filter(({ status }) => status.state !== 'ended');
  if (alive.length > 1) {
    const ids = alive.map((view) => view.id).join(', ');
    throw new GloveboxError('input/invalid', `This project has several sandboxes: ${ids}.`, {
      hint: 'Name one of them, e.g. glovebox status ' + (alive[0]?.id ?? ''),
    });
  }
  return alive[0] ?? all[0];
}

/** By its id, else by the name of one that lives. @throws `sandbox/unknown`. */
async function named(
  { sandboxes }: CliServices,
  idOrName: string,
  signal: AbortSignal,
): Promise<SandboxView> {
  try {
    return await sandboxes.get(idOrName, signal);
  } catch (error) {
    if (!isGloveboxError(error, 'sandbox/unknown')) throw error;
    const living = await sandboxes.list({}, signal);
    const [found, ...others] = living.filter(({ name }) => name === idOrName);
    if (found !== undefined && others.length === 0) return found;
    throw error;
  }
}

/** For a command that has nothing to work on; with `--json` it is told on stdout too. */
export const noSandbox = (message: string): GloveboxError =>
  new GloveboxError('sandbox/unknown', message, { hint: 'glovebox start starts a sandbox.' });

export function sandboxJson(view: SandboxView): JsonObject {
  const { state, detail, generation, end, deadlineMs, host } = view.status;
  return {
    sandbox_id: view.id,
    name: view.name,
    backend: view.backend,
    project_dir: view.projectDir,
    created_at: new Date(view.createdMs).toISOString(),
    state,
    generation,
    ...(detail !== undefined && { detail }),
    ...(host !== undefined && { host }),
    ...(deadlineMs !== undefined && { ends_at: new Date(deadlineMs).toISOString() }),
    ...(view.jupyterUrl !== undefined && { jupyter_url: view.jupyterUrl }),
    ...(view.ignoredOptions !== undefined && { ignored_options: view.ignoredOptions }),
    ...(end !== undefined && {
      end: {
        cause: end.cause,
        message: end.message,
        ...(end.atMs !== undefined && { at: new Date(end.atMs).toISOString() }),
        ...(end.logTail !== undefined && { log_tail: end.logTail }),
      },
    }),
  };
}
