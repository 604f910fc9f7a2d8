/** The MCP server: answers the handshake first, and builds everything else afterwards or at the first call. */
import type { McpServer } from '@modelcontextprotocol/server';
import { homedir } from 'node:os';
import path from 'node:path';
import { readEnvironment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { findProjectDir } from '#config/project.ts';
import { VERSION } from '#core/version.ts';
import { INSTRUCTIONS } from '#mcp/instructions.ts';
import { watchLifecycle } from '#mcp/lifecycle.ts';
import { listRootFolders } from '#mcp/roots.ts';
import { ChangingTools } from '#mcp/changing-tools.ts';
import { createMcpServer } from '#mcp/server.ts';
import { serveOverStdio } from '#mcp/stdio.ts';
import { systemClock } from '#platform/clock.ts';
import { holdProcess } from '#platform/hold-process.ts';
import { createLog } from '#platform/log.ts';
import type { Tool } from '#tools/define-tool.ts';
import { tools } from '#tools/index.ts';
import { toolsOfInterfaces } from '#tools/interface-tools.ts';
import { createInterfaceRecords, interfacesOf } from '#workspace/interface-records.ts';
import type { App } from './app.ts';

/** Late enough not to get between the handshake and the list of tools, early enough for what an earlier process left. */
const SETTLE_MS = 300;

/** Serves stdin and stdout until the client ends it; resolves as soon as it listens. */
export async function serve(): Promise<void> {
  const env = readEnvironment();
  const cwd = currentFolder();
  const config = await loadConfig({ env, cwd });
  const log = createLog({
    level: config.getOrDefault('log.debug') ? 'debug' : 'warn',
    file: path.join(config.getOrDefault('log.dir'), 'mcp.log'),
  });

  let loading: Promise<App> | undefined;
  const ended = new AbortController();

  /** A client may try the newer era first and then open again in the older one: the last one made is the one in use. */
  let server: McpServer | undefined;

  /** A failure is told to the call that met it, and the next call tries again: a broken file may be mended meanwhile. */
  const loadApp = (): Promise<App> => {
    loading ??= buildApp().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const buildApp = async (): Promise<App> => {
    const [{ createApp }, roots] = await Promise.all([
      import('./app.ts'),
      server === undefined ? [] : listRootFolders(server),
    ]);
    const projectDir = findProjectDir({ env, cwd, roots });
    return createApp({ config: await loadConfig({ env, cwd, projectDir }), env, projectDir, log });
  };

  const lifecycle = watchLifecycle({
    log,
    clock: systemClock,
    flush: async () => {
      ended.abort();
      await (await loading)?.close();
    },
    exit: (code) => process.exit(code),
  });

  /** What is served was often begun before this process: its tools are there from the first list on. */
  const interfaceTools = async (): Promise<ChangingTools> => {
    const dir = config.getOrDefault('dir');
    const records = createInterfaceRecords(dir, systemClock, (text) => log.warn(text));
    const here = config.getOrDefault('project_dir');
    const read = async (): Promise<readonly Tool[]> => {
      const projectDir = loading === undefined ? here : (await loading).services.projectDir;
      return toolsOfInterfaces(await interfacesOf(records, projectDir));
    };
    const changing = new ChangingTools(read);
    await changing.refresh().catch((error: unknown) => log.info(String(error)));
    return changing;
  };

  // Its end is decided by the lifecycle, which has things to save when stdin has closed.
  holdProcess();
  const toolsets = config.getOrDefault('tools.toolsets');
  serveOverStdio({
    input: process.stdin,
    output: process.stdout,
    log,
    createServer: async () => {
      const changingTools = await interfaceTools();
      server = createMcpServer(
        tools.filter(({ toolset }) => toolsets?.includes(toolset) ?? true),
        async () => (await loadApp()).services,
        {
          version: VERSION,
          instructions: INSTRUCTIONS,
          log,
          clock: systemClock,
          changingTools,
          resources: {
            readStatus: async (signal) => (await loadApp()).readStatus(signal),
            readRun: async (runId, signal) => (await loadApp()).readRun(runId, signal),
          },
        },
      );
      systemClock.after(SETTLE_MS, () => {
        loadApp()
          .then(async (app) => {
            // The project may be another one than the folder this process was started in.
            await changingTools.refresh();
            return app.reattach(ended.signal);
          })
          .catch((error: unknown) => log.info(`not ready yet: ${String(error)}`));
      });
      return server;
    },
    onEnd: (reason) => lifecycle.end(reason),
  });
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return homedir(); // the folder was deleted under us
  }
}
