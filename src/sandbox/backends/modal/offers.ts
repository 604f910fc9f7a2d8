/** What Modal rents, with prices of a dated table. */
import type { Offer } from '#sandbox/backend.ts';
import { priceOf } from './cost.ts';
import { DEFAULT_CORES, DEFAULT_MEMORY_MIB, GPU_KINDS, PRICE_SOURCE } from './hardware.ts';

export function modalOffers(): readonly Offer[] {
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
    const { usdPerHour } = priceOf(machine, gpu);
    return usdPerHour === undefined
      ? {}
      : { usdPerHour: Math.round(usdPerHour * 100) / 100, priceSource: PRICE_SOURCE };
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
