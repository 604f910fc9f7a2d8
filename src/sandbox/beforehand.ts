/** Machines that are rented on the way to a sandbox, each for itself, such as those that fetch weights. Loads nothing. */

export interface Beforehand {
  /** Completes `2 machines ...`: `to fetch weights`. */
  readonly purpose: string;
  readonly count: number;
  /** US dollars per hour of each. */
  readonly usdPerHour: number;
  /** The limit of each that the engine enforces. */
  readonly limitS: number;
}

export const beforehandWords = ({
  count,
  purpose,
}: Pick<Beforehand, 'count' | 'purpose'>): string =>
  `${count} ${count === 1 ? 'machine' : 'machines'} ${purpose}`;

/** What all of them cost at the most, in US dollars. */
export const beforehandCeilingUsd = (before: Beforehand | undefined): number =>
  before === undefined ? 0 : (before.count * before.usdPerHour * before.limitS) / 3600;
