/** What a caller may say about one model, the same on every back end. */
import * as z from 'zod';
import { identifier, modelFields } from '#sandbox/model-fields.ts';
import { isFolder, REPOSITORY } from './names.ts';

const repository = z
  .string()
  .regex(REPOSITORY, 'must be a repository of the Hub such as google/gemma-2-9b-it');
const revision = z.string().regex(/^[\w./-]+$/);

function modelSchema(id: z.ZodType<string, string>, about: string) {
  return z
    .strictObject({
      ...modelFields,
      id: id.optional().describe(about),
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
      const isPinned = /^[0-9a-f]{40}$/.test(model.revision) || isFolder(model.id ?? '');
      if (model.trust_remote_code && !isPinned)
        context.addIssue({
          code: 'custom',
          path: ['revision'],
          message: 'must be a commit with trust_remote_code',
        });
    });
}

/** Where the sandbox sees nothing of the user's: models come from the Hub. */
export const modelOption = modelSchema(repository, 'Repository at the Hub.');
export type ModelOption = z.output<typeof modelOption>;

/** Where kernels run as the user, on a disk of the user's: folders are models too, and nothing can be hidden. */
export const ownModelOption = modelSchema(
  z
    .string()
    .refine(
      (id) => isFolder(id) || REPOSITORY.test(id),
      'must be a folder such as ./models/mine, or a repository of the Hub such as google/gemma-2-2b-it',
    ),
  'A folder with weights, beginning with /, ./ or ~/ (relative ones count from the project), or a repository of the Hub, whose weights are fetched once.',
).refine(({ hidden }) => !hidden, {
  path: ['hidden'],
  message: 'cannot be kept here, where kernels read what is yours: use modal',
});
