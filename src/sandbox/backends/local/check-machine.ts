/** Refuses what this machine does not have before anything is started on it, and chooses the GPUs that kernels see. */
import { GloveboxError } from '#core/errors.ts';
import { childEnvironment, type Environment } from '#platform/environment.ts';
import { readHostResources, type GpuReading } from '#platform/host-resources.ts';
import type { LocalOptions } from './settings.ts';

type Wanted = Pick<LocalOptions, 'gpu' | 'gpu_count' | 'cpu' | 'memory_mib'>;

const MIB = 1024 * 1024;
const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/**
 * @returns variables of kernels that show them the chosen GPUs and no others; none where nobody asked for GPUs.
 * @throws `config/invalid` with everything that is missing.
 */
export async function checkMachine(
  wanted: Wanted,
  environment: Environment,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { gpu, cpu = 0, memory_mib: memoryMiB = 0, gpu_count: count = 1 } = wanted;
  if (gpu === undefined && cpu === 0 && memoryMiB === 0) return {};
  const env = childEnvironment(environment);
  const { cpus, memory, gpus } = await readHostResources({ folders: [], env, signal });
  const hasMiB = Math.floor(memory.limitBytes / MIB);
  const chosen = gpu === undefined ? [] : chooseGpus([gpu].flat(), count, gpus);
  const mistakes = [
    ...(cpu > cpus ? [`cpu: this machine has ${cpus}`] : []),
    ...(memoryMiB > hasMiB ? [`memory_mib: this machine has ${hasMiB}`] : []),
    ...(chosen === undefined ? [`gpu: this machine has ${namesOf(gpus)}`] : []),
  ];
  if (mistakes.length > 0)
    throw new GloveboxError(
      'config/invalid',
      `Options of the local back end: ${mistakes.join('; ')}.`,
      { hint: 'Ask for less, or choose another back end: sandbox_options lists their hardware.' },
    );
  return chosen === undefined || chosen.length === 0
    ? {}
    : { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: chosen.join(',') };
}

/** Their numbers; undefined where there are not so many of any name. Pure. */
export function chooseGpus(
  names: readonly string[],
  count: number,
  gpus: readonly Pick<GpuReading, 'index' | 'name' | 'usedBytes' | 'totalBytes'>[],
): readonly number[] | undefined {
  for (const name of names) {
    const fitting = gpus.filter((gpu) => name === 'gpu' || plain(gpu.name).includes(plain(name)));
    if (fitting.length < count) continue;
    const free = ({ usedBytes, totalBytes }: (typeof fitting)[number]): number =>
      totalBytes - usedBytes;
    return fitting
      .toSorted((a, b) => free(b) - free(a))
      .slice(0, count)
      .map(({ index }) => index)
      .toSorted((a, b) => a - b);
  }
  return undefined;
}

const namesOf = (gpus: readonly { readonly name: string }[]): string =>
  gpus.length === 0 ? 'no GPU' : gpus.map(({ name }) => name).join(', ');
