/** Starts real Jupyter servers for tests, and ends them and their kernels for sure. */
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint } from '#core/endpoint.ts';
import { testPython } from './python.ts';
import { killMarked, MARK, markedProcesses, startReaper } from './reaper.mjs';

export interface JupyterServerOptions {
  /** An interpreter with another Jupyter. Default: `testPython()`. */
  readonly python?: string;
  /** What is run. Default: `jupyter_server`; `notebook` is the classic server, `ours` the program that Glovebox starts. */
  readonly module?: 'jupyter_server' | 'notebook' | 'ours';
  /** `legacy` makes the server answer without the v1 subprotocol, as gateways do. */
  readonly framing?: 'v1' | 'legacy';
  /** The server's own limit on output. Default: off, as in the servers that we start. */
  readonly limitRate?: boolean;
  /** More configuration, by class; wins over ours. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** More environment for the server and its kernels. */
  readonly env?: Readonly<Record<string, string>>;
  /** Listens on a Unix socket of this path instead of a port. The endpoint then lacks a way there: a test brings its own. */
  readonly socket?: string;
  /** Server extensions (the browser interface and its like) slow down the start. Default: off. */
  readonly extensions?: boolean;
}

export interface RunningJupyterServer {
  readonly endpoint: Endpoint;
  readonly rootDir: string;
  readonly pid: number;
  readonly logFile: string;
  readonly token: string;
  /** Ends the server and every kernel, and removes the folder. Idempotent. */
  stop(): Promise<void>;
}

/** As `python -m`, without an optional checker of IRIs whose grammar takes jsonschema longer to compile than all the rest. */
const RUN_MODULE = `import runpy, sys
sys.modules["rfc3987_syntax"] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)`;
const SERVE = path.resolve(import.meta.dirname, '../../python/serve.py');
const EXTENSIONS = ['jupyterlab', 'jupyter_lsp', 'jupyter_server_terminals', 'notebook_shim'];
let reaper: ReturnType<typeof startReaper> | undefined;

/** Resolves when the server answers with its token. Several may run at a time. */
export async function startJupyterServer(
  options: JupyterServerOptions = {},
): Promise<RunningJupyterServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryStart(options);
    } catch (error) {
      // Another process may have taken the free port meanwhile.
      if (attempt === 3 || !/already in use/.test(String(error))) throw error;
    }
  }
}

async function tryStart(options: JupyterServerOptions): Promise<RunningJupyterServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'glovebox-jupyter-'));
  const rootDir = path.join(folder, 'root');
  await mkdir(rootDir);
  const port = await freePort();
  const token = randomBytes(24).toString('hex');
  const configFile = path.join(folder, 'config.json');
  const config = serverConfig({ options, port, token, rootDir });
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });

  const logFile = path.join(folder, 'server.log');
  const log = openSync(logFile, 'a');
  const mark = randomUUID();
  reaper ??= startReaper();
  reaper.watch(mark);
  const child = spawn(
    options.python ?? testPython(),
    [...programOf(options.module), `--config=${configFile}`],
    {
      cwd: rootDir,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...environment(folder), ...options.env, [MARK]: mark },
    },
  );
  closeSync(log);
  child.unref();
  let exited = false;
  child.once('exit', () => (exited = true));
  child.once('error', () => (exited = true));
  const pid = child.pid ?? 0;

  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= endServer({ pid, mark, folder }));
  const endpoint: Endpoint = {
    baseUrl: `http://127.0.0.1:${port}/`,
    headers: { Authorization: `token ${token}` },
  };
  try {
    await answers(endpoint, options.socket, () => exited);
  } catch (error) {
    const text = await readFile(logFile, 'utf8');
    await stop();
    throw new Error(`The Jupyter server did not start: ${text.slice(-4000)}`, { cause: error });
  }
  return { endpoint, rootDir, pid, logFile, token, stop };
}

const programOf = (module = 'jupyter_server'): readonly string[] =>
  module === 'ours' ? ['-I', SERVE] : ['-c', RUN_MODULE, module];

function serverConfig(wanted: {
  readonly options: JupyterServerOptions;
  readonly port: number;
  readonly token: string;
  readonly rootDir: string;
}): Record<string, unknown> {
  const { options, port, token, rootDir } = wanted;
  const limitRate = options.limitRate ?? false;
  const app = {
    ...(options.socket === undefined ? { ip: '127.0.0.1', port } : { sock: options.socket }),
    port_retries: 0,
    open_browser: false,
    allow_root: true,
    token,
    limit_rate: limitRate,
  };
  const ours: Record<string, Record<string, unknown>> = {
    ServerApp: {
      ...app,
      root_dir: rootDir,
      ...(options.extensions === true
        ? {}
        : { jpserver_extensions: Object.fromEntries(EXTENSIONS.map((name) => [name, false])) }),
    },
    NotebookApp: { ...app, notebook_dir: rootDir },
    IdentityProvider: { token },
    ZMQChannelsWebsocketConnection: {
      limit_rate: limitRate,
      ...(options.framing === 'legacy' ? { kernel_ws_protocol: '' } : {}),
    },
  };
  for (const [name, values] of Object.entries(options.config ?? {})) {
    ours[name] = { ...ours[name], ...values };
  }
  return ours;
}

/** Nothing of the developer's own Jupyter or IPython settings reaches the test. */
function environment(folder: string): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'TMPDIR'];
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    HOME: folder,
    JUPYTER_CONFIG_DIR: path.join(folder, 'config'),
    JUPYTER_DATA_DIR: path.join(folder, 'data'),
    JUPYTER_RUNTIME_DIR: path.join(folder, 'runtime'),
    IPYTHONDIR: path.join(folder, 'ipython'),
    PYTHONDONTWRITEBYTECODE: '1',
    MPLCONFIGDIR: path.join(folder, 'matplotlib'),
  };
}

async function answers(
  endpoint: Endpoint,
  socketPath: string | undefined,
  ended: () => boolean,
): Promise<void> {
  const limit = performance.now() + 60_000;
  for (;;) {
    if (ended()) throw new Error('it ended');
    if (performance.now() > limit) throw new Error('it did not answer within 60 s');
    if ((await statusOf(endpoint, socketPath)) === 200) return;
    await delay(30);
  }
}

function statusOf(endpoint: Endpoint, socketPath: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const call = request(`${endpoint.baseUrl}api/status`, {
      headers: endpoint.headers,
      timeout: 5000,
      ...(socketPath === undefined ? {} : { socketPath }),
    });
    call.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    call.once('error', () => resolve(0));
    call.once('timeout', () => call.destroy());
    call.end();
  });
}

async function endServer(server: {
  readonly pid: number;
  readonly mark: string;
  readonly folder: string;
}): Promise<void> {
  signalGroup(server.pid, 'SIGTERM');
  // The server ends its kernels itself; whoever is left after that is killed.
  await until(() => markedProcesses(server.mark).length === 0, 3000);
  killMarked(server.mark);
  await until(() => markedProcesses(server.mark).length === 0, 5000);
  reaper?.forget(server.mark);
  await rm(server.folder, { recursive: true, force: true, maxRetries: 3 });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(-pid, signal);
  } catch {
    // gone
  }
}

async function until(condition: () => boolean, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!condition() && performance.now() < limit) await delay(20);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}
