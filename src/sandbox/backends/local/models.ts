/** Models on this machine: folders of the user's, or repositories of the Hub in the user's own cache, loaded into new kernels. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import { kernelFields, modelFields, pathVariable } from '#sandbox/model-fields.ts';

const FOLDER = /^(~|\.{1,2})?\//;
const REPOSITORY = /^[\w.-]+(\/[\w.-]+)?$/;
const place = z
  .string()
  .refine(
    (id) => FOLDER.test(id) || REPOSITORY.test(id),
    'must be a folder such as ./models/mine, or a repository of the Hub such as google/gemma-2-2b-it',
  );

export const localModel = z.strictObject({
  ...modelFields,
  id: place.describe(
    'A folder with weights, beginning with /, ./ or ~/ (relative ones count from the project), or a repository of the Hub, which the kernel fetches into your own cache.',
  ),
  revision: z
    .string()
    .regex(/^[\w./-]+$/)
    .default('main')
    .describe('Branch, tag or commit of a repository. Default: main.'),
});
export type LocalModel = z.output<typeof localModel>;

export interface LocalModels {
  /** For `python/glovebox_models.py`. */
  readonly specs: readonly JsonObject[];
  /** Variables of kernels. Those of repositories are set when their models are loaded. */
  readonly variables: Readonly<Record<string, string>>;
}

/** @throws `config/invalid` for names that fall together, `path/not-found` for a folder without a model. */
export async function planLocalModels(
  models: readonly LocalModel[],
  { projectDir, homeDir }: { readonly projectDir: string; readonly homeDir: string },
): Promise<LocalModels> {
  const variables: Record<string, string> = {};
  const specs: JsonObject[] = [];
  const names = new Set<string>();
  for (const model of models) {
    const fields = kernelFields(model);
    for (const name of [fields['var'], fields['tokenizer_var']].map(String)) {
      if (names.has(name)) throw clash(`the variable ${name}`);
      names.add(name);
    }
    const own = { ...fields, id: model.id, is_hidden: false, adapters: [] };
    const shared = { ...own, trust_remote_code: false, is_users: true };
    if (!FOLDER.test(model.id)) {
      const wanted = [model.id, model.var_name].map(pathVariable);
      const fetch = { repository: model.id, revision: model.revision, variables: wanted };
      specs.push({ ...shared, revision: model.revision, path: '', fetch });
      continue;
    }
    const folder = path.resolve(projectDir, model.id.replace(/^~(?=\/)/, homeDir));
    await checkFolder(folder, model.id);
    const base = pathVariable(path.basename(folder));
    if ((variables[base] ?? folder) !== folder) throw clash(base);
    variables[base] = folder;
    variables[pathVariable(model.var_name)] = folder;
    specs.push({ ...shared, revision: '', path: folder });
  }
  return { specs, variables };
}

async function checkFolder(folder: string, id: string): Promise<void> {
  const found = await stat(path.join(folder, 'config.json')).catch(() => undefined);
  if (found?.isFile() === true) return;
  throw new GloveboxError(
    'path/not-found',
    `There is no model in ${id}: no ${folder}/config.json.`,
    {
      hint: 'Name the folder that save_pretrained wrote, or a repository of the Hub.',
    },
  );
}

const clash = (what: string): GloveboxError =>
  new GloveboxError('config/invalid', `Two models share ${what}.`, {
    hint: 'Give one of them another var_name.',
  });
