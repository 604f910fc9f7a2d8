/** Money in whole micro-dollars: what it is written as, and what a text means. Sums and comparisons never use fractions. */

/** US dollars times a million, a whole number. */
export type MicroUsd = number;

export const MICRO_PER_USD = 1_000_000;
const MICRO_PER_CENT = 10_000;

/** `$3.00`: two decimals, rounded half up; what is above nothing and below half a cent is `< $0.01`. */
export function renderUsd(micro: MicroUsd): string {
  if (micro > 0 && micro < MICRO_PER_CENT / 2) return '< $0.01';
  return dollars(Math.floor((micro + MICRO_PER_CENT / 2) / MICRO_PER_CENT));
}

/** Money that is left, rounded down: never more than there is. */
export const renderUsdLeft = (micro: MicroUsd): string =>
  dollars(Math.floor(Math.max(0, micro) / MICRO_PER_CENT));

/** `$0.0250`, for a price per minute. */
export const renderUsdExactly = (micro: MicroUsd): string =>
  `$${(micro / MICRO_PER_USD).toFixed(4)}`;

const dollars = (cents: number): string =>
  `$${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;

/** A decimal number of dollars, not negative, with or without `$`; undefined for anything else, `1e9` and `-0` included. */
export function parseUsd(text: string): MicroUsd | undefined {
  const [, whole, fraction = ''] = /^\$?(\d{1,9})(?:\.(\d{0,6}))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) return undefined;
  return Number(whole) * MICRO_PER_USD + Number(fraction.padEnd(6, '0'));
}

/** A price per hour as one per started minute, rounded up; undefined where it is none. */
export function perMinute(usdPerHour: number | undefined): MicroUsd | undefined {
  if (usdPerHour === undefined || !Number.isFinite(usdPerHour) || usdPerHour < 0) return undefined;
  // A thousandth of a micro-dollar is what a decimal fraction may be off by in binary.
  return Math.ceil((usdPerHour * MICRO_PER_USD) / 60 - 0.001);
}
