/** What a notebook says of the sandbox it runs in, for whoever reads it when the sandbox is long gone (L3, N5). */
import type { JsonObject } from '#core/json.ts';
import { VERSION } from '#core/version.ts';
import { publicConfig } from '#sandbox/public-config.ts';
import type { SandboxView } from '#sandbox/sandboxes.ts';
import type { LoadedModel } from './loaded-models.ts';

/** @param models those that are in the kernel, with the commits they came from */
export function sandboxMetadata(
  {
    id,
    name,
    backend,
    options,
    status,
  }: Pick<SandboxView, 'id' | 'name' | 'backend' | 'options' | 'status'>,
  models: readonly LoadedModel[] = [],
): JsonObject {
  return {
    id,
    name,
    backend,
    glovebox: VERSION,
    config: publicConfig(options),
    ...(status.host !== undefined && { host: status.host }),
    ...(models.length > 0 && { models: models.map((model) => modelWords(model)) }),
  };
}

const modelWords = ({ var_name, id, revision, dtype }: LoadedModel): JsonObject => ({
  var_name,
  id,
  revision,
  dtype,
});
