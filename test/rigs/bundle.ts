/** The built bundle, copied alone into an empty folder, as a plugin would have it. */
import type { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { newClient, type Era } from '../mcp/harness.ts';
import { makeStateFolder, pythonVariables } from './environments.ts';
import { endProcessesNaming } from './processes.ts';

const dist = path.resolve(import.meta.dirname, '../../plugin/dist');

export interface Bundle {
  /** A scratch folder; everything below it, processes included, is gone after the test. */
  readonly folder: string;
  readonly home: string;
  readonly project: string;
  /** Of the bundled file of that name. */
  file(name: string): string;
}

export function unpackBundle(): Bundle {
  if (!existsSync(path.join(dist, 'mcp.mjs')))
    throw new Error('plugin/dist is missing: npm run build');
  const folder = mkdtempSync(path.join(tmpdir(), 'glovebox-bundle-'));
  onTestFinished(async () => {
    await endProcessesNaming(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync(dist, path.join(folder, 'dist'), { recursive: true });
  const home = path.join(folder, 'home');
  const project = path.join(folder, 'project');
  for (const dir of [home, project]) mkdirSync(dir);
  return { folder, home, project, file: (name) => path.join(folder, 'dist', name) };
}

export interface ServerOptions {
  readonly era: Era;
  readonly node?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Before the handshake, for what the client can do. */
  readonly prepare?: (client: Client) => void;
}

export interface BundledServer {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  /** What the server wrote to its standard error so far. */
  readonly stderr: () => string;
  readonly protocolErrors: readonly Error[];
}

/** Lets the bundle start kernels quickly; the state folder is then there from the beginning. */
export function prepareForKernels(bundle: Bundle): Readonly<Record<string, string>> {
  const state = path.join(bundle.home, '.glovebox');
  if (!existsSync(state)) makeStateFolder(state);
  return pythonVariables();
}

/** Starts `mcp.mjs` with a small environment of its own and connects a real client. */
export async function startServer(bundle: Bundle, options: ServerOptions): Promise<BundledServer> {
  const { era, node = process.execPath, env = {} } = options;
  const transport = new StdioClientTransport({
    command: node,
    args: [bundle.file('mcp.mjs')],
    cwd: bundle.project,
    env: { PATH: process.env['PATH'] ?? '', HOME: bundle.home, ...env },
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  const client = newClient(era);
  options.prepare?.(client);
  const protocolErrors: Error[] = [];
  client.onerror = (error) => protocolErrors.push(error);
  onTestFinished(() => client.close());
  await client.connect(transport);
  return { client, transport, stderr: () => stderr, protocolErrors };
}
