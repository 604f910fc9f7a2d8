/** Variables and secrets for the kernels of a job: a private file on the shared disk, which its node takes away. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Host } from '#platform/host.ts';
import type { SecretsByScope } from '#sandbox/kernel-variables.ts';
import type { JobRecord } from './record.ts';
import type { JobRequest } from './request.ts';
import type { SlurmContext, SlurmSettings } from './settings.ts';

/** In the folder of a job; `slurm_node.py` reads it. */
export const VARIABLES_FILE = 'variables.json';

const LIMIT_MS = 20_000;

/**
 * For `VARIABLES_FILE`, which holds secrets; undefined where nothing was asked for.
 *
 * @param isInstalledThere the node runs installations, which see the secrets of `build` and `setup`.
 */
export function jobVariables(
  { env = {}, requeue = false }: Pick<JobRequest, 'env' | 'requeue'>,
  { kernel, build, setup }: SecretsByScope,
  isInstalledThere: boolean,
): JsonObject | undefined {
  const installing = isInstalledThere ? { ...build, ...setup } : {};
  const all = [env, kernel, installing].flatMap((values) => Object.keys(values));
  if (all.length === 0) return undefined;
  return {
    env: { ...env },
    kernel: { ...kernel },
    installing: { ...installing },
    // A later start of the same job needs them again.
    keep: requeue,
  };
}

/** @throws `config/invalid`: everything else that a job is told can be read by everybody on the cluster. */
export function checkVariables(
  { env = {}, secrets = [] }: Pick<JobRequest, 'env' | 'secrets'>,
  { sharedDisk }: Pick<SlurmSettings, 'sharedDisk'>,
): void {
  if (sharedDisk || (Object.keys(env).length === 0 && secrets.length === 0)) return;
  throw new GloveboxError(
    'config/invalid',
    'Options of the slurm back end: env and secrets need a disk that login node and nodes share (GLOVEBOX_SLURM_SHARED_DISK is off); the local, modal and huggingface back ends can do without.',
    { hint: 'Leave them out; GLOVEBOX_SLURM_EXPORT names variables that every job gets.' },
  );
}

/** Of a job that is over, or that never came to be. Never fails: the file is private, and its folder is swept later. */
export async function forgetVariables(
  { log }: Pick<SlurmContext, 'log'>,
  host: Host,
  { hasVariables, jobDir }: Pick<JobRecord, 'hasVariables' | 'jobDir'>,
  signal: AbortSignal,
): Promise<void> {
  if (hasVariables !== true || jobDir === undefined) return;
  const argv = ['rm', '-f', '--', `${jobDir}/${VARIABLES_FILE}`];
  await host
    .run(argv, { timeoutMs: LIMIT_MS, signal })
    .catch((error: unknown) => log.debug(`${VARIABLES_FILE}: ${messageOf(error)}`));
}
