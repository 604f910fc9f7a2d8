/** Finds the hardware that options mean, says what it costs, and refuses what may cost more than allowed. Pure. */
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { renderBytes } from '#core/units.ts';
import type { Offer } from '#sandbox/backend.ts';
import { HEADROOM } from '#sandbox/models/weight-bytes.ts';
import type { HubFlavor, HubHardware } from './hub-jobs.ts';
import type { HuggingfaceOptions } from './options.ts';

const DEFAULT_FLAVOR = 'cpu-basic';
/** Millionths of a US dollar per minute, for the open port; in no list of the service. */
const OPEN_PORT_MICRO_USD = 167;

/** Undefined when it is not known, which is never free. With the fee of the open port, where there is one: SSH has none. */
export const usdPerHour = (
  { microUsdPerMinute: micro }: HubFlavor,
  { ssh }: { readonly ssh: boolean } = { ssh: false },
): number | undefined =>
  micro === undefined ? undefined : ((micro + (ssh ? 0 : OPEN_PORT_MICRO_USD)) * 60) / 1_000_000;

/** The most that it can cost: the Hub counts whole minutes, and ends it at its limit. */
export const ceilingUsd = (perHour: number, lifetimeS: number): number =>
  (perHour * Math.ceil(lifetimeS / 60)) / 60;

/**
 * By its own name, else the cheapest with that GPU; of several GPUs the first that there is.
 *
 * @throws `config/invalid` with everything there is, but only when the list is the Hub's own.
 */
export function findFlavor(
  asked: Pick<HuggingfaceOptions, 'flavor' | 'gpu' | 'gpu_count'>,
  hardware: HubHardware,
): HubFlavor {
  const { flavor, gpu, gpu_count: count } = asked;
  const { flavors, isLive } = hardware;
  const words = [flavor ?? gpu ?? DEFAULT_FLAVOR].flat();
  const found = words.map((wanted) => oneFlavor(wanted, asked, flavors)).find(isFound);
  if (found !== undefined) return found;
  if (!isLive && flavor !== undefined) return { name: flavor, machine: '' };
  const names = flavors.map(({ name }) => name);
  const wanted = words.join(' or ');
  const what = gpu === undefined ? `no hardware "${wanted}"` : `nothing with ${count} x ${wanted}`;
  throw new GloveboxError(
    'config/invalid',
    `The Hub has ${what}.${didYouMean(words[0] ?? '', names)} There are: ${flavors.map(priced).join(', ')}.`,
    { hint: 'sandbox_options(backend="huggingface") describes them.' },
  );
}

const isFound = (flavor: HubFlavor | undefined): boolean => flavor !== undefined;

function oneFlavor(
  wanted: string,
  { gpu, gpu_count: count }: Pick<HuggingfaceOptions, 'gpu' | 'gpu_count'>,
  flavors: readonly HubFlavor[],
): HubFlavor | undefined {
  const named = flavors.find(({ name }) => name === wanted);
  if (named !== undefined || gpu === undefined) return named;
  const word = plain(wanted);
  const [cheapest] = flavors
    .filter((each) => each.gpu?.count === count && plain(each.gpu.name).includes(word))
    .toSorted((a, b) => (usdPerHour(a) ?? Infinity) - (usdPerHour(b) ?? Infinity));
  return cheapest;
}

const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

function priced(flavor: HubFlavor): string {
  const usd = usdPerHour(flavor);
  return `${flavor.name} (${usd === undefined ? 'price unknown' : `$${usd.toFixed(2)}/h`})`;
}

/** @throws `sandbox/over-budget` when it could cost more than allowed, or when nobody knows. */
export function checkBudget(options: HuggingfaceOptions, flavor: HubFlavor, isLive: boolean): void {
  const { max_cost_usd: limit, max_lifetime_seconds: lifetimeS } = options;
  if (limit === undefined) return;
  const perHour = isLive ? usdPerHour(flavor, options) : undefined;
  if (perHour === undefined)
    throw new GloveboxError(
      'sandbox/over-budget',
      `It must not cost more than $${limit.toFixed(2)}, but the price of ${flavor.name} is not known.`,
      { hint: 'Leave out max_cost_usd, or choose hardware whose price sandbox_options lists.' },
    );
  const ceiling = ceilingUsd(perHour, lifetimeS);
  if (ceiling <= limit) return;
  const fitting = Math.floor((limit / perHour) * 60) * 60;
  throw new GloveboxError(
    'sandbox/over-budget',
    `It could cost $${ceiling.toFixed(2)} ($${perHour.toFixed(2)}/h for ${lifetimeS} s), which is more than max_cost_usd = ${limit}.`,
    {
      hint:
        fitting >= 60
          ? `Set max_lifetime_seconds to at most ${fitting}, or choose cheaper hardware.`
          : 'Choose cheaper hardware.',
    },
  );
}

/** @throws `config/invalid` for models that are too large for its GPUs, naming the smallest that fits. */
export function checkMemory(
  neededBytes: number,
  { name, gpu }: HubFlavor,
  { flavors }: HubHardware,
): void {
  const needed = neededBytes * HEADROOM;
  if (gpu?.memoryGb === undefined || needed <= gpu.memoryGb * 1e9) return;
  const [smallest] = flavors
    .filter((flavor) => (flavor.gpu?.memoryGb ?? 0) * 1e9 >= needed)
    .toSorted((a, b) => (usdPerHour(a) ?? Infinity) - (usdPerHour(b) ?? Infinity));
  throw new GloveboxError(
    'config/invalid',
    `The models need ${renderBytes(needed)} (${renderBytes(neededBytes)} of weights and a fifth more), and ${name} has ${gpu.memoryGb} GB.`,
    {
      hint: `${smallest === undefined ? 'No hardware of the Hub is large enough' : `The cheapest that fits: flavor="${smallest.name}"`}. Or set dtype or quantization of the model.`,
    },
  );
}

export const offersOf = ({ flavors, source }: HubHardware): readonly Offer[] =>
  flavors.map((flavor) => {
    const { name, machine, gpu } = flavor;
    const usd = usdPerHour(flavor);
    return {
      name,
      description: machine === '' ? `flavor="${name}"` : machine,
      ...(gpu !== undefined && {
        gpus: [
          {
            name: gpu.name,
            count: gpu.count,
            ...(gpu.memoryGb !== undefined && {
              memoryMiB: Math.round((gpu.memoryGb / gpu.count) * 1024),
            }),
          },
        ],
      }),
      ...(usd !== undefined && { usdPerHour: Math.round(usd * 100) / 100, priceSource: source }),
    };
  });
