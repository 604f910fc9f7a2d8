/** What Jobs can run on and what a minute costs, from the Hub; a dated table stands in for display when it does not answer. */
import * as z from 'zod';
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { listAnswer, optional, optionalNumber, optionalText } from '../lenient.ts';
import { askHub } from '../request.ts';

export interface Flavor {
  readonly name: string;
  /** `12 vCPU, 46 GB`; empty when it is not known. */
  readonly machine: string;
  readonly accelerator?: {
    readonly model: string;
    readonly count: number;
    /** Of all of them, in GB. */
    readonly memoryGb?: number;
  };
  /** Millionths of a US dollar; absent when the Hub says none that can be understood. */
  readonly microUsdPerMinute?: number;
}

export interface Hardware {
  readonly flavors: readonly Flavor[];
  /**
   * - `live`: from the Hub, at most six hours ago. Only these prices are good for a decision.
   * - `stale`: from the Hub, longer ago, because it does not answer now.
   * - `bundled`: the table below. For display.
   */
  readonly source: 'live' | 'stale' | 'bundled';
  /** How old the list is; of the bundled one, when it was read. */
  readonly age: { readonly ms: number } | { readonly date: string };
}

const CACHE_MS = 6 * 3_600_000;
const TIMEOUT_MS = 3000;

const numberInside = (text: string | undefined): number | undefined => {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) ? value : undefined;
};

const flavor = z
  .object({
    name: z.string(),
    cpu: optionalText,
    ram: optionalText,
    accelerator: optional(
      z.object({
        model: z.string(),
        quantity: z.union([z.string(), z.number()]).transform(String).catch('1'),
        vram: optionalText,
      }),
    ),
    unitCostMicroUSD: optionalNumber,
    unitLabel: optionalText,
  })
  .transform(({ name, cpu, ram, accelerator, unitCostMicroUSD: cost, unitLabel }): Flavor => {
    const memoryGb = numberInside(accelerator?.vram);
    const isPrice = unitLabel === 'minute' && cost !== undefined && cost >= 0;
    return {
      name,
      machine: [cpu, ram].filter((text) => text !== undefined).join(', '),
      ...(accelerator !== undefined && {
        accelerator: {
          model: accelerator.model,
          count: numberInside(accelerator.quantity) ?? 1,
          ...(memoryGb !== undefined && { memoryGb }),
        },
      }),
      ...(isPrice && { microUsdPerMinute: cost }),
    };
  });

const answer = listAnswer(flavor);

/** Needs no token. Never fails but by `cancelled`. */
export async function listHardware(hub: HubContext, signal: AbortSignal): Promise<Hardware> {
  try {
    const { data, response } = await askHub(
      hub,
      {
        path: '/api/jobs/hardware',
        schema: answer,
        what: 'the hardware of Jobs',
        credentials: 'none',
        timeoutMs: TIMEOUT_MS,
        cacheMs: CACHE_MS,
        mayBeStale: true,
      },
      signal,
    );
    const { state, ageMs } = response.cache;
    if (data.length > 0)
      return { flavors: data, source: state === 'stale' ? 'stale' : 'live', age: { ms: ageMs } };
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
  }
  return { flavors: BUNDLED, source: 'bundled', age: { date: BUNDLED_DATE } };
}

/** Prices per hour as they were published. */
const BUNDLED_DATE = '2026-06';
const HOURLY_USD =
  'cpu-basic 0.01, cpu-upgrade 0.03, cpu-xl 1.00, cpu-performance 1.90, t4-small 0.40, t4-medium 0.60, l4x1 0.80, l4x4 3.80, l40sx1 1.80, l40sx4 8.30, l40sx8 23.50, a10g-small 1.00, a10g-large 1.50, a10g-largex2 3.00, a10g-largex4 5.00, a100-large 2.50, a100x4 10, a100x8 20, h200 5, h200x2 10, h200x4 20, h200x8 40, rtx-pro-6000 2.75, rtx-pro-6000x2 5.50, rtx-pro-6000x4 11, rtx-pro-6000x8 22';
const BUNDLED: readonly Flavor[] = HOURLY_USD.split(', ').map((row) => {
  const [name = '', usd = ''] = row.split(' ');
  return { name, machine: '', microUsdPerMinute: Math.round((Number(usd) * 1_000_000) / 60) };
});
