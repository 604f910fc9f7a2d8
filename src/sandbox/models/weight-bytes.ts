/** How much memory the weights of a model need. Pure. */
import type { HubModel } from './hub.ts';
import type { ModelOption } from './options.ts';

/** Activations, the cache of a generation, and what the runtime needs. */
export const HEADROOM = 1.2;

const BYTES_BY_TYPE: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};
const BYTES_BY_DTYPE = { float32: 4, float16: 2, bfloat16: 2 } as const;
const BYTES_BY_QUANTIZATION = { '8bit': 1, '4bit': 0.5 } as const;

/** What the weights need in memory; undefined when the Hub tells neither parameters nor sizes. */
export function weightBytes(
  model: Pick<ModelOption, 'dtype' | 'quantization'>,
  { parameters, files }: HubModel,
): number | undefined {
  const counts = Object.entries(parameters);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) {
    const weights = files.filter(({ name }) => /\.(safetensors|bin)$/.test(name));
    const stored = weights.reduce((sum, { size }) => sum + size, 0);
    return stored === 0 ? undefined : stored;
  }
  if (model.quantization !== undefined) return total * BYTES_BY_QUANTIZATION[model.quantization];
  if (model.dtype !== 'auto') return total * BYTES_BY_DTYPE[model.dtype];
  return counts.reduce((sum, [type, count]) => sum + count * (BYTES_BY_TYPE[type] ?? 4), 0);
}
