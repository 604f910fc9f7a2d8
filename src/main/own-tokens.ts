/** The user's own tokens for the Hub and for GitHub, wherever the user has put them: as sandboxes ask for them, and as git needs them. */
import type { Config } from '#config/config.ts';
import { variable, type Environment } from '#config/environment.ts';
import { gitTokensOf, type GitTokens } from '#sandbox/git-access.ts';

/**
 * Variables for the secrets of sandboxes. A sandbox asks for a token by the usual name.
 *
 * @throws `config/invalid` for a bad value.
 */
export function variablesForSecrets(config: Config, environment: Environment): Environment {
  const tokens = {
    HF_TOKEN: config.get('hub.token')?.reveal(),
    GITHUB_TOKEN: config.get('github.token')?.reveal(),
  };
  const unset = Object.entries(tokens).filter(
    ([name, value]) => value !== undefined && variable(environment, name) === undefined,
  );
  return { ...environment, ...Object.fromEntries(unset) };
}

/** For back ends that work on machines of the user's. @throws `config/invalid` for a bad value. */
export function gitTokensFrom(config: Config, environment: Environment): GitTokens {
  const named = variablesForSecrets(config, environment);
  const wanted = ['GITHUB_TOKEN', 'GH_TOKEN', 'HF_TOKEN'];
  return gitTokensOf(
    Object.fromEntries(wanted.map((name) => [name, variable(named, name)])),
    config.get('hub.endpoint'),
  );
}
