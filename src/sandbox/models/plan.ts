/** Plans the models of a sandbox before anything is rented: commits, files, volumes, places, and what kernels are told. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Environment } from '#platform/environment.ts';
import { kernelFields, pathVariable } from '#sandbox/model-fields.ts';
import { chooseFiles } from './files.ts';
import { readModel, type HubAccess, type HubFile, type HubModel } from './hub.ts';
import { isFolder, REPOSITORY } from './names.ts';
import { volumeName } from './volume-name.ts';
import { weightBytes } from './weight-bytes.ts';
import type { ModelOption } from './options.ts';

/** One repository at one commit, on a volume of its own. */
export interface WeightsPlan {
  readonly repository: string;
  readonly commit: string;
  /** What to call it where nobody may know which one it is. */
  readonly label: string;
  readonly isHidden: boolean;
  readonly volume: string;
  /** Where the volume is mounted. */
  readonly mount: string;
  /** The folder of the commit in the volume. */
  readonly folder: string;
  readonly files: readonly HubFile[];
  readonly totalBytes: number;
}

export interface ModelsPlan {
  readonly weights: readonly WeightsPlan[];
  /** Variables of kernels: `MODEL_<NAME>_PATH`. */
  readonly paths: Readonly<Record<string, string>>;
  /** For `python/glovebox_models.py`; without identities of hidden models. */
  readonly kernel: readonly JsonObject[];
  /** Of what is loaded into the kernel; what nobody knows counts as nothing. */
  readonly loadedBytes: number;
}

export interface PlanContext {
  readonly access: HubAccess;
  /** Folder of models inside. */
  readonly modelsDir: string;
  readonly projectDir: string;
  readonly variables: Environment;
  /** Of the account; makes names that tell nothing. */
  readonly secret: string;
  /** Whether weights are marked when they are whole (M21), as ours are. What the Hub itself mounts has no marks. */
  readonly isMarked: boolean;
  /** Where folders can be models; absent where options do not take them. */
  readonly folders?: ModelFolders;
  /** Where the user's own copy of a repository is, for when the Hub cannot be asked. */
  readonly cached?: (repository: string, revision: string) => Promise<string | undefined>;
  readonly signal: AbortSignal;
}

export interface ModelFolders {
  /** The folder that such an id means: `./mine` counts from the project. */
  resolve(id: string): string;
  /** @throws `path/not-found` where no model is. */
  check(folder: string, id: string): Promise<void>;
}

const HIDDEN = '<hidden>';

/** @throws what `readModel` does; `config/invalid` for names that fall together. */
export async function planModels(
  models: readonly ModelOption[],
  context: PlanContext,
): Promise<ModelsPlan> {
  const weights = new Map<string, WeightsPlan>();
  const variables = new Map<string, string>();
  const paths: Record<string, string> = {};
  const kernel: JsonObject[] = [];
  let loadedBytes = 0;
  const setPath = (name: string, place: string): void => {
    const variable = pathVariable(name);
    if ((paths[variable] ?? place) !== place) throw clash(`the variable ${variable}`);
    paths[variable] = place;
  };
  for (const model of models) {
    const fields = kernelFields(model);
    for (const name of [fields['var'], fields['tokenizer_var']].map(String)) {
      if (variables.has(name)) throw clash(`the variable ${name}`);
      variables.set(name, model.var_name);
    }
    const one = new OneModel(model, context, weights);
    const main = await one.add(await idOf(model, context), model.revision);
    const { peft } = model;
    const base =
      peft?.kind === 'adapter' ? await one.add(peft.base, peft.base_revision) : undefined;
    const adapters: JsonObject[] = [];
    for (const { id, revision, name } of model.extra_adapters) {
      const added = await one.add(id, revision);
      adapters.push({ name, path: added.place });
      if (!model.hidden) setPath(id, added.place);
    }
    setPath(model.var_name, main.place);
    for (const added of [main, base])
      if (added !== undefined && !model.hidden) setPath(added.name, added.place);
    const body = base ?? main;
    if (model.preload && body.info !== undefined) loadedBytes += weightBytes(model, body.info) ?? 0;
    kernel.push({
      ...fields,
      id: model.hidden ? HIDDEN : main.id,
      revision: model.hidden ? HIDDEN : (main.info?.commit ?? ''),
      is_hidden: model.hidden,
      is_marked: context.isMarked && body.info !== undefined,
      path: main.place,
      ...(base !== undefined && { base_path: base.place }),
      ...(peft?.kind === 'empty' && { empty_adapter: peft.adapter_name }),
      adapters,
      trust_remote_code: model.trust_remote_code,
    });
  }
  return { weights: [...weights.values()], paths, kernel, loadedBytes };
}

