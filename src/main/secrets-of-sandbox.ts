/** The values of the secrets that a sandbox was started with, for taking them out of what its kernels say. */
import type { Config } from '#config/config.ts';
import { variable, type Environment } from '#config/environment.ts';
import { isRecord, type JsonObject } from '#core/json.ts';
import { createKnownSecrets, formsOf, isUsableSecret } from '#policy/redaction/known-secrets.ts';
import { Tally } from '#policy/redaction/secret-classes.ts';
import type { SecretForms } from '#session/output-mask.ts';
import { variablesForSecrets } from './own-tokens.ts';

/** Undefined where there are none. What is stored at the provider is not known here. */
export function secretsOfSandbox(
  { secrets }: JsonObject,
  config: Config,
  environment: Environment,
): SecretForms | undefined {
  const names = (Array.isArray(secrets) ? secrets : []).flatMap((secret) => {
    const name = isRecord(secret) ? secret['env'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
  const variables = variablesForSecrets(config, environment);
  const values = names
    .map((name) => variable(variables, name))
    .flatMap((value) => (value !== undefined && isUsableSecret(value) ? [value] : []));
  if (values.length === 0) return undefined;
  const known = createKnownSecrets(values);
  return {
    forms: values.flatMap(formsOf),
    replace: (text) => known.replace(text, new Tally()),
  };
}
