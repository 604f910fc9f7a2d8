/** What the local back end is told, from the configuration. */
import type { Config } from '#config/config.ts';
import type { Environment } from '#config/environment.ts';
import type { LocalSettings } from '../sandbox/backends/local/settings.ts';
import { gitTokensFrom, variablesForSecrets } from './own-tokens.ts';
import { locatePythonFiles } from './python-files.ts';

const HOUR_MS = 3_600_000;

/** @throws `config/invalid` for a bad value. */
export function localSettings(config: Config, environment: Environment): LocalSettings {
  return {
    dir: config.get('dir'),
    pythonDir: locatePythonFiles(),
    environment,
    variables: variablesForSecrets(config, environment),
    python: config.get('python.interpreter'),
    packages: config.get('python.packages'),
    offline: config.get('offline'),
    portMin: config.get('local.port_min'),
    portMax: config.get('local.port_max'),
    bindIp: config.get('local.bind_ip'),
    idleMs: config.get('local.idle_h') * HOUR_MS,
    passEnvironment: config.get('kernel.env'),
    serverRootDir: config.get('server.root_dir'),
    modelsDir: config.get('models.dir'),
    hubUrl: config.get('hub.endpoint').replace(/\/+$/, ''),
    hubToken: config.get('hub.token')?.reveal(),
    gitTokens: gitTokensFrom(config, environment),
  };
}
