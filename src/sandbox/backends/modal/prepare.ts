/** Everything that can be found out about a start for nothing: what is missing, what does not fit, what it would cost. */
import type { Quote } from '#sandbox/backend.ts';
import { renderBytes } from '#core/units.ts';
import type { Layout } from '#sandbox/layout.ts';
import type { Connection } from './connection.ts';
import { ceilingOf, checkBudget, hardwareWords, priceOf } from './cost.ts';
import { PRICE_SOURCE } from './hardware.ts';
import type { PinnedRepository } from './image.ts';
import { isKnownComplete } from './models/fetch.ts';
import { checkMemory } from './models/memory.ts';
import { planModels, type ModelsPlan } from '#sandbox/models/plan.ts';
import { gpuNames, type ModalOptions } from './options.ts';
import { pinRepositories } from './repositories.ts';
import type { ModalSdk } from './sdk.ts';
import { secretsFor, type SortedSecrets } from './secrets.ts';
import type { TarEntry } from './tar.ts';
import { secretOf } from './token.ts';
import { gatherFiles } from './upload.ts';

export interface Prepared {
  readonly sdk: ModalSdk;
  /** In order of preference; one undefined without a GPU. */
  readonly gpus: readonly (string | undefined)[];
  readonly secrets: SortedSecrets;
  readonly files: readonly TarEntry[];
  readonly repositories: readonly PinnedRepository[];
  readonly models: ModelsPlan;
}

export interface PrepareContext {
  readonly connection: Connection;
  readonly layout: Layout;
  readonly projectDir: string;
  readonly signal: AbortSignal;
}

/** @throws the first thing that would make the start fail. */
export async function prepare(
  options: ModalOptions,
  { connection, layout, projectDir, signal }: PrepareContext,
): Promise<Prepared> {
  const sdk = await connection.sdk();
  const names = gpuNames(options);
  const gpus = names.length === 0 ? [undefined] : names;
  for (const gpu of gpus) checkBudget(options, gpu);
  const { hubUrl, hubToken, variables, dir } = connection.settings();
  const secrets = await secretsFor(options, variables, sdk, signal);
  const files = await gatherFiles(options.files, projectDir, signal);
  const repositories = await pinRepositories(options.repos, layout.workspace, signal);
  const models = await planModels(options.models, {
    access: { url: hubUrl, token: secrets.download['HF_TOKEN'] ?? hubToken },
    modelsDir: layout.models,
    projectDir,
    variables,
    secret: await secretOf(sdk.tokenSecret, dir),
    isMarked: true,
    signal,
  });
  for (const gpu of gpus) checkMemory(models.loadedBytes, options, gpu);
  return { sdk, gpus, secrets, files, repositories, models };
}

/** The same, for who asks before it is started. */
export async function quoteModal(options: ModalOptions, context: PrepareContext): Promise<Quote> {
  const { gpus, models, secrets } = await prepare(options, context);
  const remarks: string[] = [];
  for (const weights of models.weights) {
    const isThere = await isKnownComplete(weights, context.connection);
    const size = renderBytes(weights.totalBytes);
    remarks.push(
      isThere
        ? `${weights.label}: weights (${size}) are on a volume`
        : `${weights.label}: weights (${size}) are fetched first, by a machine without a GPU, unless another one of the account did`,
    );
  }
  if (options.gpu_count > 2) remarks.push('more than two GPUs may mean a long wait for a machine');
  if (secrets.kernelNames.length > 0 && options.network === 'open')
    remarks.push('kernels see secrets and may reach every address: consider network');
  if (options.models.some(({ hidden }) => hidden))
    remarks.push(
      'a hidden model still shows its architecture and vocabulary, and its chat template may name who made it',
    );
  const [first, ...others] = gpus;
  const { usdPerHour, remark } = priceOf(options, first);
  if (remark !== undefined) remarks.push(remark);
  if (others.length > 0)
    remarks.push(`price of ${first}; others of the list may cost more or less`);
  const lifetimeS = options.max_lifetime_seconds;
  return {
    ...(usdPerHour !== undefined && {
      usdPerHour,
      ceilingUsd: ceilingOf(usdPerHour, lifetimeS),
      priceSource: PRICE_SOURCE,
    }),
    limitS: lifetimeS,
    hardware: hardwareWords(options, first),
    remarks: [`Modal ends it after ${lifetimeS} s, and ${idleWords(options)}`, ...remarks],
  };
}

const idleWords = ({ idle_timeout_seconds: idle }: ModalOptions): string =>
  idle === 0 ? 'never for idleness' : `when its kernels have run nothing for ${idle} s`;
