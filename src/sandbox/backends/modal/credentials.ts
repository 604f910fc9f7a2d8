/** Tells whether somebody here has a Modal account, without the SDK and without asking Modal. */
import path from 'node:path';
import { pathExists } from '#platform/files.ts';
import type { ModalSettings } from './settings.ts';

/** In settings or variables, or as "modal token new" leaves them. */
export async function hasCredentials({ token, variables }: ModalSettings): Promise<boolean> {
  if (token !== undefined) return true;
  const { MODAL_TOKEN_ID: id, MODAL_CONFIG_PATH: config, HOME: home = '' } = variables;
  return (id !== undefined && id !== '') || pathExists(config ?? path.join(home, '.modal.toml'));
}
