/** What a call can cost at most, and what it has cost: whole micro-dollars per started minute. Pure. */
import type { MicroUsd } from '#core/money.ts';

/** On top of the hardware, for a job with a port that can be reached from outside: a cent an hour. */
export const EXPOSED_UNIT_MICRO_USD = 167;

/** The price of one started minute, with what is known about the price itself. */
export interface Price {
  readonly unitMicroUsd: MicroUsd;
  /** Where it is from, for a person: `price list of Hugging Face`. */
  readonly source: string;
  /** When it was read, in milliseconds since the epoch. */
  readonly asOfMs?: number;
  /** Good enough to spend by without a person. A cached price that is old, or one that came with the program for display, is not. */
  readonly isFresh: boolean;
}

/** Why nobody knows what it costs. Unknown never counts as free. */
export interface UnknownPrice {
  readonly unknown: string;
}

export interface BeforehandCost {
  /** `1 machine to fetch weights` */
  readonly words: string;
  readonly count: number;
  /** Of each. */
  readonly minutes: number;
  readonly unitMicroUsd: MicroUsd;
}

export const beforehandAmount = (before: BeforehandCost | undefined): MicroUsd =>
  before === undefined ? 0 : before.count * before.minutes * before.unitMicroUsd;

/** The most that a call can cost. */
export type Estimate =
  | {
      readonly amountMicroUsd: MicroUsd;
      readonly unitMicroUsd: MicroUsd;
      readonly minutes: number;
      readonly isFresh: boolean;
      readonly source: string;
      readonly asOfMs?: number;
      /** Machines that are rented on the way to it; `amountMicroUsd` counts them, `minutes` does not. */
      readonly beforehand?: BeforehandCost;
    }
  | { readonly amountMicroUsd: null; readonly reason: string };

/** What several cost together: the sum, and the longest of their limits. Undefined when none of them costs anything. */
export function sumOfCosts(costs: readonly (Estimate | undefined)[]): Estimate | undefined {
  const known = costs.filter((cost) => cost !== undefined);
  const [first] = known;
  if (first === undefined) return undefined;
  let sum = first;
  for (const next of known.slice(1)) {
    if (sum.amountMicroUsd === null) return sum;
    if (next.amountMicroUsd === null) return next;
    sum = {
      amountMicroUsd: sum.amountMicroUsd + next.amountMicroUsd,
      unitMicroUsd: sum.unitMicroUsd + next.unitMicroUsd,
      minutes: Math.max(sum.minutes, next.minutes),
      isFresh: sum.isFresh && next.isFresh,
      source: sum.source,
    };
  }
  return sum;
}

export interface Usage {
  readonly seconds: number;
  /** A port of it can be reached from outside. */
  readonly exposed?: boolean;
}

export const minutesOf = (seconds: number): number => Math.ceil(seconds / 60);

/** `minutes x (price of a minute + exposed port)`. */
export function costOf({
  unitCostMicroUsd,
  seconds,
  exposed = false,
}: Usage & { readonly unitCostMicroUsd: MicroUsd }): MicroUsd {
  return minutesOf(seconds) * (unitCostMicroUsd + (exposed ? EXPOSED_UNIT_MICRO_USD : 0));
}

/** @param seconds the limit that the engine enforces; undefined when there is none, or nobody knows it. */
export function estimate(
  price: Price | UnknownPrice,
  {
    seconds,
    exposed = false,
  }: { readonly seconds: number | undefined; readonly exposed?: boolean },
): Estimate {
  if ('unknown' in price) return { amountMicroUsd: null, reason: price.unknown };
  const { unitMicroUsd, source, isFresh, asOfMs } = price;
  if (seconds === undefined) {
    if (unitMicroUsd === 0) return { amountMicroUsd: 0, unitMicroUsd, minutes: 0, isFresh, source };
    return {
      amountMicroUsd: null,
      reason: 'nothing ends it, so there is no most that it can cost',
    };
  }
  return {
    amountMicroUsd: costOf({ unitCostMicroUsd: unitMicroUsd, seconds, exposed }),
    unitMicroUsd: unitMicroUsd + (exposed ? EXPOSED_UNIT_MICRO_USD : 0),
    minutes: minutesOf(seconds),
    isFresh,
    source,
    ...(asOfMs !== undefined && { asOfMs }),
  };
}

/**
 * What to settle when it has ended: what it ran, and a minute more for its billed start, but never above what was reserved.
 *
 * @param runningS undefined when it ran and nobody knows for how long: then all of it. 0 with `hasStarted` false is nothing.
 */
export function settledCost(
  {
    amountMicroUsd,
    unitMicroUsd,
  }: { readonly amountMicroUsd: MicroUsd; readonly unitMicroUsd: MicroUsd },
  { hasStarted, runningS }: { readonly hasStarted: boolean; readonly runningS: number | undefined },
): MicroUsd {
  if (!hasStarted) return 0;
  if (runningS === undefined) return amountMicroUsd;
  return Math.min(amountMicroUsd, (minutesOf(Math.max(0, runningS)) + 1) * unitMicroUsd);
}

/** The first threshold above what was spent: it doubles until it is. */
export function nextThreshold(spent: MicroUsd, current: MicroUsd): MicroUsd {
  let next = current;
  while (next <= spent) next *= 2;
  return next;
}

export const FIRST_THRESHOLD: MicroUsd = 5_000_000;
