/** The whole product in this process, with a real MCP client, and the fakes of all remote services behind it. */
import type { Client } from '@modelcontextprotocol/client';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { createApp, type App } from '#main/app.ts';
import { silentLog } from '#platform/log.ts';
import { tools } from '#tools/index.ts';
import { startFakeServices, type FakeServices } from '../fakes/hub/fake-services.ts';
import { createHurriedClock, type HurriedClock } from '../fakes/hurried-clock.ts';
import { connect, type ConnectOptions, type Era } from '../mcp/harness.ts';

export interface ResearchWorld {
  readonly client: Client;
  readonly services: FakeServices;
  readonly app: App;
  readonly clock: HurriedClock;
  readonly projectDir: string;
  /** Another process of the product, with the same folders. */
  restart(): Promise<Client>;
}

export interface ResearchOptions {
  /** More variables, or others; the fakes are named already, no token is set. */
  readonly env?: Readonly<Record<string, string>>;
  readonly era?: Era;
  readonly connect?: Partial<ConnectOptions>;
}

/**
 * Ends with the test, which fails when a service was called in a way that it does not know, or when a secret went to a host
 * that it does not belong to.
 */
export async function startResearch(options: ResearchOptions = {}): Promise<ResearchWorld> {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-research-')));
  const projectDir = path.join(root, 'project');
  for (const folder of [projectDir, path.join(root, 'home')]) mkdirSync(folder);
  const services = await startFakeServices();
  const clock = createHurriedClock();
  const apps: App[] = [];
  const env = {
    PATH: '',
    HOME: path.join(root, 'home'),
    GLOVEBOX_DIR: path.join(root, 'state'),
    GLOVEBOX_PROJECT_DIR: projectDir,
    ...services.env,
    ...options.env,
  };
  onTestFinished(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await services.close();
    rmSync(root, { recursive: true, force: true });
    expect(services.unexpected(), 'calls that no fake knows').toEqual([]);
    expect(services.leaks(), 'secrets that went elsewhere').toEqual([]);
  });
  const start = async (): Promise<{ readonly app: App; readonly client: Client }> => {
    const config = await loadConfig({ env, cwd: projectDir });
    const app = createApp({ config, env, projectDir, log: silentLog, webClock: clock });
    apps.push(app);
    const { client } = await connect(options.era ?? 'legacy', {
      tools,
      services: async () => app.services,
      ...options.connect,
    });
    return { app, client };
  };
  const { app, client } = await start();
  return { client, services, app, clock, projectDir, restart: async () => (await start()).client };
}
