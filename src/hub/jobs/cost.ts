/** What a Job costs, in millionths of a US dollar: whole numbers, so that a limit is never missed by rounding. */
import type { Flavor } from './hardware.ts';

/** On top, per minute, of a Job with an open port. */
const OPEN_PORT_MICRO_USD = 167;

/** @returns undefined when the price is not known, which is never free. */
export function costMicroUsd(
  flavor: Pick<Flavor, 'microUsdPerMinute'> | undefined,
  seconds: number,
  hasOpenPort: boolean,
): number | undefined {
  const unit = flavor?.microUsdPerMinute;
  if (unit === undefined) return undefined;
  return Math.ceil(seconds / 60) * (unit + (hasOpenPort ? OPEN_PORT_MICRO_USD : 0));
}

export const hourlyUsd = ({ microUsdPerMinute: unit }: Flavor): number | undefined =>
  unit === undefined ? undefined : Math.round((unit * 60) / 10_000) / 100;

/** Two decimals, rounded half up; `< $0.01` for what is less than half a cent. */
export function renderMicroUsd(micro: number): string {
  if (micro > 0 && micro < 5000) return '< $0.01';
  return `$${(Math.floor((micro + 5000) / 10_000) / 100).toFixed(2)}`;
}
