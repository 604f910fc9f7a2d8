/** Sorts secrets by who may see them, and finds those that are missing before anything is rented. */
import { GloveboxError } from '#core/errors.ts';
import type { Environment } from '#platform/environment.ts';
import type { ModalOptions, SecretOption, SECRET_SCOPES } from './options.ts';
import type { ModalSdk } from './sdk.ts';

type Scope = (typeof SECRET_SCOPES)[number];

export interface SortedSecrets {
  /** For the layers of the image. */
  readonly build: Readonly<Record<string, string>>;
  /** For the sandbox that fetches weights. */
  readonly download: Readonly<Record<string, string>>;
  /** For the sandbox itself; kernels see only those of `kernelNames`. */
  readonly values: Readonly<Record<string, string>>;
  readonly named: readonly { readonly name: string; readonly keys: readonly string[] }[];
  readonly kernelNames: readonly string[];
}

/** @throws `config/invalid` naming a variable that is not set; `remote/not-found` naming a secret that Modal does not have. */
export async function secretsFor(
  options: Pick<ModalOptions, 'secrets'>,
  variables: Environment,
  sdk: Pick<ModalSdk, 'checkSecret'>,
  signal: AbortSignal,
): Promise<SortedSecrets> {
  const build: Record<string, string> = {};
  const download: Record<string, string> = {};
  const values: Record<string, string> = {};
  const named: { name: string; keys: readonly string[] }[] = [];
  const kernelNames: string[] = [];
  for (const secret of options.secrets) {
    const scopes = new Set(scopesOf(secret));
    const isInside = scopes.has('setup') || scopes.has('kernel');
    const { provider: name, keys, env } = secret;
    if (name !== undefined) {
      await sdk.checkSecret(name, keys, signal);
      if (isInside) named.push({ name, keys });
      if (scopes.has('kernel')) kernelNames.push(...keys);
      continue;
    }
    if (env === undefined) continue;
    const value = variables[env];
    if (value === undefined || value === '') throw missing(env);
    const inside = secret.as ?? env;
    if (scopes.has('build')) build[inside] = value;
    if (scopes.has('download')) download[inside] = value;
    if (isInside) values[inside] = value;
    if (scopes.has('kernel')) kernelNames.push(inside);
  }
  return { build, download, values, named, kernelNames };
}

/** A token of the Hub is needed to fetch weights, and has no business on a rented GPU. */
function scopesOf(secret: SecretOption): readonly Scope[] {
  if (secret.scope !== undefined) return secret.scope;
  return secret.env === 'HF_TOKEN' ? ['download'] : ['setup'];
}

function missing(name: string): GloveboxError {
  return new GloveboxError('config/invalid', `The secret ${name} is not set.`, {
    hint: `Set the variable ${name} where Glovebox runs, or leave it out of secrets.`,
  });
}
