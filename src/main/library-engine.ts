/** Opens the services of the library from the environment of the program that imports it. */
import path from 'node:path';
import { readEnvironment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { findProjectDir } from '#config/project.ts';
import type { Engine } from '#library/engine.ts';
import { createLog } from '#platform/log.ts';
import { admitAllWith, admitWith } from '#tools/sandbox-admission.ts';
import { createApp } from './app.ts';
import { scriptHost } from './script-host.ts';

/** @throws `config/invalid`. */
export async function openEngine(): Promise<Engine> {
  const env = readEnvironment();
  const cwd = process.cwd();
  const projectDir = findProjectDir({ env, cwd });
  const config = await loadConfig({ env, cwd, projectDir });
  const log = createLog({
    level: config.getOrDefault('log.debug') ? 'debug' : 'warn',
    file: path.join(config.getOrDefault('log.dir'), 'library.log'),
  });
  const { services, replacements, close } = createApp({
    config,
    env,
    projectDir,
    log,
    entersClosed: true,
  });
  const { report, ...host } = scriptHost();
  return {
    ...services,
    replacements,
    notebookDir: () => services.settings.notebookDir(),
    requestTerms: ({ signal }) => ({ admit: admitWith({ ask, signal }, services) }),
    admitAll: ({ signal }) => admitAllWith({ ask, signal }, services),
    report,
    host,
    close,
  };
}

/** A program can ask nobody: its budget agrees, or an approval that was given before. */
const ask = async () => 'unavailable' as const;
