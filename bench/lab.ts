/** A project, a state folder and a home of their own for one benchmark, and the built server in them. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { endProcessesNaming } from '../test/rigs/processes.ts';
import { testPython } from '../test/rigs/python.ts';
import { startMcpServer, type McpProcess } from './mcp-process.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** What people install, not the sources. */
const BUNDLE = path.join(ROOT, 'plugin/dist');

export interface Lab {
  readonly projectDir: string;
  /** The state folder. */
  readonly dir: string;
  /** Starts the bundled server and completes the handshake; another one sees the same project and state. */
  startServer(): Promise<McpProcess>;
  /** Ends every process of the lab and removes its folders. */
  end(): Promise<void>;
}

/** @param extra variables for its servers, e.g. of a cluster that they stand on the login node of */
export async function createLab(extra: Readonly<Record<string, string>> = {}): Promise<Lab> {
  if (!existsSync(path.join(BUNDLE, 'mcp.mjs')))
    throw new Error('plugin/dist/mcp.mjs is missing: npm run build');
  // On the disk that projects are on: a folder for temporary files is memory on some machines, and slower than that on others.
  const labs = path.join(ROOT, '.cache/bench');
  await mkdir(labs, { recursive: true });
  const folder = await realpath(await mkdtemp(path.join(labs, 'lab-')));
  // A copy, because a build during the benchmark replaces the chunks that a server has not loaded yet.
  await cp(BUNDLE, path.join(folder, 'dist'), { recursive: true });
  const script = path.join(folder, 'dist/mcp.mjs');
  const projectDir = path.join(folder, 'project');
  const dir = path.join(folder, 'state');
  const home = path.join(folder, 'home');
  // Making an environment takes half a minute, so all labs and tests of a checkout share them.
  const envs = path.join(ROOT, '.cache/envs');
  for (const place of [projectDir, home, envs]) await mkdir(place, { recursive: true });
  await mkdir(dir, { mode: 0o700 });
  await symlink(envs, path.join(dir, 'envs'));
  const env = {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    HOME: home,
    GLOVEBOX_DIR: dir,
    GLOVEBOX_PROJECT_DIR: projectDir,
    GLOVEBOX_PYTHON: testPython(),
    ...packageIndexSettings(),
    ...extra,
  };
  const servers: McpProcess[] = [];
  const end = async (): Promise<void> => {
    await Promise.allSettled(servers.map((server) => server.stop()));
    await endProcessesNaming(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  // Sandboxes outlive their server by design, and so would outlive a benchmark that is stopped.
  process.once('SIGINT', () => void end().finally(() => process.exit(130)));
  return {
    projectDir,
    dir,
    async startServer() {
      const server = await startMcpServer({ script, cwd: projectDir, env });
      servers.push(server);
      return server;
    },
    end,
  };
}

/** Where packages come from on this machine, for the one time an environment is made. */
function packageIndexSettings(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => /^(PIP|UV|SSL)_/.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
}
