/** What the Modal back end is told, from the configuration. */
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import type { ModalSettings } from '../sandbox/backends/modal/settings.ts';
import { variablesForSecrets } from './own-tokens.ts';
import { locatePythonFiles } from './python-files.ts';

/** @throws `config/invalid` for a bad value. */
export function modalSettings(config: Config, environment: Environment): ModalSettings {
  const hubToken = config.get('hub.token')?.reveal();
  const id = config.get('modal.token_id')?.reveal();
  const secret = config.get('modal.token_secret')?.reveal();
  return {
    dir: config.get('dir'),
    pythonDir: locatePythonFiles(),
    appName: config.get('modal.app'),
    environment: config.get('modal.environment'),
    prices: config.get('modal.prices') ?? [],
    root: config.get('modal.root'),
    ...(id !== undefined && secret !== undefined && { token: { id, secret } }),
    variables: variablesForSecrets(config, environment),
    hubUrl: config.get('hub.endpoint'),
    hubToken,
  };
}
