/** What a sandbox was asked for, as others may read it: no values of variables, no identity of a hidden model. */
import { isRecord, type JsonObject, type JsonValue } from '#core/json.ts';

const HIDDEN = '<hidden>';

/** Of a hidden model stays what its kernel shows anyway: the names of its variables, and how it is loaded. */
const SHOWN_OF_HIDDEN = [
  'var_name',
  'tokenizer_var',
  'dtype',
  'device_map',
  'quantization',
  'preload',
];

export function publicConfig(options: JsonObject): JsonObject {
  const { env, models } = options;
  return {
    ...options,
    // People put passwords there.
    ...(isRecord(env) && { env: Object.keys(env) }),
    ...(Array.isArray(models) && { models: models.map(publicModel) }),
  };
}

function publicModel(model: JsonValue): JsonValue {
  if (!isJsonObject(model)) return model;
  // What stands in a file or a variable was put there to be seen by nobody here.
  if (model['hidden'] !== true && model['id_ref'] === undefined) return model;
  const shown = SHOWN_OF_HIDDEN.flatMap((name) => {
    const value = model[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { id: HIDDEN, ...Object.fromEntries(shown) };
}

const isJsonObject = (value: JsonValue): value is JsonObject => isRecord(value);