const clash = (what: string): GloveboxError =>
  new GloveboxError('config/invalid', `Two models share ${what}.`, {
    hint: 'Give one of them another var_name.',
  });

export const placeOf = ({ mount, folder }: WeightsPlan): string => `${mount}/${folder}`;

/** A repository or a folder that a model needs. */
interface Part {
  readonly id: string;
  /** Its path variable is made from it. */
  readonly name: string;
  readonly place: string;
  /** Absent of a folder: the Hub knows nothing of it. */
  readonly info?: HubModel;
}

class OneModel {
  readonly #model: ModelOption;
  readonly #context: PlanContext;
  readonly #weights: Map<string, WeightsPlan>;

  constructor(model: ModelOption, context: PlanContext, weights: Map<string, WeightsPlan>) {
    this.#model = model;
    this.#context = context;
    this.#weights = weights;
  }

  async add(id: string, revision: string): Promise<Part> {
    const { folders } = this.#context;
    if (folders === undefined || !isFolder(id)) return this.#addRepository(id, revision);
    const place = folders.resolve(id);
    await folders.check(place, id);
    return { id, name: path.posix.basename(place), place };
  }

  async #addRepository(repository: string, revision: string): Promise<Part> {
    const { hidden: isHidden, var_name: name, files, trust_remote_code: withCode } = this.#model;
    const { modelsDir, secret } = this.#context;
    const label = isHidden ? `the model of ${name}` : repository;
    const info = await this.#ask(repository, revision, label);
    if (typeof info === 'string') return { id: repository, name: repository, place: info };
    const key = `${repository}@${info.commit}`;
    const part = (plan: WeightsPlan): Part => ({
      id: repository,
      name: repository,
      place: placeOf(plan),
      info,
    });
    const known = this.#weights.get(key);
    if (known !== undefined) return part(known);
    const chosen = chooseFiles(info.files, { patterns: files, withCode });
    const plan: WeightsPlan = {
      repository,
      commit: info.commit,
      label,
      isHidden,
      volume: isHidden ? `gbx-model-${hmac(secret, repository)}` : volumeName(repository),
      mount: `${modelsDir}/${isHidden ? `m${this.#weights.size}` : repository.replace('/', '--')}`,
      // A commit names its model as surely as the id does.
      folder: isHidden ? hmac(secret, info.commit) : info.commit,
      files: chosen,
      totalBytes: chosen.reduce((sum, { size }) => sum + size, 0),
    };
    this.#weights.set(key, plan);
    return part(plan);
  }

  /** What the Hub says, or the folder of a copy where it cannot be asked. */
  async #ask(id: string, revision: string, label: string): Promise<HubModel | string> {
    const { access, signal, cached } = this.#context;
    try {
      return await readModel({ id, revision, label }, access, signal);
    } catch (error) {
      const isAway = isGloveboxError(error, 'http/failed') || isGloveboxError(error, 'timeout');
      const copy = isAway ? await cached?.(id, revision) : undefined;
      if (copy === undefined) throw error;
      return copy;
    }
  }
}

const hmac = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(`glovebox:model:${text}`).digest('hex').slice(0, 16);

/** The id, read on the user's side where it was given by reference, so that who wrote the options never sees it. */
async function idOf(
  { id, id_ref: reference }: ModelOption,
  { variables, projectDir }: PlanContext,
): Promise<string> {
  if (id !== undefined) return id;
  const [kind, ...rest] = (reference ?? '').split(':');
  const place = rest.join(':');
  const found =
    kind === 'env'
      ? variables[place]
      : await readFile(path.resolve(projectDir, place), 'utf8').catch((error: unknown) => {
          throw new GloveboxError(
            'config/invalid',
            `${reference} cannot be read: ${messageOf(error)}`,
          );
        });
  const text = found?.trim() ?? '';
  if (REPOSITORY.test(text)) return text;
  throw new GloveboxError('config/invalid', `${reference} holds no id of a model.`, {
    hint: 'It must hold one repository of the Hub and nothing else.',
  });
}
