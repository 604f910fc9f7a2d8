/** What Modal rents, with what is known of prices. */
import type { Offer } from '#sandbox/backend.ts';
import { priceOf } from './cost.ts';
import { DEFAULT_CORES, DEFAULT_MEMORY_MIB, GPU_KINDS } from './hardware.ts';
import { sourceWords, type Rates } from './rates.ts';

export function modalOffers(rates: Rates): readonly Offer[] {
  const machine = {
    cpu: DEFAULT_CORES,
    cpu_limit: undefined,
    memory_mib: DEFAULT_MEMORY_MIB,
    memory_limit_mib: undefined,
    region: undefined,
    gpu_count: 1,
  };
  const sizes = { cpus: DEFAULT_CORES, memoryMiB: DEFAULT_MEMORY_MIB };
  const price = (gpu: string | undefined) => {
    const { usdPerHour, isSet } = priceOf(machine, gpu, rates);
    return usdPerHour === undefined
      ? {}
      : { usdPerHour: Math.round(usdPerHour * 100) / 100, priceSource: sourceWords(isSet) };
  };
  return [
    { name: 'cpu', description: 'no GPU (leave out gpu)', ...sizes, ...price(undefined) },
    ...GPU_KINDS.map(({ name, memoryMiB, maxCount = 8, remark }) => ({
      name,
      description: `gpu="${name}", up to ${maxCount} of them${remark === undefined ? '' : `; ${remark}`}`,
      ...sizes,
      gpus: [{ name, count: 1, ...(memoryMiB !== undefined && { memoryMiB }) }],
      ...price(name),
      availability: 'shown only by asking for one',
    })),
  ];
}
