/** Models on this machine: folders of the user's, and repositories of the Hub whose weights lie in one folder for all sandboxes. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '#core/errors.ts';
import { createLocalHost } from '#platform/local-host.ts';
import type { Progress } from '#sandbox/backend.ts';
import type { ModelOption } from '#sandbox/models/options.ts';
import { planModels, type ModelsPlan } from '#sandbox/models/plan.ts';
import { fetchIntoSharedFolder } from '#sandbox/models/shared-weights.ts';
import { hubCacheVariables } from '#sandbox/own-machine.ts';
import type { LocalOptions, LocalSettings } from './settings.ts';

const modelsDirOf = ({ dir, modelsDir }: LocalSettings): string =>
  modelsDir ?? path.join(dir, 'models');

/** Variables of kernels for the cache that sandboxes share; none where the user's own is used. */
export function hubCacheOf(
  { cache_volume: isShared }: Pick<LocalOptions, 'cache_volume'>,
  settings: LocalSettings,
): Readonly<Record<string, string>> {
  if (isShared !== true) return {};
  const { HF_HOME: own, HOME: home = '' } = settings.environment;
  return hubCacheVariables(modelsDirOf(settings), own ?? path.join(home, '.cache/huggingface'));
}

/** @throws what `planModels` does; `path/not-found` for a folder without a model. */
export async function planLocalModels(
  models: readonly ModelOption[],
  settings: LocalSettings,
  { projectDir, signal }: { readonly projectDir: string; readonly signal: AbortSignal },
): Promise<ModelsPlan> {
  const { environment, hubUrl, hubToken } = settings;
  const home = environment['HOME'] ?? '';
  return planModels(models, {
    access: { url: hubUrl, token: hubToken },
    modelsDir: modelsDirOf(settings),
    projectDir,
    variables: environment,
    // Nothing is hidden here, so no name is made from it.
    secret: '',
    isMarked: true,
    folders: {
      resolve: (id) => path.resolve(projectDir, id.replace(/^~(?=\/)/, home)),
      check: checkFolder,
    },
    cached: (repository, revision) => findSnapshot(settings, repository, revision),
    signal,
  });
}

/** @throws `sandbox/weights-failed`. */
export async function fetchLocalWeights(
  { weights }: ModelsPlan,
  settings: LocalSettings,
  {
    python,
    signal,
    report,
  }: {
    readonly python: string;
    readonly signal: AbortSignal;
    readonly report: (progress: Progress) => void;
  },
): Promise<void> {
  const { environment, pythonDir, hubUrl, hubToken: token } = settings;
  const host = createLocalHost({ env: environment });
  const modelsDir = modelsDirOf(settings);
  const fetch = { host, python, pythonDir, modelsDir, hubUrl, token, signal, report };
  await fetchIntoSharedFolder(weights, fetch);
}

async function checkFolder(folder: string, id: string): Promise<void> {
  const files = ['config.json', 'adapter_config.json'].map((name) => path.join(folder, name));
  const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  if (found.some((facts) => facts?.isFile() === true)) return;
  throw new GloveboxError(
    'path/not-found',
    `There is no model in ${id}: no ${folder}/config.json.`,
    { hint: 'Name the folder that save_pretrained wrote, or a repository of the Hub.' },
  );
}

/** Where the user's own cache of the Hub has it whole enough to be used. Its layout: huggingface.co/docs/huggingface_hub/guides/manage-cache */
async function findSnapshot(
  { environment }: LocalSettings,
  repository: string,
  revision: string,
): Promise<string | undefined> {
  const home = environment['HF_HOME'] ?? path.join(environment['HOME'] ?? '', '.cache/huggingface');
  const cache = environment['HF_HUB_CACHE'] ?? path.join(home, 'hub');
  const folder = path.join(cache, `models--${repository.replace('/', '--')}`);
  const ref = await readFile(path.join(folder, 'refs', revision), 'utf8').catch(() => revision);
  const snapshot = path.join(folder, 'snapshots', ref.trim());
  return checkFolder(snapshot, repository).then(
    () => snapshot,
    () => undefined,
  );
}
