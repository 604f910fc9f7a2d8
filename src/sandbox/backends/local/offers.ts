/** Says what this machine has to offer: cores, memory and GPUs, for nothing. */
import { childEnvironment, type Environment } from '#platform/environment.ts';
import { readHostResources, type GpuReading } from '#platform/host-resources.ts';
import type { Offer } from '#sandbox/backend.ts';

const MIB = 1024 * 1024;

export async function localOffers(
  environment: Environment,
  signal: AbortSignal,
): Promise<readonly Offer[]> {
  const env = childEnvironment(environment);
  const { host, cpus, memory, gpus } = await readHostResources({ folders: [], env, signal });
  return [
    {
      name: 'this machine',
      description: `${host}, without isolation from your account`,
      cpus,
      memoryMiB: Math.floor(memory.limitBytes / MIB),
      usdPerHour: 0,
      priceSource: 'your own machine',
      ...(gpus.length > 0 && { gpus: countEqual(gpus) }),
    },
  ];
}

export function countEqual(
  gpus: readonly Pick<GpuReading, 'name' | 'totalBytes'>[],
): NonNullable<Offer['gpus']> {
  const found = new Map<string, { name: string; count: number; memoryMiB: number }>();
  for (const { name, totalBytes } of gpus) {
    const memoryMiB = Math.floor(totalBytes / MIB);
    const known = found.get(`${name} ${memoryMiB}`);
    if (known !== undefined) known.count += 1;
    else found.set(`${name} ${memoryMiB}`, { name, count: 1, memoryMiB });
  }
  return [...found.values()];
}
