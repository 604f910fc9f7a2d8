/** What Modal takes by the hour: as the user has set it down, else from a dated table, which is an estimate. Loads nothing: a hook reads it. */
import { CORE_USD_PER_HOUR, findGpu, GIB_USD_PER_HOUR, PRICE_SOURCE } from './hardware.ts';

export interface Rates {
  /** Of one physical core. */
  readonly core: Rate;
  /** Of one GiB of memory. */
  readonly gib: Rate;
  /** Of one GPU, without the machine around it; undefined when nobody knows. */
  gpu(name: string): Rate | undefined;
}

export interface Rate {
  readonly usdPerHour: number;
  /** The user says so. Modal's API tells no prices, so nobody else can. */
  readonly isSet: boolean;
}

/** `T4=0.59`; `core` and `gib` are those of the machine. */
const PRICE = /^[A-Za-z0-9!+-]{1,40}=\d{1,4}(?:\.\d{1,6})?$/;

/** @param prices each as `PRICE`; what is none is left out. */
export function ratesFrom(prices: readonly string[]): Rates {
  const set = new Map<string, Rate>();
  for (const price of prices) {
    if (!PRICE.test(price)) continue;
    const [name = '', usd = ''] = price.split('=');
    const key = findGpu(name)?.name ?? name.toUpperCase();
    set.set(key, { usdPerHour: Number(usd), isSet: true });
  }
  return {
    core: set.get('CORE') ?? estimated(CORE_USD_PER_HOUR),
    gib: set.get('GIB') ?? estimated(GIB_USD_PER_HOUR),
    gpu(name) {
      const kind = findGpu(name);
      const known = set.get(kind?.name ?? name.toUpperCase());
      if (known !== undefined || kind?.usdPerHour === undefined) return known;
      return estimated(kind.usdPerHour);
    },
  };
}

const estimated = (usdPerHour: number): Rate => ({ usdPerHour, isSet: false });

export const sourceWords = (isSet: boolean): string =>
  isSet ? 'your own settings (modal.prices)' : PRICE_SOURCE;
