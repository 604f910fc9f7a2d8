/** Options of back ends that run on machines which are there already: what means something else where a machine is made (G7). */
import path from 'node:path';
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';

export const gpuName = z.string().regex(/^[A-Za-z][\w.-]{0,63}$/, 'must be the name of a GPU');

export const ownMachineOptions = {
  python_version: z
    .enum(['3.9', '3.10', '3.11', '3.12', '3.13', '3.14'])
    .optional()
    .describe('Version that the Python of kernels has to have. Default: any.'),
  cache_volume: z
    .boolean()
    .optional()
    .describe(
      'true: what cells download from the Hub goes to a folder beside the weights, which all sandboxes share; false, the default: to your own cache, as outside of Glovebox.',
    ),
} as const;

/**
 * Variables of kernels for that folder; tokens stay where the user keeps them.
 *
 * @param usersHubHome where the user's own programs have it: `HF_HOME`, else `~/.cache/huggingface`.
 */
export const hubCacheVariables = (
  modelsDir: string,
  usersHubHome: string,
): Readonly<Record<string, string>> => ({
  HF_HOME: path.posix.join(modelsDir, 'hub-cache'),
  HF_TOKEN_PATH: path.posix.join(usersHubHome, 'token'),
  HF_STORED_TOKENS_PATH: path.posix.join(usersHubHome, 'stored_tokens'),
});

/** @throws `config/invalid` for a Python of another version than was asked for. */
export function checkPythonVersion(
  wanted: string | undefined,
  { version, where }: { readonly version: string; readonly where: string },
): void {
  if (wanted === undefined || version === wanted || version.startsWith(`${wanted}.`)) return;
  throw new GloveboxError(
    'config/invalid',
    `python_version is ${wanted}, and the Python of kernels is ${version} (${where}).`,
    {
      hint: `Name another one with the option python, or leave python_version out. On the local back end python="managed" makes an environment of Python ${wanted}.`,
    },
  );
}
