/** What a caller may say about one model. */
import * as z from 'zod';
import { identifier, modelFields } from '#sandbox/model-fields.ts';

const repository = z
  .string()
  .regex(/^[\w.-]+(\/[\w.-]+)?$/, 'must be a repository of the Hub such as google/gemma-2-9b-it');
const revision = z.string().regex(/^[\w./-]+$/);

export const modelOption = z
  .strictObject({
    ...modelFields,
    id: repository.optional().describe('Repository at the Hub.'),
    id_ref: z
      .string()
      .regex(/^(env|file):.+$/)
      .optional()
      .describe('Where the id stands, as env:NAME or file:path, so that nobody reads it here.'),
    revision: revision.default('main').describe('Branch, tag or commit. Default: main.'),
    hidden: z.boolean().default(false).describe('Nothing in the sandbox says which model it is.'),
    peft: z
      .discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('adapter'),
          base: repository,
          base_revision: revision.default('main'),
        }),
        z.strictObject({ kind: z.literal('empty'), adapter_name: identifier.default('default') }),
      ])
      .optional()
      .describe('The id is an adapter on this base; or wrap the model in an untrained adapter.'),
    extra_adapters: z
      .array(
        z.strictObject({ id: repository, revision: revision.default('main'), name: identifier }),
      )
      .default([])
      .describe('Further adapters on the same base.'),
    trust_remote_code: z.boolean().default(false).describe('Needs a commit as revision.'),
    files: z
      .array(z.string().min(1))
      .optional()
      .describe('Patterns of files to fetch. Default: safetensors, configs, tokenizer.'),
  })
  .superRefine((model, context) => {
    if ((model.id === undefined) === (model.id_ref === undefined))
      context.addIssue({ code: 'custom', path: ['id'], message: 'needs either id or id_ref' });
    if (model.trust_remote_code && !/^[0-9a-f]{40}$/.test(model.revision))
      context.addIssue({
        code: 'custom',
        path: ['revision'],
        message: 'must be a commit with trust_remote_code',
      });
  });
export type ModelOption = z.output<typeof modelOption>;
