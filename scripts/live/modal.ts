/** Asks a real Modal account what the fake can only assume: `docs/modal.md` lists the questions. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '#config/load.ts';
import { readEnvironment, type Environment } from '#config/environment.ts';
import type { JsonObject } from '#core/json.ts';
import { modalSettings } from '#main/modal-settings.ts';
import { systemClock } from '#platform/clock.ts';
import { httpRequest } from '#platform/http.ts';
import type { Log } from '#platform/log.ts';
import type { Backend, SandboxHandle, SandboxStatus } from '#sandbox/backend.ts';
import { createModalBackend } from '#sandbox/backends/modal/index.ts';

const NEVER = new AbortController().signal;
/** Nothing that is started here can cost more than minutes of a small machine. */
const SMALL = { max_lifetime_seconds: 300, idle_timeout_seconds: 120, cpu: 1, memory_mib: 1024 };
const WAIT_MS = 150_000;

/** @returns whether everything was as expected. */
export async function runModal(flags: readonly string[]): Promise<boolean> {
  const gpu = flags[flags.indexOf('--gpu') + 1];
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'glovebox-live-')));
  const projectDir = path.join(folder, 'project');
  await mkdir(projectDir);
  const env: Environment = { ...readEnvironment(), GLOVEBOX_DIR: path.join(folder, 'state') };
  const config = await loadConfig({ env, cwd: projectDir });
  const port = Number(env['GLOVEBOX_LIVE_PORT'] ?? 8888);
  const backend = createModalBackend({
    clock: systemClock,
    log: consoleLog,
    settings: () => ({ ...modalSettings(config, env), appName: 'glovebox-live' }),
  });
  const live = new Live(backend, projectDir, {
    ...SMALL,
    kernel_packages: 'minimal',
    jupyter_port: port,
  });
  try {
    await live.run('without a GPU', {});
    if (flags.includes('--docker')) await live.docker();
    if (flags.includes('--gpu') && gpu !== undefined) await live.run(`with ${gpu}`, { gpu });
  } catch (error) {
    live.say(false, 'unexpected', String(error));
  } finally {
    await live.end();
    await rm(folder, { recursive: true, force: true });
  }
  return live.isGood;
}

class Live {
  isGood = true;
  readonly #backend: Backend;
  readonly #projectDir: string;
  readonly #options: JsonObject;
  readonly #handles: SandboxHandle[] = [];

  constructor(backend: Backend, projectDir: string, options: JsonObject) {
    this.#backend = backend;
    this.#projectDir = projectDir;
    this.#options = options;
  }

  say(isGood: boolean, question: string, answer: string): void {
    this.isGood &&= isGood;
    console.log(`${isGood ? 'ok  ' : 'LOOK'} ${question}: ${answer}`);
  }

  async run(kind: string, options: JsonObject): Promise<void> {
    console.log(`\n${kind}`);
    const started = performance.now();
    const handle = await this.#start(options);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    this.say(true, 'a sandbox starts and its Jupyter answers through the tunnel', `${seconds} s`);
    await this.#lookAt(handle);
    const kept = await this.#backend.snapshot?.(handle, { ttlMs: 3_600_000 }, NEVER);
    await this.#endByItself(handle);
    if (kept !== undefined) {
      const access = 'connect-token';
      const other = await this.#start({ ...options, access, from_snapshot: kept.snapshotId });
      this.say(true, 'another one starts from its snapshot', kept.snapshotId);
      const { headers } = await this.#backend.endpoint(other, NEVER);
      this.say('Cookie' in headers, "its server answers behind Modal's gate", access);
      await this.#lookAt(other);
      await this.#stop(other);
    }
    const again = await this.#start(options, handle);
    this.say(
      again.generation === 2,
      'the name is free again at once',
      `generation ${again.generation}`,
    );
    await this.#stop(again);
  }

  async docker(): Promise<void> {
    console.log('\nwith Docker inside');
    const options = { docker: true, memory_mib: 4096 };
    const handle = await this.#start(options).catch((error: unknown) => String(error));
    const words = typeof handle === 'string' ? handle : 'it does';
    this.say(typeof handle !== 'string', 'the Docker engine runs', words);
    if (typeof handle !== 'string') await this.#stop(handle);
  }

