/** The MCP server: answers the handshake first, and builds everything else afterwards or at the first call. */
import type { McpServer } from '@modelcontextprotocol/server';
import { homedir } from 'node:os';
import path from 'node:path';
import { readEnvironment } from '#config/environment.ts';
import { loadConfig } from '#config/load.ts';
import { findProjectDir } from '#config/project.ts';
import { isOutputRedacted } from '#config/transcript-settings.ts';
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
import type { ListedTool } from '#tools/listed-tool.ts';
import { createInterfaceRecords, interfacesOf } from '#workspace/interface-records.ts';
import type { App } from './app.ts';
import type { LiveRedactor } from './redaction.ts';
import { TOOL_FACTS } from './tool-facts.ts';

/** Late enough not to get between the handshake and the list of tools, early enough for what an earlier process left. */
const SETTLE_MS = 300;

/** Serves stdin and stdout until the client ends it; resolves as soon as it listens. */
export async function serve(): Promise<void> {
  const env = readEnvironment();
  const cwd = currentFolder();
  const config = await loadConfig({ env, cwd });
  /** Loaded with everything else: until then nothing has been asked of anybody whose words could hold a secret. */
  let redactor: LiveRedactor | undefined;
  const redact = (text: string): string => redactor?.redact(text) ?? text;
  const redactOutput = isOutputRedacted(env) ? redact : (text: string): string => text;
  const log = createLog({
    level: config.getOrDefault('log.debug') ? 'debug' : 'warn',
    file: path.join(config.getOrDefault('log.dir'), 'mcp.log'),
    redact,
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
    const [{ createApp }, , roots] = await Promise.all([
      import('./app.ts'),
      // Now and not at the first call: hours later another version may lie where this one was started.
      loadTools(),
      server === undefined ? [] : listRootFolders(server),
    ]);
    const projectDir = findProjectDir({ env, cwd, roots });
    const app = createApp({
      config: await loadConfig({ env, cwd, projectDir }),
      env,
      projectDir,
      log,
    });
    redactor = app.redactor;
    if (isOutputRedacted(env)) await redactor.load();
    return app;
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
      const found = await interfacesOf(records, projectDir);
      // Most projects have none, and then nothing is loaded for them.
      if (found.length === 0) return [];
      const { toolsOfInterfaces } = await import('#tools/interface-tools.ts');
      return toolsOfInterfaces(found);
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
        LISTED.filter(({ toolset }) => toolsets?.includes(toolset) ?? true),
        async () => (await loadApp()).services,
        {
          version: VERSION,
          instructions: INSTRUCTIONS,
          log,
          clock: systemClock,
          changingTools,
          redact,
          redactOutput,
          resources: {
            readStatus: async (signal) => (await loadApp()).readStatus(signal),
            readRun: async (runId, signal) =>
              redactOutput(await (await loadApp()).readRun(runId, signal)),
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

const loadTools = () => import('#tools/index.ts');

/** Told from what the build wrote down; loaded with the app, or at the first call. */
const LISTED: readonly ListedTool[] = TOOL_FACTS.map((facts) => ({
  ...facts,
  async load() {
    const { tools } = await loadTools();
    const tool = tools.find(({ name }) => name === facts.name);
    if (tool === undefined) throw new Error(`there is no ${facts.name}`);
    return tool;
  },
}));

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return homedir(); // the folder was deleted under us
  }
}
