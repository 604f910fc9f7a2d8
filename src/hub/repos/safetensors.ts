/** Reads the header of a safetensors file: which tensors are in it, without fetching any. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { FilePart } from './read-range.ts';

/** The format allows more; no real file comes near. */
const MAX_HEADER_BYTES = 25 * 1024 * 1024;

const tensor = z.object({ dtype: z.string(), shape: z.array(z.number()) });

export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly parameters: number;
}

export interface SafetensorsHeader {
  readonly tensors: readonly Tensor[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** Parameters by type, most first. */
  readonly byType: readonly (readonly [dtype: string, parameters: number])[];
}

/** @throws GloveboxError `remote/failed` for what is no such file; what `read` throws. */
export async function readSafetensorsHeader(
  read: (start: number, end: number) => Promise<FilePart>,
): Promise<SafetensorsHeader> {
  const { bytes: length } = await read(0, 8);
  const size = length.length === 8 ? Number(length.readBigUInt64LE()) : 0;
  if (size < 2 || size > MAX_HEADER_BYTES) throw broken();
  const { bytes } = await read(8, 8 + size);
  let raw: unknown;
  try {
    raw = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw broken(error);
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(raw);
  if (!parsed.success) throw broken();
  const { __metadata__: metadata, ...rest } = parsed.data;
  const tensors = Object.entries(rest).flatMap(([name, value]): readonly Tensor[] => {
    const found = tensor.safeParse(value);
    if (!found.success) return [];
    const { dtype, shape } = found.data;
    return [{ name, dtype, shape, parameters: shape.reduce((product, each) => product * each, 1) }];
  });
  const sums = new Map<string, number>();
  for (const { dtype, parameters } of tensors) sums.set(dtype, (sums.get(dtype) ?? 0) + parameters);
  const known = z.record(z.string(), z.unknown()).safeParse(metadata);
  return {
    tensors,
    metadata: known.success ? known.data : {},
    parameters: tensors.reduce((sum, { parameters }) => sum + parameters, 0),
    byType: [...sums].toSorted((a, b) => b[1] - a[1]),
  };
}

const broken = (cause?: unknown): GloveboxError =>
  new GloveboxError('remote/failed', 'The file has no readable safetensors header.', { cause });