  /** Whatever happened: nothing stays. */
  async end(): Promise<void> {
    console.log('\ncleaning up');
    for (const handle of this.#handles) await this.#backend.stop(handle, NEVER);
    const left = (await this.#backend.discover?.(this.#projectDir, NEVER)) ?? [];
    for (const handle of left) await this.#backend.stop(handle, NEVER);
    this.say(left.length === 0, 'nothing of this run is left at Modal', `${left.length} found`);
  }

  async #start(options: JsonObject, before?: SandboxHandle): Promise<SandboxHandle> {
    const id = before?.id ?? `modal-live-${randomUUID().slice(0, 8)}`;
    let data: JsonObject = {};
    const handle = () => ({ id, projectDir: this.#projectDir, generation: 0, data });
    const status = await this.#backend.start(
      { ...this.#options, ...options },
      {
        id,
        projectDir: this.#projectDir,
        signal: NEVER,
        report: ({ message }) => console.log(`     ${message}`),
        remember: async (more) => {
          if (Object.keys(data).length === 0) this.#handles.push(handle());
          data = { ...data, ...more };
        },
      },
    );
    return { ...handle(), generation: status.generation };
  }

  async #lookAt(handle: SandboxHandle): Promise<void> {
    const status = await this.#backend.state(handle, NEVER);
    this.say(status.state === 'ready', 'state', `${status.state}, ${status.host}`);
    const { baseUrl, headers } = await this.#backend.endpoint(handle, NEVER);
    const refused = await statusOf(`${baseUrl}api/kernels`, {});
    this.say(refused === 401 || refused === 403, 'without the token nothing answers', `${refused}`);
    const specs = await statusOf(`${baseUrl}api/kernelspecs`, headers);
    this.say(specs === 200, 'with the token it does', `${specs}`);
    const log = await this.#backend.logs(handle, 20, NEVER);
    this.say(log.length > 0, 'the log of a running sandbox can be read', `${log.length} lines`);
    const found = (await this.#backend.discover?.(this.#projectDir, NEVER)) ?? [];
    const isFound = found.some(({ id }) => id === handle.id);
    this.say(isFound, 'it is found by its tags', `${found.length} of this project`);
  }

  /** Question 1: the end of the main process has to end the sandbox, and with it the bill. */
  async #endByItself(handle: SandboxHandle): Promise<void> {
    const { baseUrl, headers } = await this.#backend.endpoint(handle, NEVER);
    await httpRequest({
      method: 'POST',
      url: `${baseUrl}api/shutdown`,
      headers,
      timeoutMs: 20_000,
    });
    const status = await this.#waitForEnd(handle);
    const isEnded = status.state === 'ended' && status.end?.cause === 'idle';
    const words =
      status.end === undefined ? status.state : `${status.end.cause}: ${status.end.message}`;
    this.say(isEnded, 'the sandbox ends with its main process', words);
    const log = await this.#backend
      .logs(handle, 20, NEVER)
      .catch((error: unknown) => [String(error)]);
    this.say(log.length > 1, 'its log can be read after its end', `${log.length} lines`);
  }

  async #stop(handle: SandboxHandle): Promise<void> {
    const started = performance.now();
    await this.#backend.stop(handle, NEVER);
    const status = await this.#backend.state(handle, NEVER);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    this.say(status.state === 'ended', 'stopping one is seen to end it', `${seconds} s`);
  }

  async #waitForEnd(handle: SandboxHandle): Promise<SandboxStatus> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const status = await this.#backend.state(handle, NEVER);
      if (status.state === 'ended' || performance.now() > deadline) return status;
      await new Promise((resolve) => {
        setTimeout(resolve, 500);
      });
    }
  }
}

async function statusOf(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return (await httpRequest({ method: 'GET', url, headers, timeoutMs: 20_000 })).status;
}

const print = (message: string): void => console.log(`     ${message}`);
const consoleLog: Log = { debug: () => undefined, info: print, warn: print, error: print };
