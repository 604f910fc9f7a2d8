/** What the Modal back end is told, from the configuration. */
import type { Config } from '#config/config.ts';
import { variable, type Environment } from '#config/environment.ts';
import type { ModalSettings } from '../sandbox/backends/modal/settings.ts';
import { locatePythonFiles } from './python-files.ts';

const HUB = 'https://huggingface.co';

/** @throws `config/invalid` for a bad value. */
export function modalSettings(config: Config, environment: Environment): ModalSettings {
  return {
    dir: config.get('dir'),
    pythonDir: locatePythonFiles(),
    appName: config.get('modal.app'),
    environment: config.get('modal.environment'),
    root: config.get('modal.root'),
    variables: environment,
    hubUrl: (variable(environment, 'HF_ENDPOINT') ?? HUB).replace(/\/+$/, ''),
    hubToken: variable(environment, 'HF_TOKEN'),
  };
}
