/** Loads the configuration from the environment, flags and files. */
import path from 'node:path';
import { readConfigFile } from './config-file.ts';
import type { Config, Flags } from './config.ts';
import { homeIn, type Environment } from './environment.ts';
import { LoadedConfig } from './loaded-config.ts';
import { CONFIG_FILE, findProjectDir } from './project.ts';

export interface LoadRequest {
  readonly env: Environment;
  readonly cwd: string;
  readonly flags?: Flags;
  /** Found from `env` and `cwd` when it is left out. */
  readonly projectDir?: string;
}

/**
 * Default < file of the user < file of the project < environment < flag. Takes about a millisecond when there is no file,
 * and never throws on account of what is configured: see `Config`.
 */
export async function loadConfig({
  env,
  cwd,
  flags = {},
  projectDir,
}: LoadRequest): Promise<Config> {
  const home = homeIn(env);
  const project = projectDir ?? findProjectDir({ env, cwd });
  const unknownDir = { home, dir: path.join(home, '.glovebox'), projectDir: project };
  const outside = new LoadedConfig({ env, cwd, flags, facts: unknownDir, files: [] });
  const facts = { ...unknownDir, dir: outside.getOrDefault('dir') };
  const files = await Promise.all([
    readConfigFile(path.join(project, CONFIG_FILE), 'project'),
    readConfigFile(path.join(facts.dir, CONFIG_FILE), 'user'),
  ]);
  return new LoadedConfig({
    env,
    cwd,
    flags,
    facts,
    files: files.filter((file) => file !== undefined),
  });
}
