/** What `python/transfer.py` answers. */
import * as z from 'zod';

export const lookAnswer = z.object({
  real: z.string(),
  is_folder: z.boolean(),
  files: z.array(z.object({ name: z.string(), size: z.number(), executable: z.boolean() })),
  folders: z.array(z.string()),
  left_out: z.array(z.string()),
});
export type Found = z.output<typeof lookAnswer>;
export const hashesAnswer = z.object({ sha256: z.array(z.string().nullable()) });
export const pieceAnswer = z.object({ data: z.string(), lengths: z.array(z.number()) });
export const beginAnswer = z.object({
  real: z.string(),
  stage: z.string(),
  needed: z.array(z.number()),
  taken: z.array(z.object({ index: z.number(), sha256: z.string() })),
});
