/** What a kernel tells of the models that were loaded into it. */
import * as z from 'zod';

export const loadedModel = z.object({
  var_name: z.string(),
  tokenizer_var: z.string(),
  id: z.string(),
  revision: z.string(),
  class: z.string(),
  device: z.string(),
  dtype: z.string(),
  parameters: z.number(),
  layers: z.number().nullable(),
  hidden_size: z.number().nullable(),
  vocab_size: z.number().nullable(),
  adapters: z.array(z.string()),
});
export type LoadedModel = Readonly<z.output<typeof loadedModel>>;

/** Those in the kernel process that is there now; none after a restart that loaded nothing. */
export function modelsIn(record: {
  readonly generation: number;
  readonly models?: { readonly generation: number; readonly loaded: readonly LoadedModel[] };
}): readonly LoadedModel[] {
  return record.models?.generation === record.generation ? record.models.loaded : [];
}
