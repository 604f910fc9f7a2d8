/** The whole product in this process, on a project and a state folder of its own, with a real Jupyter behind it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '#config/load.ts';
import { createApp, type App, type AppOptions } from '#main/app.ts';
import { silentLog } from '#platform/log.ts';
import { pythonVariables } from './environments.ts';
import { testPython } from './python.ts';

const CACHE = path.resolve(import.meta.dirname, '../../.cache');

export interface World {
  /** The user's project. */
  readonly projectDir: string;
  /** The state folder. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Another process of the product would look like this: same folders, nothing shared in memory. */
  newApp(limits?: AppOptions['limits']): Promise<App>;
  /** Stops all sandboxes and removes the folders. */
  end(): Promise<void>;
}

/** Managed environments are shared by all tests of a checkout: making one takes half a minute. */
export function createWorld(extra: Readonly<Record<string, string>> = {}): World {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-world-')));
  const projectDir = path.join(root, 'project');
  const dir = path.join(root, 'state');
  for (const folder of [projectDir, path.join(root, 'home'), path.join(CACHE, 'envs')]) {
    mkdirSync(folder, { recursive: true });
  }
  mkdirSync(dir, { mode: 0o700 });
  symlinkSync(path.join(CACHE, 'envs'), path.join(dir, 'envs'));
  const env = {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: path.join(root, 'home'),
    GLOVEBOX_DIR: dir,
    GLOVEBOX_PROJECT_DIR: projectDir,
    GLOVEBOX_PYTHON: testPython(),
    ...pythonVariables(),
    ...extra,
  };
  const apps: App[] = [];
  const newApp: World['newApp'] = async (limits) => {
    const config = await loadConfig({ env, cwd: projectDir });
    const app = createApp({
      config,
      env,
      projectDir,
      log: silentLog,
      ...(limits !== undefined && { limits }),
    });
    apps.push(app);
    return app;
  };
  return {
    projectDir,
    dir,
    env,
    newApp,
    async end() {
      const { signal } = new AbortController();
      const last = apps.at(-1) ?? (await newApp());
      const { sandboxes } = last.services;
      for (const { id } of await sandboxes.list({}, signal)) await sandboxes.stop(id, signal);
      await Promise.allSettled(apps.map((app) => app.close()));
      rmSync(root, { recursive: true, force: true });
    },
  };
}
