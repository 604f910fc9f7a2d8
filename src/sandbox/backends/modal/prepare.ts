/** Everything that can be found out about a start for nothing: what is missing, what does not fit, what it would cost. */
import type { Quote } from '#sandbox/backend.ts';
import { renderBytes } from '#core/units.ts';
import { gitTokensOf, headersForClosed, type GitHeaders } from '#sandbox/git-access.ts';
import type { Layout } from '#sandbox/layout.ts';
import { rememberAccount, rememberedAccount } from './account.ts';
import type { Connection } from './connection.ts';
import { checkBudget, dearestOf, hardwareWords, priceFields } from './cost.ts';
import { isKnownComplete } from './models/fetch.ts';
import { fetchMachines } from './models/fetch-machine.ts';
import { checkMemory } from './models/memory.ts';
import { planModels, type ModelsPlan, type WeightsPlan } from '#sandbox/models/plan.ts';
import { gpuNames, type ModalOptions } from './options.ts';
import { ratesFrom, sourceWords } from './rates.ts';
import { gatherFiles, type FilesPlace } from '#sandbox/project-files.ts';
import { pinRepositories, type PinnedRepository } from '#sandbox/repositories.ts';
import type { TarEntry } from '#sandbox/tar.ts';
import type { ModalSdk } from './sdk.ts';
import { secretsFor, type SortedSecrets } from './secrets.ts';
import { secretOf } from './token.ts';

export interface Prepared {
  readonly sdk: ModalSdk;
  /** In order of preference; one undefined without a GPU. */
  readonly gpus: readonly (string | undefined)[];
  readonly secrets: SortedSecrets;
  readonly files: readonly TarEntry[];
  readonly repositories: readonly PinnedRepository[];
  /** For those that are not public. */
  readonly gitHeaders: GitHeaders;
  readonly models: ModelsPlan;
  /** Those of `models` whose weights are not known to be on a volume. */
  readonly toFetch: readonly WeightsPlan[];
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
  const rates = ratesFrom(connection.settings().prices);
  for (const gpu of gpus) checkBudget(options, gpu, rates);
  const { hubUrl, hubToken, variables, dir } = connection.settings();
  const secrets = await secretsFor(options, variables, sdk, signal);
  const files = await gatherFiles(options.files, filesPlace(layout, projectDir, signal));
  const tokens = gitTokensOf(secrets.download, hubUrl);
  const { workspace } = layout;
  const repositories = await pinRepositories(options.repos, { workspace, tokens, signal });
  const addresses = repositories.map(({ url }) => url);
  const gitHeaders = await headersForClosed(addresses, tokens, signal);
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
  const toFetch: WeightsPlan[] = [];
  for (const plan of models.weights)
    if (!(await isKnownComplete(plan, connection))) toFetch.push(plan);
  for (const gpu of gpus) checkBudget(options, gpu, rates, fetchMachines(toFetch.length, rates));
  return { sdk, gpus, secrets, files, repositories, gitHeaders, models, toFetch };
}

/** The machine is the sandbox's own: files go wherever somebody wants them, but for what is ours. */
export const filesPlace = (
  { workspace, state, models, cache }: Layout,
  projectDir: string,
  signal: AbortSignal,
): FilesPlace => ({ projectDir, workspace, reserved: [state, models, cache], signal });

/** The same, for who asks before it is started. */
export async function quoteModal(options: ModalOptions, context: PrepareContext): Promise<Quote> {
  const { gpus, models, secrets, toFetch } = await prepare(options, context);
  const remarks: string[] = [];
  for (const weights of models.weights) {
    const isThere = !toFetch.includes(weights);
    const size = renderBytes(weights.totalBytes);
    remarks.push(
      isThere
        ? `${weights.label}: weights (${size}) are on a volume`
        : `${weights.label}: weights (${size}) are fetched first, by a machine without a GPU, unless another one of the account did`,
    );
  }
  if (options.repos.some(({ dockerfile }) => dockerfile !== undefined))
    remarks.push('images of repositories are built on the machine itself, while it costs');
  if (options.gpu_count > 2) remarks.push('more than two GPUs may mean a long wait for a machine');
  if (secrets.kernelNames.length > 0 && options.network === 'open')
    remarks.push(
      'kernels see secrets and may reach every address: consider network, or header_secrets, which keeps them outside',
    );
  if (options.models.some(({ hidden }) => hidden))
    remarks.push(
      'a hidden model still shows its architecture and vocabulary, and its chat template may name who made it',
    );
  const rates = ratesFrom(context.connection.settings().prices);
  const { usdPerHour, isSet, remark, gpu } = dearestOf(options, gpus, rates);
  if (remark !== undefined) remarks.push(remark);
  if (gpus.length > 1) remarks.push(`price of ${gpu}, the dearest of the list`);
  const lifetimeS = options.max_lifetime_seconds;
  const account = await accountOf(context);
  return {
    ...(account !== undefined && { account }),
    ...(usdPerHour !== undefined && {
      ...priceFields(usdPerHour, lifetimeS, fetchMachines(toFetch.length, rates)),
      priceSource: sourceWords(isSet),
      isPriceFresh: isSet,
    }),
    limitS: lifetimeS,
    hardware: hardwareWords(options, gpus),
    remarks: [`Modal ends it after ${lifetimeS} s, and ${idleWords(options)}`, ...remarks],
  };
}

const ACCOUNT_LIMIT_MS = 3000;

/** A name is worth a moment and no failure. */
async function accountOf({ connection, signal }: PrepareContext): Promise<string | undefined> {
  const sdk = await connection.sdk();
  const { dir } = connection.settings();
  const known = await rememberedAccount(dir, sdk.identity);
  if (known !== undefined) return known;
  const stop = new AbortController();
  const cancelTimer = connection.clock.after(ACCOUNT_LIMIT_MS, () => stop.abort());
  const name = await sdk
    .account(AbortSignal.any([signal, stop.signal]))
    .catch(() => undefined)
    .finally(cancelTimer);
  if (name !== undefined) await rememberAccount(dir, sdk.identity, name);
  return name;
}

const idleWords = ({ idle_timeout_seconds: idle }: ModalOptions): string =>
  idle === 0 ? 'never for idleness' : `when its kernels have run nothing for ${idle} s`;
