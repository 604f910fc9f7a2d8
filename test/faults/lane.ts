/** The built program on a project of its own, with a relay between it and a real Jupyter server; everything in it can be killed. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Endpoint } from '#core/endpoint.ts';
import type { App } from '#main/app.ts';
import { systemClock } from '#platform/clock.ts';
import { serverStore } from '#sandbox/backends/local/server-record.ts';
import { createWorld, type World } from '../rigs/app.ts';
import { isAlive } from '../rigs/processes.ts';
import { startTcpRelay, type RelayWatcher, type TcpRelay } from '../rigs/tcp-relay.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../plugin/dist/mcp.mjs');
const JUMPING_CLOCK = path.resolve(import.meta.dirname, '../rigs/jumping-clock.mjs');

export interface Program {
  readonly client: Client;
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  stderr(): string;
}

export class Lane {
  readonly world: World;
  readonly relay: TcpRelay;
  readonly #app: App;
  #sandboxId = '';
  #serverPid = 0;
  #direct: Endpoint = { baseUrl: '', headers: {} };

  private constructor(world: World, relay: TcpRelay, app: App) {
    this.world = world;
    this.relay = relay;
    this.#app = app;
  }

  /** `watcher` is told of what passes between program and server. */
  static async start(watcher?: RelayWatcher): Promise<Lane> {
    if (!existsSync(PROGRAM)) throw new Error('plugin/dist is missing: npm run build');
    const world = createWorld();
    const relay = await startTcpRelay({ port: 1 }, watcher);
    const lane = new Lane(world, relay, await world.newApp());
    await lane.throughRelay();
    return lane;
  }

  /** Starts the Jupyter server if it does not run, and leads everything that is done from now on through the relay. */
  async throughRelay(): Promise<void> {
    const { sandboxes } = this.#app.services;
    const wait = {
      waitMs: 240_000,
      signal: AbortSignal.timeout(240_000),
      report: () => undefined,
    };
    const view = await sandboxes.ensureLocal(this.world.projectDir, wait);
    if (view.status.state !== 'ready') throw new Error(`no server: ${JSON.stringify(view.status)}`);
    this.#sandboxId = view.id;
    const store = serverStore(this.world.dir, view.id, systemClock);
    const { port = 0, server } = (await store.read()) ?? {};
    this.#serverPid = server?.pid ?? 0;
    if (port === this.relay.port) return;
    const { headers } = await sandboxes.endpointSource(view.id)(wait.signal);
    this.#direct = { baseUrl: `http://127.0.0.1:${port}/`, headers };
    this.relay.retarget(port);
    await store.update((current) => ({ ...current, port: this.relay.port }));
  }

  /** Forgets sessions, runs and notebooks: what comes next does not depend on what was before. No program may run. */
  forget(): void {
    const folders = [path.join(this.world.dir, 'sessions'), path.join(this.world.dir, 'runs')];
    for (const folder of [...folders, this.world.projectDir]) {
      const names = existsSync(folder) ? readdirSync(folder) : [];
      for (const name of names) rmSync(path.join(folder, name), { recursive: true, force: true });
    }
  }

  /** Variables for a program whose wall clock jumps with `jump`. */
  jumpingClock(): Readonly<Record<string, string>> {
    this.jump(0, []);
    return {
      NODE_OPTIONS: `--import=${pathToFileURL(JUMPING_CLOCK).href}`,
      GLOVEBOX_TEST_CLOCK: this.#clockFile,
    };
  }

  /** Sets the clocks of the programs that were started with `jumpingClock`, and of later ones. */
  jump(offsetMs: number, pids: readonly number[]): void {
    writeFileSync(this.#clockFile, String(offsetMs));
    for (const pid of pids) signal(pid, 'SIGUSR2');
  }

  get #clockFile(): string {
    return path.join(this.world.projectDir, '..', 'clock');
  }

  /** The last words of the Jupyter server. */
  async serverLog(): Promise<string> {
    const { signal: never } = new AbortController();
    return (await this.#app.services.sandboxes.logs(this.#sandboxId, 60, never)).join('\n');
  }

  /** Process number of the Jupyter server. */
  get serverPid(): number {
    return this.#serverPid;
  }

  /** Leads new connections to another port; the answer leads them back. */
  retarget(port: number): () => void {
    const own = Number(new URL(this.#direct.baseUrl).port);
    this.relay.retarget(port);
    return () => this.relay.retarget(own);
  }

  /** A request to the Jupyter server as another client makes it, past the relay. */
  async ask(method: string, place: string): Promise<unknown> {
    const answer = await fetch(`${this.#direct.baseUrl}${place}`, {
      method,
      headers: this.#direct.headers,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${place}: ${answer.status} ${text}`);
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    return body;
  }

  /** Starts the built program as a client does. */
  async program(env: Readonly<Record<string, string>> = {}): Promise<Program> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [PROGRAM],
      cwd: this.world.projectDir,
      env: { ...this.world.env, ...env },
      stderr: 'pipe',
    });
    let stderr = '';
    transport.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
    const client = new Client(
      { name: 'faults', version: '0' },
      { versionNegotiation: { mode: 'legacy' } },
    );
    await client.connect(transport);
    const pid = transport.pid ?? 0;
    return {
      client,
      pid,
      stderr: () => stderr,
      kill: async () => {
        signal(pid, 'SIGKILL');
        await client.close().catch(() => undefined);
        while (isAlive(pid)) await sleep(5);
      },
    };
  }

  async end(): Promise<void> {
    this.relay.thaw();
    this.relay.accept();
    this.relay.delay(0);
    await this.world.end();
    await this.relay.stop();
  }
}

/** Sends a signal to a process that may have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  if (pid <= 1) return;
  try {
    process.kill(pid, name);
  } catch {
    // it ended meanwhile
  }
}

/** Kills a kernel if that is what the number means still. */
export function killKernel(pid: number): void {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (/ipykernel|launch_kernel\.py/.test(command)) signal(pid, 'SIGKILL');
  } catch {
    // it ended meanwhile
  }
}

/** Whether this user may mount a file system of its own. */
export function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
