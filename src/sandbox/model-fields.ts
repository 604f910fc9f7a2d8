/** What a caller may say about a model on every back end: names of variables, and how it is loaded. */
import * as z from 'zod';
import type { JsonObject } from '#core/json.ts';

const KEYWORDS = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield'.split(
    ' ',
  ),
);

export const identifier = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a Python identifier')
  .refine((name) => !KEYWORDS.has(name), 'is a keyword of Python');

export const modelFields = {
  var_name: identifier.default('model').describe('Variable of the kernel. Default: model.'),
  tokenizer_var: identifier.optional().describe('Default: tokenizer, or NAME_tokenizer.'),
  task: z
    .enum(['auto', 'causal-lm', 'seq2seq', 'image-text', 'encoder'])
    .default('auto')
    .describe('Picks the class. Default: from the config file.'),
  dtype: z.enum(['auto', 'float32', 'float16', 'bfloat16']).default('auto'),
  device_map: z.string().default('auto'),
  quantization: z.enum(['8bit', '4bit']).optional(),
  attention: z.string().optional().describe('Implementation of attention.'),
  preload: z.boolean().default(true).describe('Load it into the kernel. Default: true.'),
  padding_side: z.enum(['left', 'right']).default('left'),
} as const;

const fields = z.object(modelFields);
export type ModelFields = z.output<typeof fields>;

/** The part of what `python/glovebox_models.py` is told that is the same everywhere. */
export function kernelFields(model: ModelFields): JsonObject {
  const { var_name: name, tokenizer_var: given } = model;
  return {
    var: name,
    tokenizer_var: given ?? (name === 'model' ? 'tokenizer' : `${name}_tokenizer`),
    task: model.task,
    dtype: model.dtype,
    device_map: model.device_map,
    quantization: model.quantization ?? null,
    attention: model.attention ?? null,
    padding_side: model.padding_side,
    preload: model.preload,
  };
}

/** `MODEL_<NAME>_PATH`: what tells a kernel where the weights of a model lie, by its id or its variable. */
export const pathVariable = (name: string): string =>
  `MODEL_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_PATH`;
