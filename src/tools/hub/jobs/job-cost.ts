/** What a Job can cost at most, from the Hub's own prices. */
import { renderUsd } from '#core/money.ts';
import { renderDuration } from '#core/units.ts';
import type { Flavor, Hardware } from '#hub/jobs/hardware.ts';
import { costOf, estimate, type Estimate } from '#policy/cost.ts';

interface Use {
  readonly seconds: number;
  readonly exposed: boolean;
}

/** Prices that are not the Hub's own and new are shown, and nothing is approved by them without a person. */
export function estimateJob(
  flavor: Flavor | undefined,
  { source, age }: Hardware,
  use: Use,
): Estimate {
  const unitMicroUsd = flavor?.microUsdPerMinute;
  if (unitMicroUsd === undefined) return estimate({ unknown: 'the Hub tells no price of it' }, use);
  const words =
    'date' in age
      ? `bundled table of ${age.date}`
      : `price list of Hugging Face, ${renderDuration(age.ms)} old`;
  return estimate({ unitMicroUsd, source: words, isFresh: source === 'live' }, use);
}

/** What it costs up to now, as far as is known. */
export function costSoFar(flavor: Flavor | undefined, use: Use): number | undefined {
  const unit = flavor?.microUsdPerMinute;
  return unit === undefined ? undefined : costOf({ ...use, unitCostMicroUsd: unit });
}

export const ceilingWords = ({ amountMicroUsd: amount }: Estimate): string =>
  amount === null ? 'Its price is not known.' : `At most ${renderUsd(amount)}.`;

/** `$1.50/h` */
export const priceWords = ({ microUsdPerMinute: unit }: Flavor): string =>
  unit === undefined ? 'price unknown' : `${renderUsd(unit * 60)}/h`;
