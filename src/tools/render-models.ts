/** How models that were loaded for an agent are shown. */
import { renderBytes } from '#core/units.ts';
import type { LoadedModel } from '#session/loaded-models.ts';
import type { Preloaded } from '#session/preload.ts';

export function preloadLines(preloaded: Preloaded): readonly string[] {
  if ('loading' in preloaded) {
    return [
      `models: still being loaded (run ${preloaded.loading.id}); cells wait for it, get_run(run_id="${preloaded.loading.id}") follows it`,
    ];
  }
  const { models, gpus } = preloaded.loaded;
  if (models.length === 0) return [];
  return [
    ...modelLines(models),
    ...gpus.map(
      ({ index, name, used_bytes, total_bytes }) =>
        `gpu ${index}: ${name}, ${renderBytes(used_bytes)} of ${renderBytes(total_bytes)} in use`,
    ),
    ...(gpus.length === 0 ? ['gpu: none, models run on the CPU'] : []),
    'toolkit: import glovebox_interp (steer, activations, generate, logit_lens, ablate_direction, adapter, sae_latents)',
  ];
}

export const modelLines = (models: readonly LoadedModel[]): readonly string[] =>
  models.length === 0
    ? []
    : ['models, loaded already: do not load them again', ...models.map(modelLine)];

function modelLine(model: LoadedModel): string {
  const { var_name: name, tokenizer_var: tokenizer, id, revision, adapters } = model;
  const size = `${(model.parameters / 1e6).toFixed(model.parameters < 1e7 ? 1 : 0)} M parameters`;
  const shape = model.layers === null ? [] : [`${model.layers} layers of ${model.hidden_size}`];
  const facts = [model.class, size, model.dtype, model.device, ...shape];
  const extras = adapters.length === 0 ? [] : [`adapters ${adapters.join(', ')}`];
  const commit = revision === '' ? '' : ` at ${revision.slice(0, 12)}`;
  return `  ${name}, ${tokenizer}: ${id}${commit} (${[...facts, ...extras].join(', ')})`;
}
