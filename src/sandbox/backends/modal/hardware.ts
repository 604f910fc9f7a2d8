/** The GPUs that Modal rents, with memory and price: data, dated, and shown as an estimate. */

/** What the prices below are. Modal's API tells none, and not every one of them was read off its page. */
export const PRICE_SOURCE = 'estimate of June 2026; see https://modal.com/pricing';

export interface GpuKind {
  readonly name: string;
  /** Of one GPU; the smallest that the name can mean. Absent when it is not known. */
  readonly memoryMiB?: number;
  /** Of one GPU, without processor and memory of the machine; absent when it is not known. */
  readonly usdPerHour?: number;
  /** Default 8. */
  readonly maxCount?: number;
  readonly remark?: string;
}

const GIB = 1024;

/** https://modal.com/docs/guide/gpu; names as the service takes them. */
export const GPU_KINDS: readonly GpuKind[] = [
  { name: 'T4', memoryMiB: 16 * GIB, usdPerHour: 0.59 },
  { name: 'L4', memoryMiB: 24 * GIB, usdPerHour: 0.8 },
  { name: 'A10', memoryMiB: 24 * GIB, usdPerHour: 1.1, maxCount: 4 },
  { name: 'L40S', memoryMiB: 48 * GIB, usdPerHour: 1.95 },
  { name: 'A100', memoryMiB: 40 * GIB, usdPerHour: 2.1, remark: 'the one with 40 GB' },
  { name: 'A100-40GB', memoryMiB: 40 * GIB, usdPerHour: 2.1 },
  { name: 'A100-80GB', memoryMiB: 80 * GIB, usdPerHour: 2.5 },
  { name: 'RTX-PRO-6000', memoryMiB: 96 * GIB, usdPerHour: 3.03 },
  {
    name: 'H100',
    memoryMiB: 80 * GIB,
    usdPerHour: 3.95,
    remark: 'may be an H200 at the same price',
  },
  { name: 'H100!', memoryMiB: 80 * GIB, usdPerHour: 3.95, remark: 'never another one' },
  { name: 'H200', memoryMiB: 141 * GIB, usdPerHour: 4.54 },
  { name: 'B200', memoryMiB: 180 * GIB, usdPerHour: 6.25 },
  { name: 'B200+', memoryMiB: 180 * GIB, remark: 'a B200 or better' },
];

/** The name it had before. */
const OLD_NAMES: ReadonlyMap<string, string> = new Map([['A10G', 'A10']]);

export const MAX_GPUS = 8;

/** Per physical core and per GiB of memory, in a sandbox; functions cost less. */
export const CORE_USD_PER_HOUR = 0.1419;
export const GIB_USD_PER_HOUR = 0.0242;

/** What is asked for when nobody says it. */
export const DEFAULT_CORES = 2;
export const DEFAULT_MEMORY_MIB = 8 * GIB;

export function findGpu(name: string): GpuKind | undefined {
  const upper = name.toUpperCase();
  const current = OLD_NAMES.get(upper) ?? upper;
  return GPU_KINDS.find((kind) => kind.name === current);
}
