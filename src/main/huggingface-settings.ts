/** What the Hugging Face back end is told, from the configuration. */
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import type { HuggingfaceSettings } from '../sandbox/backends/huggingface/settings.ts';
import { variablesForSecrets } from './own-tokens.ts';
import { locatePythonFiles } from './python-files.ts';

/** @throws `config/invalid` for a bad value. */
export function huggingfaceSettings(config: Config, environment: Environment): HuggingfaceSettings {
  return {
    dir: config.get('dir'),
    pythonDir: locatePythonFiles(),
    namespace: config.get('jobs.namespace'),
    isWanted: config.get('backend') === 'huggingface' || config.get('jobs.namespace') !== undefined,
    root: config.get('jobs.root'),
    variables: variablesForSecrets(config, environment),
    hubUrl: config.get('hub.endpoint').replace(/\/+$/, ''),
    proxyToken: config.get('jobs.proxy_token')?.reveal(),
  };
}
