/** Compares what models need with what a GPU has, before anything is paid. Pure. */
import { GloveboxError } from '#core/errors.ts';
import { renderBytes } from '#core/units.ts';
import { DEFAULT_MEMORY_MIB, findGpu, GPU_KINDS } from '../hardware.ts';
import { HEADROOM } from '#sandbox/models/weight-bytes.ts';
import type { ModalOptions } from '../options.ts';

const MIB = 1024 * 1024;
/** @throws `config/invalid` with the numbers and the smallest hardware that fits. */
export function checkMemory(
  neededBytes: number,
  options: Pick<ModalOptions, 'gpu_count' | 'memory_mib' | 'memory_limit_mib'>,
  gpu: string | undefined,
): void {
  const needed = neededBytes * HEADROOM;
  const words = `The models need ${renderBytes(needed)} (${renderBytes(neededBytes)} of weights and a fifth more)`;
  if (gpu === undefined) {
    const memoryMiB = options.memory_limit_mib ?? options.memory_mib ?? DEFAULT_MEMORY_MIB;
    if (needed <= memoryMiB * MIB) return;
    throw new GloveboxError(
      'config/invalid',
      `${words}, and the sandbox has ${renderBytes(memoryMiB * MIB)} of memory.`,
      { hint: `Set memory_mib to at least ${Math.ceil(needed / MIB)}, or ask for a GPU.` },
    );
  }
  const memoryMiB = findGpu(gpu)?.memoryMiB;
  if (memoryMiB === undefined || needed <= memoryMiB * MIB * options.gpu_count) return;
  throw new GloveboxError(
    'config/invalid',
    `${words}, and ${options.gpu_count} x ${gpu} has ${renderBytes(memoryMiB * MIB * options.gpu_count)}.`,
    { hint: `${smallestFor(needed)}. Or set dtype or quantization of the model.` },
  );
}

function smallestFor(needed: number): string {
  const fitting = [1, 2, 4, 8].flatMap((count) =>
    GPU_KINDS.filter(
      ({ memoryMiB = 0, maxCount = 8 }) => count <= maxCount && memoryMiB * MIB * count >= needed,
    ).map(({ name, usdPerHour = Number.POSITIVE_INFINITY }) => ({
      name,
      count,
      usdPerHour: usdPerHour * count,
    })),
  );
  const [best] = fitting.toSorted((a, b) => a.count - b.count || a.usdPerHour - b.usdPerHour);
  return best === undefined
    ? 'No machine of Modal is large enough'
    : `The smallest that fits: gpu="${best.name}", gpu_count=${best.count}`;
}
