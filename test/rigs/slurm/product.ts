/** The built product on a machine of a test cluster: its command line and its MCP server, as the user there would run them. */
import type { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { cpSync, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { newClient } from '../../mcp/harness.ts';
import { createCli, type Cli } from '../cli.ts';
import type { Cluster } from './cluster.ts';
import type { Place } from './machines.ts';

const dist = path.resolve(import.meta.dirname, '../../../plugin/dist');

/** Debian's own Jupyter: every user of the machine can run it, and it is the oldest that must work. */
export const NODE_PYTHON = '/usr/bin/python3';

export interface Product {
  /** The user's project on that machine. */
  readonly project: string;
  /** Glovebox's folder there. */
  readonly state: string;
  readonly cli: Cli;
  /** Starts an MCP server with a client. Closed after the test. */
  startServer(): Promise<{ readonly client: Client; readonly kill: () => void }>;
}

export interface ProductOptions {
  /** A node stands for a further login node. */
  readonly place: Place;
  /** Each one has a project of its own. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Jobs are small, and the scheduler is asked often, unless `env` says otherwise. */
export async function installProduct(
  cluster: Cluster,
  { place, name, env: extra = {} }: ProductOptions,
): Promise<Product> {
  if (!existsSync(path.join(dist, 'mcp.mjs')))
    throw new Error('plugin/dist is missing: npm run build');
  const program = path.join(cluster.dir, 'dist');
  if (!existsSync(program)) cpSync(dist, program, { recursive: true });
  const base = place === 'laptop' ? cluster.laptopEnv : cluster.env;
  const project = path.join(base['HOME'] ?? '', name);
  await cluster.run(['mkdir', '-p', project], { place, cwd: '/' });
  const env = {
    ...base,
    GLOVEBOX_BACKEND: 'slurm',
    GLOVEBOX_SLURM_PYTHON: NODE_PYTHON,
    GLOVEBOX_SLURM_CPUS: '1',
    GLOVEBOX_SLURM_MEM: '400M',
    GLOVEBOX_SLURM_TIME: '30',
    GLOVEBOX_SLURM_GRES: 'none',
    GLOVEBOX_POLL_MIN_S: '1',
    // Whoever is put among a node's processes is in no folder of the user's.
    ...(cluster.nodes.includes(place) && { GLOVEBOX_PROJECT_DIR: project }),
    ...(place === 'laptop' && { GLOVEBOX_SSH_HOST: 'cluster' }),
    ...extra,
  };
  const { uid } = statSync(base['HOME'] ?? '');
  const asUser = ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--'];
  const argv = (file: string): readonly string[] =>
    cluster.on(place, [
      ...(cluster.nodes.includes(place) ? asUser : []),
      process.execPath,
      path.join(program, file),
    ]);
  return {
    project,
    state: path.join(base['HOME'] ?? '', '.glovebox'),
    cli: createCli({ cwd: project, env, program: argv('cli.mjs') }),
    async startServer() {
      const [command = '', ...args] = argv('mcp.mjs');
      const transport = new StdioClientTransport({ command, args, cwd: project, env });
      const client = newClient('modern');
      onTestFinished(() => client.close());
      await client.connect(transport);
      const { pid } = transport;
      return {
        client,
        kill: () => {
          if (pid !== null) process.kill(pid, 'SIGKILL');
        },
      };
    },
  };
}
