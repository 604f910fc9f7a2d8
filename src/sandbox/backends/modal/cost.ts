/** What a sandbox costs per hour and at the most. Pure. */
import { GloveboxError } from '#core/errors.ts';
import type { Quote } from '#sandbox/backend.ts';
import { beforehandCeilingUsd, beforehandWords, type Beforehand } from '#sandbox/beforehand.ts';
import { DEFAULT_CORES, DEFAULT_MEMORY_MIB } from './hardware.ts';
import type { ModalOptions } from './options.ts';
import type { Rates } from './rates.ts';

type Machine = Pick<
  ModalOptions,
  'cpu' | 'cpu_limit' | 'memory_mib' | 'memory_limit_mib' | 'gpu_count' | 'region'
>;

export interface MachinePrice {
  /** Absent when it is not known: then it is never taken for free. */
  readonly usdPerHour?: number;
  /** Every part of it is a price that the user has set; else it is an estimate, and nobody spends by it without a person. */
  readonly isSet: boolean;
  readonly remark?: string;
}

/** Modal charges the larger of what is asked for and what is used, so a limit counts and not a request. */
export function priceOf(machine: Machine, gpu: string | undefined, rates: Rates): MachinePrice {
  if (machine.region !== undefined) {
    const remark = 'a chosen region costs more, by a factor that is not known here';
    return { isSet: false, remark };
  }
  const cores = machine.cpu_limit ?? machine.cpu ?? DEFAULT_CORES;
  const memoryMiB = machine.memory_limit_mib ?? machine.memory_mib ?? DEFAULT_MEMORY_MIB;
  const { core, gib } = rates;
  const base = cores * core.usdPerHour + (memoryMiB / 1024) * gib.usdPerHour;
  const isBaseSet = core.isSet && gib.isSet;
  if (gpu === undefined) return { usdPerHour: base, isSet: isBaseSet };
  const ofGpu = rates.gpu(gpu);
  if (ofGpu === undefined) return { isSet: false, remark: `the price of ${gpu} is not known` };
  return {
    usdPerHour: base + ofGpu.usdPerHour * machine.gpu_count,
    isSet: isBaseSet && ofGpu.isSet,
  };
}

/**
 * The dearest of what it may get, since nobody knows which of them is free: so the most it can cost is no less. Unknown as soon
 * as one of them is.
 */
export function dearestOf(
  machine: Machine,
  gpus: readonly (string | undefined)[],
  rates: Rates,
): MachinePrice & { readonly gpu: string | undefined } {
  const priced = gpus.map((gpu) => ({ gpu, ...priceOf(machine, gpu, rates) }));
  const [first = { gpu: undefined, ...priceOf(machine, undefined, rates) }] = priced;
  const dearest = priced.reduce(
    (most, next) => ((next.usdPerHour ?? Infinity) > (most.usdPerHour ?? Infinity) ? next : most),
    first,
  );
  return { ...dearest, isSet: priced.every(({ isSet }) => isSet) };
}

/** The most it can cost: Modal ends it at its time limit, whatever happens here. */
const ceilingOf = (usdPerHour: number, lifetimeS: number): number =>
  (usdPerHour * lifetimeS) / 3600;

/** The part of a quote that is the same for whoever asks. */
export const priceFields = (
  usdPerHour: number,
  lifetimeS: number,
  before: Beforehand | undefined,
): Pick<Quote, 'usdPerHour' | 'ceilingUsd' | 'beforehand'> => ({
  usdPerHour,
  ceilingUsd: ceilingOf(usdPerHour, lifetimeS) + beforehandCeilingUsd(before),
  ...(before !== undefined && { beforehand: before }),
});

/**
 * @param before what is rented on the way, as far as it is known yet
 * @throws `sandbox/over-budget` when it could cost more than allowed, or when nobody knows.
 */
export function checkBudget(
  options: ModalOptions,
  gpu: string | undefined,
  rates: Rates,
  before?: Beforehand,
): void {
  const limit = options.max_cost_usd;
  if (limit === undefined) return;
  const { usdPerHour, remark } = priceOf(options, gpu, rates);
  if (usdPerHour === undefined) {
    throw new GloveboxError(
      'sandbox/over-budget',
      `It must not cost more than $${limit.toFixed(2)}, but ${remark ?? 'its price is not known'}.`,
      { hint: 'Leave out max_cost_usd, or choose hardware whose price sandbox_options lists.' },
    );
  }
  const beforeUsd = beforehandCeilingUsd(before);
  const ceiling = ceilingOf(usdPerHour, options.max_lifetime_seconds) + beforeUsd;
  if (ceiling <= limit) return;
  const fitting = Math.floor(((limit - beforeUsd) / usdPerHour) * 3600);
  const also =
    before === undefined ? '' : `, and $${beforeUsd.toFixed(2)} for ${beforehandWords(before)}`;
  throw new GloveboxError(
    'sandbox/over-budget',
    `It could cost $${ceiling.toFixed(2)} ($${usdPerHour.toFixed(2)}/h for ${options.max_lifetime_seconds} s${also}), which is more than max_cost_usd = ${limit}.`,
    {
      hint:
        fitting >= 60
          ? `Set max_lifetime_seconds to at most ${fitting}, or choose cheaper hardware.`
          : 'Choose cheaper hardware.',
    },
  );
}

/** `2 x H100, 2 cores, 8 GiB` */
export function hardwareWords(machine: Machine, gpus: readonly (string | undefined)[]): string {
  const cores = machine.cpu_limit ?? machine.cpu ?? DEFAULT_CORES;
  const memoryMiB = machine.memory_limit_mib ?? machine.memory_mib ?? DEFAULT_MEMORY_MIB;
  const names = gpus.flatMap((gpu) => gpu ?? []);
  const words = names.length === 0 ? 'no GPU' : `${machine.gpu_count} x ${names.join(' or ')}`;
  return `${words}, ${cores} cores, ${Math.round(memoryMiB / 102.4) / 10} GiB`;
}
