/** Models of a job: weights lie in a folder that login node and nodes share, fetched by the login node before the job waits for a GPU. */
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Host } from '#platform/host.ts';
import type { StartContext } from '#sandbox/backend.ts';
import type { ModelOption } from '#sandbox/models/options.ts';
import { placeOf, planModels } from '#sandbox/models/plan.ts';
import { fetchIntoSharedFolder } from '#sandbox/models/shared-weights.ts';
import { folderOnCluster } from './parts.ts';
import { hubCacheVariables } from '#sandbox/own-machine.ts';
import type { JobRequest } from './request.ts';
import type { SlurmSettings } from './settings.ts';

/** In the folder of a job; `slurm_node.py` reads it before it writes the kernel down. */
export const MODELS_FILE = 'models.json';

interface ToldModels {
  readonly paths: Readonly<Record<string, string>>;
  readonly models: readonly JsonObject[];
  readonly weights: readonly string[];
}

/** What only tells whether a file is there takes no longer on a busy network disk. */
const LOOK_LIMIT_MS = 20_000;

/**
 * Plans and fetches them.
 *
 * @returns what the node is told; undefined without models.
 * @throws `config/invalid`, `path/not-found`, what `planModels` throws, `sandbox/weights-failed`. No job exists then.
 */
export async function prepareModels(
  models: readonly ModelOption[],
  host: Host,
  settings: SlurmSettings,
  { projectDir, signal, report }: StartContext,
): Promise<ToldModels | undefined> {
  if (models.length === 0) return undefined;
  if (!settings.sharedDisk) throw needsSharedDisk('models');
  const { pythonDir, hubUrl, hubToken: token, variables } = settings;
  const modelsDir = await folderOnCluster(host, settings.modelsDir, signal);
  const home = await host.home(signal);
  const resolve = (id: string): string =>
    path.posix.resolve(projectDir, id.replace(/^~(?=\/)/, home));
  const plan = await planModels(models, {
    access: { url: hubUrl, token },
    modelsDir,
    projectDir,
    variables,
    // Nothing is hidden here, so no name is made from it.
    secret: '',
    isMarked: true,
    folders: { resolve, check: (folder, id) => checkFolder(host, folder, id, signal) },
    signal,
  });
  const fetch = { host, python: 'python3', pythonDir, modelsDir, hubUrl, token, signal, report };
  await fetchIntoSharedFolder(plan.weights, fetch);
  return {
    paths: { ...plan.paths },
    models: [...plan.kernel],
    weights: plan.weights.map(placeOf),
  };
}

/**
 * Makes the cache that sandboxes of the cluster share, beside the weights.
 *
 * @returns variables of kernels; none where the user's own is used. @throws `config/invalid` without a shared disk.
 */
export async function prepareHubCache(
  { cache_volume: isShared }: Pick<JobRequest, 'cache_volume'>,
  host: Host,
  settings: Pick<SlurmSettings, 'modelsDir' | 'sharedDisk'>,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  if (isShared !== true) return {};
  if (!settings.sharedDisk) throw needsSharedDisk('cache_volume');
  const modelsDir = await folderOnCluster(host, settings.modelsDir, signal);
  const home = await host.home(signal);
  const variables = hubCacheVariables(modelsDir, `${home}/.cache/huggingface`);
  const folder = variables['HF_HOME'] ?? modelsDir;
  await host.run(['mkdir', '-p', '--', folder], { timeoutMs: LOOK_LIMIT_MS, signal });
  return variables;
}

/** For `MODELS_FILE`; undefined where there is nothing to tell. */
export function toldOf(
  models: ToldModels | undefined,
  cache: Readonly<Record<string, string>>,
  { python_version: version, env = {} }: Pick<JobRequest, 'python_version' | 'env'>,
): JsonObject | undefined {
  // What somebody sets himself counts.
  const own = Object.entries(cache).filter(([name]) => !Object.hasOwn(env, name));
  if (models === undefined && own.length === 0 && version === undefined) return undefined;
  const { paths, models: kernel, weights } = models ?? { paths: {}, models: [], weights: [] };
  return {
    paths: { ...paths, ...Object.fromEntries(own) },
    models: [...kernel],
    weights: [...weights],
    ...(version !== undefined && { python_version: version }),
  };
}

async function checkFolder(
  host: Host,
  folder: string,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  for (const name of ['config.json', 'adapter_config.json']) {
    const argv = ['/bin/sh', '-c', '[ -f "$1" ]', 'sh', `${folder}/${name}`];
    if ((await host.run(argv, { timeoutMs: LOOK_LIMIT_MS, signal })).code === 0) return;
  }
  throw new GloveboxError(
    'path/not-found',
    `There is no model in ${id} on ${host.name}: no ${folder}/config.json.`,
    { hint: 'Name the folder that save_pretrained wrote, or a repository of the Hub.' },
  );
}

const needsSharedDisk = (what: string): GloveboxError =>
  new GloveboxError(
    'config/invalid',
    `Options of the slurm back end: ${what}: needs a disk that login node and nodes share (GLOVEBOX_SLURM_SHARED_DISK is off); the local, modal and huggingface back ends can do without.`,
    { hint: `Leave ${what} out, and load models in a cell from a place that nodes see.` },
  );
