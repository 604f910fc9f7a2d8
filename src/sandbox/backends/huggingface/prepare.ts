/** Everything that can be found out about a start for nothing: whose it is, what it runs on, what is missing, what it would cost. */
import { GloveboxError } from '#core/errors.ts';
import type { Quote } from '#sandbox/backend.ts';
import { ceilingUsd, checkBudget, findFlavor, usdPerHour } from './hardware.ts';
import type { HubFlavor, HubHardware } from './hub-jobs.ts';
import type { HuggingfaceOptions } from './options.ts';
import type { HuggingfaceContext } from './settings.ts';

export interface Prepared {
  /** Of the person. */
  readonly account: string;
  readonly namespace: string;
  readonly hardware: HubHardware;
  readonly flavor: HubFlavor;
  readonly secrets: Readonly<Record<string, string>>;
}

/** @throws the first thing that would make the start fail. */
export async function prepare(
  options: HuggingfaceOptions,
  { hub, settings }: HuggingfaceContext,
  signal: AbortSignal,
): Promise<Prepared> {
  const { namespace: configured, variables } = settings();
  const secrets: Record<string, string> = {};
  for (const { env, as } of options.secrets) {
    const value = variables[env];
    if (value === undefined || value === '')
      throw new GloveboxError('config/invalid', `The secret ${env} is not set.`, {
        hint: `Set the variable ${env} where Glovebox runs, or leave it out of secrets.`,
      });
    secrets[as ?? env] = value;
  }
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
  return { account: account.name, namespace, hardware, flavor, secrets };
}

/** The same, for who asks before it is started. */
export async function quoteJob(
  options: HuggingfaceOptions,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<Quote> {
  const { namespace, hardware, flavor, secrets } = await prepare(options, huggingface, signal);
  const { max_lifetime_seconds: lifetimeS, idle_timeout_seconds: idleS } = options;
  const perHour = usdPerHour(flavor);
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
      'the price holds the fee of the open port, as it was published',
      ...(Object.keys(secrets).length > 0
        ? ['kernels see secrets and may reach every address']
        : []),
      ...(hardware.isLive ? [] : ['the Hub does not tell prices now: they are for display only']),
    ],
  };
}
