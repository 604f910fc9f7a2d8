/** What a start would cost, from options as they were written: asks nobody and loads nothing, for a hook that has to answer at once. */
import type { Quote } from '#sandbox/backend.ts';
import { dearestOf, hardwareWords, priceFields } from './cost.ts';
import { findGpu } from './hardware.ts';
import { fetchMachines } from './models/fetch-machine.ts';
import { ratesFrom, sourceWords } from './rates.ts';

/** `options.ts` has the same default; a test holds them equal. */
const DEFAULT_LIFETIME_S = 3600;

type Raw = Readonly<Record<string, unknown>>;

/**
 * The same price and limit as the quote that `start` is preceded by. Undefined: nobody could say from these options.
 *
 * @param toFetch of so many repositories the weights are fetched first, as `countToFetch` tells.
 */
export function roughQuote(
  options: Raw,
  prices: readonly string[] = [],
  toFetch = 0,
): Quote | undefined {
  const { gpu: given, region } = options;
  const wanted: readonly unknown[] = Array.isArray(given)
    ? given
    : given === undefined
      ? []
      : [given];
  const names = wanted.filter((one) => typeof one === 'string');
  const cpu = number(options, 'cpu');
  const cpuLimit = number(options, 'cpu_limit');
  const memory = number(options, 'memory_mib');
  const memoryLimit = number(options, 'memory_limit_mib');
  const count = number(options, 'gpu_count');
  const lifetime = number(options, 'max_lifetime_seconds');
  const isOdd =
    names.length !== wanted.length ||
    (region !== undefined && typeof region !== 'string') ||
    [cpu, cpuLimit, memory, memoryLimit, count, lifetime].includes(null);
  if (isOdd) return undefined;
  const found = names.map((name) => findGpu(name)?.name ?? name);
  const gpus = found.length === 0 ? [undefined] : found;
  const machine = {
    gpu_count: count ?? 1,
    cpu: cpu ?? undefined,
    cpu_limit: cpuLimit ?? undefined,
    memory_mib: memory ?? undefined,
    memory_limit_mib: memoryLimit ?? undefined,
    region: typeof region === 'string' ? region : undefined,
  };
  const limitS = lifetime ?? DEFAULT_LIFETIME_S;
  const rates = ratesFrom(prices);
  const { usdPerHour, isSet, remark } = dearestOf(machine, gpus, rates);
  return {
    ...(usdPerHour !== undefined && {
      ...priceFields(usdPerHour, limitS, fetchMachines(toFetch, rates)),
      priceSource: sourceWords(isSet),
      isPriceFresh: isSet,
    }),
    limitS,
    hardware: hardwareWords(machine, gpus),
    remarks: remark === undefined ? [] : [remark],
  };
}

/** Null for what is there and no number. */
function number(options: Raw, key: string): number | null | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null;
}
