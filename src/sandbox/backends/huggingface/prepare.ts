/** Everything that can be found out about a start for nothing: whose it is, what it runs on, what is missing, what it would cost. */
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import type { Quote } from '#sandbox/backend.ts';
import { gitTokensOf, headersForClosed, type GitHeaders } from '#sandbox/git-access.ts';
import { secretsByScope, type SecretsByScope } from '#sandbox/kernel-variables.ts';
import { layoutBelow, type Layout } from '#sandbox/layout.ts';
import { planModels, type ModelsPlan } from '#sandbox/models/plan.ts';
import { gatherFiles } from '#sandbox/project-files.ts';
import { pinRepositories, type PinnedRepository } from '#sandbox/repositories.ts';
import type { TarEntry } from '#sandbox/tar.ts';
import { wantedBuckets } from './buckets.ts';
import { ceilingUsd, checkBudget, checkMemory, findFlavor, usdPerHour } from './hardware.ts';
import type { HubFlavor, HubHardware } from './hub-jobs.ts';
import type { HuggingfaceOptions } from './options.ts';
import type { HuggingfaceContext } from './settings.ts';

export interface Prepared {
  /** Of the person. */
  readonly account: string;
  readonly namespace: string;
  readonly hardware: HubHardware;
  readonly flavor: HubFlavor;
  readonly secrets: SecretsByScope;
  readonly layout: Layout;
  readonly models: ModelsPlan;
  readonly repositories: readonly PinnedRepository[];
  /** For those that are not public. */
  readonly gitHeaders: GitHeaders;
  readonly files: readonly TarEntry[];
}

export async function layoutFor(
  { ssh, jupyter_port: port }: Pick<HuggingfaceOptions, 'ssh' | 'jupyter_port'>,
  { layout, settings }: HuggingfaceContext,
): Promise<Layout> {
  const whole = (await layout?.()) ?? layoutBelow(settings().root, port);
  return ssh ? { ...whole, ip: '127.0.0.1' } : whole;
}

/** @throws the first thing that would make the start fail. */
export async function prepare(
  options: HuggingfaceOptions,
  huggingface: HuggingfaceContext,
  projectDir: string,
  signal: AbortSignal,
): Promise<Prepared> {
  const { hub, settings } = huggingface;
  const { namespace: configured, variables, hubUrl } = settings();
  const hubToken = await hub.token();
  const secrets = secretsByScope(options.secrets, variables);
  const account = await hub.account(signal);
  const wanted = options.namespace ?? configured ?? account.name;
  const known = [account.name, ...account.organisations];
  const namespace = known.find((name) => name.toLowerCase() === wanted.toLowerCase());
  if (namespace === undefined)
    throw new GloveboxError('config/invalid', `The namespace ${wanted} is none of yours.`, {
      hint: `Yours are: ${known.join(', ')}.`,
    });
  const hardware = await hub.hardware(signal);
  const flavor = findFlavor(options, hardware);
  checkBudget(options, flavor, hardware.isLive);
  const layout = await layoutFor(options, huggingface);
  const tokens = gitTokensOf(secrets.download, hubUrl);
  const { workspace } = layout;
  const files = await gatherFiles(options.files, { projectDir, workspace, signal });
  const repositories = await pinRepositories(options.repos, { workspace, tokens, signal });
  const addresses = repositories.map(({ url }) => url);
  const gitHeaders = await headersForClosed(addresses, tokens, signal);
  const models = await planModels(options.models, {
    access: { url: hubUrl, token: hubToken },
    modelsDir: layout.models,
    projectDir,
    variables,
    // Nothing is hidden here, so no name is made from it.
    secret: '',
    isMarked: false,
    signal,
  });
  checkMemory(models.loadedBytes, flavor, hardware);
  const { name } = account;
  const found = { account: name, namespace, hardware, flavor, secrets, layout, models };
  return { ...found, repositories, gitHeaders, files };
}

/** The same, for who asks before it is started. */
export async function quoteJob(
  options: HuggingfaceOptions,
  huggingface: HuggingfaceContext,
  { projectDir, signal }: { readonly projectDir: string; readonly signal: AbortSignal },
): Promise<Quote> {
  const prepared = await prepare(options, huggingface, projectDir, signal);
  const { namespace, hardware, flavor, secrets, models } = prepared;
  const { max_lifetime_seconds: lifetimeS, idle_timeout_seconds: idleS } = options;
  const perHour = usdPerHour(flavor, options);
  const idle =
    idleS === 0 ? 'never for idleness' : `when its kernels have run nothing for ${idleS} s`;
  return {
    ...(perHour !== undefined && {
      usdPerHour: perHour,
      ceilingUsd: ceilingUsd(perHour, lifetimeS),
      priceSource: hardware.source,
    }),
    limitS: lifetimeS,
    hardware: [flavor.name, flavor.machine].filter((words) => words !== '').join(': '),
    isPriceFresh: hardware.isLive,
    account: namespace,
    remarks: [
      `the Hub ends it after ${lifetimeS} s, and ${idle}`,
      options.ssh
        ? 'no port is opened: it is reached by SSH, with a key of yours that the Hub knows'
        : 'the price holds the fee of the open port, as it was published',
      ...models.weights.map(
        ({ label, totalBytes }) =>
          `${label}: ${renderBytes(totalBytes)}, mounted from the Hub and ${options.stage === 'copy' ? 'copied to the disk first, within start_timeout_seconds' : 'read when it is loaded'}`,
      ),
      ...bucketRemarks(options, namespace),
      ...(Object.keys(secrets.kernel).length > 0
        ? ['kernels see secrets and may reach every address']
        : []),
      ...(hardware.isLive ? [] : ['the Hub does not tell prices now: they are for display only']),
    ],
  };
}

/** They count to the storage of the account. */
function bucketRemarks(options: HuggingfaceOptions, namespace: string): readonly string[] {
  const { cache, outputs } = wantedBuckets(options, namespace, '');
  return [
    ...(cache === undefined
      ? []
      : [`what cells download from the Hub is kept in the private bucket ${cache}`]),
    ...(outputs === undefined
      ? []
      : ['what cells write for keeps is in a private bucket until it is home']),
  ];
}
