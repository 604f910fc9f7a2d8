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
  const { report, ask, ...host } = scriptHost();
  // Every run of a program asks for another sandbox; what was agreed to for one that did not come to be holds for the next.
  const sameAs = `another one of ${projectDir}`;
  return {
    ...services,
    replacements,
    notebookDir: () => services.settings.notebookDir(),
    requestTerms: ({ signal }) => ({
      admit: admitWith({ ask, signal }, services, undefined, sameAs),
    }),
    admitAll: ({ signal }) => admitAllWith({ ask, signal }, services, undefined, sameAs),
    report,
    host,
    close,
  };
}
