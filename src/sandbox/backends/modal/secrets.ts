/** Sorts secrets by who may see them, and finds those that are missing before anything is rented. */
import type { Environment } from '#platform/environment.ts';
import { secretsByScope } from '#sandbox/kernel-variables.ts';
import { scopesOf } from '#sandbox/secret-scopes.ts';
import { variablesIn } from './header-secrets.ts';
import type { ModalOptions } from './options.ts';
import type { ModalSdk } from './sdk.ts';

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
  { secrets, header_secrets: headerSecrets }: Pick<ModalOptions, 'secrets' | 'header_secrets'>,
  variables: Environment,
  sdk: Pick<ModalSdk, 'checkSecret'>,
  signal: AbortSignal,
): Promise<SortedSecrets> {
  const own = secrets.flatMap(({ env, ...rest }) => (env === undefined ? [] : [{ env, ...rest }]));
  const { build, download, setup, kernel } = secretsByScope(own, variables);
  const named: { name: string; keys: readonly string[] }[] = [];
  const kernelNames = Object.keys(kernel);
  for (const secret of secrets) {
    const { provider: name, keys } = secret;
    if (name === undefined) continue;
    await sdk.checkSecret(name, keys, signal);
    const scopes = scopesOf(secret);
    if (scopes.includes('setup') || scopes.includes('kernel')) named.push({ name, keys });
    if (scopes.includes('kernel')) kernelNames.push(...keys);
  }
  for (const { secret, headers } of headerSecrets)
    await sdk.checkSecret(secret, variablesIn(headers), signal);
  return { build, download, values: { ...setup, ...kernel }, named, kernelNames };
}
