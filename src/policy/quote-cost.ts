/** What the quote of a back end means for the budget and for a person who is asked. Pure. */
import { perMinute } from '#core/money.ts';
import type { BackendId, Quote } from '#sandbox/backend.ts';
import { beforehandWords, type Beforehand } from '#sandbox/beforehand.ts';
import {
  beforehandAmount,
  estimate,
  minutesOf,
  type BeforehandCost,
  type Estimate,
  type Price,
  type UnknownPrice,
} from './cost.ts';
import { fact } from './prompt.ts';

/** A price that is missing is unknown, and never nothing. */
export function costOfQuote(quote: Quote | undefined): Estimate {
  const { usdPerHour, limitS, ceilingUsd, priceSource, isPriceFresh = true } = quote ?? {};
  const unitMicroUsd = perMinute(usdPerHour);
  const price: Price | UnknownPrice =
    unitMicroUsd === undefined
      ? { unknown: 'its price is not known' }
      : { unitMicroUsd, source: priceSource ?? 'the provider', isFresh: isPriceFresh };
  const fromCeiling =
    ceilingUsd === undefined || usdPerHour === undefined || usdPerHour === 0
      ? undefined
      : Math.ceil((ceilingUsd / usdPerHour) * 3600 - 0.001);
  const cost = estimate(price, { seconds: limitS ?? fromCeiling });
  const before = beforehandOf(quote?.beforehand);
  if (before === undefined || cost.amountMicroUsd === null) return cost;
  const amountMicroUsd = cost.amountMicroUsd + beforehandAmount(before);
  return { ...cost, amountMicroUsd, beforehand: before };
}

function beforehandOf(before: Beforehand | undefined): BeforehandCost | undefined {
  if (before === undefined) return undefined;
  const { count, usdPerHour, limitS } = before;
  const unitMicroUsd = perMinute(usdPerHour) ?? 0;
  return { words: beforehandWords(before), count, minutes: minutesOf(limitS), unitMicroUsd };
}

/** Whose money it is, on which hardware, at which price. */
export const factsOfQuote = (backend: BackendId, quote: Quote | undefined): readonly string[] => [
  fact('account', quote?.account ?? `that of your ${backend} token`),
  ...(quote?.hardware === undefined ? [] : [fact('hardware', quote.hardware)]),
  ...(quote?.usdPerHour === undefined ? [] : [fact('price', `$${quote.usdPerHour.toFixed(2)}/h`)]),
];
