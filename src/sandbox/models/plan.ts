/** Plans the models of a sandbox before anything is rented: commits, files, volumes, places, and what kernels are told. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { JsonObject } from '#core/json.ts';
import type { Environment } from '#platform/environment.ts';
import { kernelFields, pathVariable } from '#sandbox/model-fields.ts';
import { createHash } from 'node:crypto';
import { chooseFiles } from './files.ts';
import { readModel, type HubAccess, type HubFile } from './hub.ts';
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
  readonly signal: AbortSignal;
}

const HIDDEN = '<hidden>';
const MAX_VOLUME_NAME = 63;

/** @throws what `readModel` does; `config/invalid` for names that fall together. */
export async function planModels(
  models: readonly ModelOption[],
  context: PlanContext,
): Promise<ModelsPlan> {
  const weights = new Map<string, WeightsPlan>();
  const paths: Record<string, string> = {};
  const kernel: JsonObject[] = [];
  let loadedBytes = 0;
  const setPath = (name: string, place: string): void => {
    const variable = pathVariable(name);
    if ((paths[variable] ?? place) !== place)
      throw new GloveboxError('config/invalid', `Two models share the variable ${variable}.`, {
        hint: 'Give one of them another var_name.',
      });
    paths[variable] = place;
  };
  for (const model of models) {
    const one = new OneModel(model, context, weights);
    const main = await one.add(await idOf(model, context), model.revision);
    const { peft } = model;
    const base =
      peft?.kind === 'adapter' ? await one.add(peft.base, peft.base_revision) : undefined;
    const adapters: JsonObject[] = [];
    for (const { id, revision, name } of model.extra_adapters) {
      const added = await one.add(id, revision);
      adapters.push({ name, path: placeOf(added.plan) });
      if (!model.hidden) setPath(id, placeOf(added.plan));
    }
    setPath(model.var_name, placeOf(main.plan));
    for (const added of [main, base])
      if (added !== undefined && !model.hidden) setPath(added.plan.repository, placeOf(added.plan));
    const body = base ?? main;
    if (model.preload) loadedBytes += weightBytes(model, body.info) ?? 0;
    kernel.push({
      ...kernelFields(model),
      id: model.hidden ? HIDDEN : main.plan.repository,
      revision: model.hidden ? HIDDEN : main.plan.commit,
      is_hidden: model.hidden,
      path: placeOf(main.plan),
      ...(base !== undefined && { base_path: placeOf(base.plan) }),
      ...(peft?.kind === 'empty' && { empty_adapter: peft.adapter_name }),
      adapters,
      trust_remote_code: model.trust_remote_code,
    });
  }
  return { weights: [...weights.values()], paths, kernel, loadedBytes };
}

export const placeOf = ({ mount, folder }: WeightsPlan): string => `${mount}/${folder}`;

class OneModel {
  readonly #model: ModelOption;
  readonly #context: PlanContext;
  readonly #weights: Map<string, WeightsPlan>;

  constructor(model: ModelOption, context: PlanContext, weights: Map<string, WeightsPlan>) {
    this.#model = model;
    this.#context = context;
    this.#weights = weights;
  }

  async add(repository: string, revision: string) {
    const { hidden: isHidden, var_name: name, files, trust_remote_code: withCode } = this.#model;
    const { access, signal, modelsDir, secret } = this.#context;
    const label = isHidden ? `the model of ${name}` : repository;
    const info = await readModel({ id: repository, revision, label }, access, signal);
    const key = `${repository}@${info.commit}`;
    const known = this.#weights.get(key);
    if (known !== undefined) return { info, plan: known };
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
    return { info, plan };
  }
}

/** One volume per repository, with a name that Modal accepts. */
export function volumeName(repository: string): string {
  const name = `gbx-model--${repository.replace('/', '--')}`;
  if (name.length <= MAX_VOLUME_NAME) return name;
  const hash = createHash('sha256').update(repository).digest('hex').slice(0, 8);
  return `${name.slice(0, 45)}--${hash}`;
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
  if (/^[\w.-]+(\/[\w.-]+)?$/.test(text)) return text;
  throw new GloveboxError('config/invalid', `${reference} holds no id of a model.`, {
    hint: 'It must hold one repository of the Hub and nothing else.',
  });
}
