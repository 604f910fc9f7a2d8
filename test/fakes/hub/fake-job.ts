/** One Job of the fake Hub: a real process of this machine in a folder of its own; its output is the log, its exit code the end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { killMarked, MARK, markedProcesses, startReaper } from '../../rigs/reaper.mjs';
import { startJobProxy, type JobProxy } from './job-proxy.ts';

/** The body of the request, checked. */
export interface FakeJobBody {
  readonly command: readonly string[];
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  readonly flavor: string;
  readonly dockerImage?: string | undefined;
  readonly spaceId?: string | undefined;
  readonly timeoutSeconds: number;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly volumes?:
    | readonly { readonly type: string; readonly source: string; readonly mountPath: string }[]
    | undefined;
  readonly expose?: { readonly ports: readonly number[] } | undefined;
  readonly ssh?: { readonly enabled: boolean } | undefined;
}

interface LogEvent {
  readonly data: string;
  readonly timestamp: string;
}

export interface FakeJobOptions {
  readonly id: string;
  readonly namespace: string;
  readonly body: FakeJobBody;
  /** What every container of the fake has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly token: string;
  /** Folders that stand for volumes, by `type:source`. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Where its SSH server is; undefined: somewhere that nobody gets to. */
  readonly sshUrl: () => string | undefined;
}

let reaper: ReturnType<typeof startReaper> | undefined;
let lastMs = 0;

/** Like a service's own clock: never the same moment twice, so that an order can be seen. */
function nextTimestamp(): string {
  lastMs = Math.max(Date.now(), lastMs + 1);
  return new Date(lastMs).toISOString();
}

export class FakeJob {
  readonly id: string;
  readonly body: FakeJobBody;
  readonly log: LogEvent[] = [];
  readonly root = mkdtempSync(path.join(tmpdir(), 'fake-job-'));
  labels: Readonly<Record<string, string>>;
  /** Any text: what a service may say. */
  stage = 'SCHEDULING';
  message: string | undefined;
  exposeUrls: string[] = [];
  initiator: string;
  readonly #options: FakeJobOptions;
  readonly #mark = randomUUID();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  readonly #proxies: JobProxy[] = [];
  readonly #createdAt = nextTimestamp();
  #startedAt: string | undefined;
  #finishedAt: string | undefined;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FakeJobOptions) {
    this.id = options.id;
    this.body = options.body;
    this.labels = options.body.labels ?? {};
    this.initiator = 'me';
    this.#options = options;
    reaper ??= startReaper();
    reaper.watch(this.#mark);
  }

  get namespace(): string {
    return this.#options.namespace;
  }

  get isOver(): boolean {
    return this.#finishedAt !== undefined;
  }

  get proxies(): readonly JobProxy[] {
    return this.#proxies;
  }

  /** One listener per open port, which wants the token. */
  async open(): Promise<void> {
    for (const port of this.body.expose?.ports ?? []) {
      const proxy = await startJobProxy(port, this.#options.token);
      this.#proxies.push(proxy);
      this.exposeUrls.push(proxy.url);
    }
  }

  start(): void {
    if (this.isOver || this.#child !== undefined) return;
    const { command, arguments: args, environment, secrets, timeoutSeconds, volumes } = this.body;
    for (const { type, source, mountPath } of volumes ?? [])
      this.#mount(`${type}:${source}`, mountPath);
    this.#startedAt = nextTimestamp();
    this.stage = 'RUNNING';
    this.#print(`===== Job started at ${this.#startedAt} =====`);
    const [program = '', ...words] = [...command, ...args];
    const child = spawn(program, words, {
      cwd: this.root,
      env: {
        HOME: this.root,
        ...this.#options.environment,
        ...environment,
        ...secrets,
        [MARK]: this.#mark,
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#print(line));
    child.on('error', (error) => this.end('ERROR', String(error)));
    child.on('close', (code) => {
      if (code === 0) this.end('COMPLETED');
      else this.end('ERROR', `Job failed with exit code: ${code ?? 137}`);
    });
    this.#timer = setTimeout(() => this.end('ERROR', 'Job timeout'), timeoutSeconds * 1000);
    this.#timer.unref();
  }

  /** Ends it from outside; one that is over stays as it is. */
  end(stage: string, message?: string): void {
    if (this.isOver) return;
    this.#finishedAt = nextTimestamp();
    this.stage = stage;
    this.message = message;
    clearTimeout(this.#timer);
    killMarked(this.#mark);
    for (const proxy of this.#proxies) proxy.close();
    this.#changed.emit('change');
  }

  processes(): readonly number[] {
    return markedProcesses(this.#mark);
  }

  /** As the API tells it: without the values of secrets. */
  json(): unknown {
    const { secrets, arguments: args, ...body } = this.body;
    const runningSecs =
      this.#startedAt === undefined
        ? undefined
        : ((this.#finishedAt === undefined ? Date.now() : Date.parse(this.#finishedAt)) -
            Date.parse(this.#startedAt)) /
          1000;
    return {
      ...body,
      arguments: args,
      type: 'job',
      id: this.id,
      labels: this.labels,
      secrets: Object.keys(secrets ?? {}),
      createdAt: this.#createdAt,
      startedAt: this.#startedAt ?? null,
      finishedAt: this.#finishedAt ?? null,
      durations: { runningSecs },
      owner: { id: '1', name: this.#options.namespace, type: 'user' },
      initiator: { name: this.initiator },
      status: {
        stage: this.stage,
        message: this.message ?? null,
        ...(this.exposeUrls.length > 0 && { exposeUrls: this.exposeUrls }),
        ...(this.body.ssh?.enabled === true && {
          sshUrl: this.#options.sshUrl() ?? `ssh://${this.id}@ssh.hf.jobs`,
        }),
      },
    };
  }

  /** Sends the log as events: history, then what comes; ends after the Job, or after `cutAfter` events without a word. */
  sendLog(
    outgoing: ServerResponse,
    tail: number | undefined,
    cutAfter = Number.POSITIVE_INFINITY,
  ): void {
    const stop = new AbortController();
    outgoing.on('close', () => stop.abort());
    outgoing.write(': keep-alive\n\n');
    const work = async (): Promise<void> => {
      let at = tail === undefined ? 0 : Math.max(0, this.log.length - tail);
      for (let sent = 0; ;) {
        const event = this.log[at];
        if (sent >= cutAfter) return void outgoing.destroy();
        if (event !== undefined) {
          at += 1;
          sent += 1;
          outgoing.write(`data: ${JSON.stringify(event)}\n\n`);
        } else if (this.isOver) return void outgoing.end();
        else await once(this.#changed, 'change', { signal: stop.signal });
      }
    };
    work().catch(() => outgoing.destroy());
  }

  async remove(): Promise<void> {
    this.end('CANCELED');
    for (let tries = 0; tries < 100 && this.processes().length > 0; tries += 1) {
      killMarked(this.#mark);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    reaper?.forget(this.#mark);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #print(data: string): void {
    this.log.push({ data, timestamp: nextTimestamp() });
    this.#changed.emit('change');
  }

  #mount(key: string, mountPath: string): void {
    const folder = this.#options.volumes.get(key);
    if (folder === undefined) return;
    const place = path.resolve(this.root, mountPath.replace(/^\/+/, ''));
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(folder, place);
  }
}
