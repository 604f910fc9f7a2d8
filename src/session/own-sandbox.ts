/** Chooses the sandbox of a call that names none: on the back end that is configured, and nowhere else. */
import { GloveboxError } from '#core/errors.ts';
import type { Sandboxes, SandboxView, SandboxWait } from '#sandbox/sandboxes.ts';
import type { PoolOptions } from './pool.ts';

export interface OwnPlaces extends Pick<PoolOptions, 'projectDir' | 'startsUnasked'> {
  readonly sandboxes: Pick<
    Sandboxes,
    'defaultBackend' | 'ensureLocal' | 'list' | 'wait' | 'create'
  >;
}

/**
 * Without a configured back end the project's local sandbox, which is started if need be. With one, the project's sandbox there:
 * whoever works on a cluster does not want kernels on its login node because a job has ended.
 *
 * @returns it as it stands after the wait, whatever its state
 * @throws `input/invalid` when several live there; `sandbox/unknown` when none does, and starting one would have to be asked for;
 *   what a start failed with.
 */
export async function ownSandbox(
  { sandboxes, projectDir, startsUnasked }: OwnPlaces,
  wait: SandboxWait,
): Promise<SandboxView> {
  const backend = sandboxes.defaultBackend();
  if (backend === 'local') return sandboxes.ensureLocal(projectDir, wait);
  const [living, ...others] = await sandboxes.list({ projectDir, backend }, wait.signal);
  if (living !== undefined && others.length > 0) {
    const ids = [living, ...others].map(({ id, status }) => `${id} (${status.state})`);
    throw new GloveboxError(
      'input/invalid',
      `This project has several sandboxes on ${backend}: ${ids.join(', ')}.`,
      { hint: `name the one that is meant: sandbox_id="${living.id}".` },
    );
  }
  if (living !== undefined) return sandboxes.wait(living.id, wait);
  if (startsUnasked?.(backend) === true)
    return sandboxes.create({ backend, projectDir, once: 'project' }, wait);
  throw new GloveboxError(
    'sandbox/unknown',
    `Sandboxes of this project run on ${backend} (GLOVEBOX_BACKEND), and none lives there. Nothing was started.`,
    {
      hint: `sandbox_create(backend="${backend}", options={...}), or glovebox start in a terminal, starts one (dry_run=true prices it); sandbox_create(backend="local") starts one on this machine. Name it by sandbox_id then.`,
    },
  );
}
