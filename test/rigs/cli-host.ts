/** A command line without machine behind it: streams are strings, time stands until it is moved, services are a few objects. */
import * as z from 'zod';
import type {
  CliClock,
  CliHost,
  CliRun,
  CliServices,
  CliSession,
  CliStream,
  SandboxView,
} from '#cli/host.ts';
import { runCli } from '#cli/program.ts';
import { createPolicy } from '#main/policy.ts';
import { loadConfig } from '#config/load.ts';
import { cancelled } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { defineBackend, type SandboxStatus } from '#sandbox/backend.ts';
import { checkForBackend } from '#sandbox/check-for-backend.ts';
import { BackendRegistry } from '#sandbox/registry.ts';
import { resolveConfig } from '#sandbox/sandbox-config.ts';
import { defineTool, textResult, type Tool } from '#tools/define-tool.ts';
import type { RunView, SessionView } from '#session/contract.ts';

export class FakeStream implements CliStream {
  text = '';
  isTTY = false;
  columns: number | undefined = undefined;

  write(text: string): void {
    this.text += text;
  }
}

/** Timers fire when `advance` passes them. */
export class FakeClock implements CliClock {
  #now = 0;
  #timers: { readonly due: number; readonly callback: () => void }[] = [];

  now(): number {
    return Date.UTC(2026, 0, 2, 3, 4, 5) + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ due }) => due <= end).toSorted((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = next.due;
      next.callback();
    }
    this.#now = end;
  }
}

export function sandboxView(
  status: Partial<SandboxStatus> = {},
  view: Partial<SandboxView> = {},
): SandboxView {
  const id = view.id ?? 'local-lab';
  return {
    id,
    name: id,
    backend: 'local',
    projectDir: '/project',
    createdMs: Date.UTC(2026, 0, 2, 3, 4, 0),
    options: {},
    serverRootDir: '/project',
    ...view,
    status: { id, state: 'ready', generation: 1, ...status },
  };
}

export function sessionView(view: Partial<SessionView> = {}): SessionView {
  return {
    id: 's-abc',
    sandboxId: 'local-lab',
    notebookPath: '/project/notebooks/probe.ipynb',
    kernelName: 'Python 3',
    kernelId: 'k1',
    generation: 1,
    state: 'idle',
    ownsKernel: true,
    runs: [],
    ...view,
  };
}

/** A run that goes through `views`, one per wait; the last stays. */
export function fakeRun(
  ...views: readonly Partial<RunView>[]
): CliRun & { readonly waits: number } {
  let at = 0;
  const current = (): RunView => ({
    id: 'r-1',
    sessionId: 's-abc',
    state: 'ok',
    executionCount: 1,
    outputs: [],
    droppedBytes: 0,
    elapsedMs: 1500,
    queuePosition: 0,
    notices: [],
    ...views[Math.min(at, views.length - 1)],
  });
  return {
    id: 'r-1',
    get waits() {
      return at;
    },
    get state() {
      return current().state;
    },
    get isFinal() {
      return !['queued', 'sent', 'running', 'waiting_input'].includes(current().state);
    },
    wait({ signal }) {
      if (signal.aborted) return Promise.reject(cancelled(signal));
      at += 1;
      return Promise.resolve();
    },
    view: current,
  };
}

/** The code cells of a notebook with the runs they lead to. */
export function fakeSession(
  cells: readonly {
    readonly source: string;
    readonly type?: 'code' | 'markdown';
    readonly run?: CliRun;
  }[],
): CliSession & { readonly calls: readonly string[] } {
  const calls: string[] = [];
  const views = cells.map(({ source, type = 'code' }, index) => ({
    id: `c${index}`,
    index,
    type,
    source,
  }));
  const runOf = (id: string): CliRun | undefined => cells[Number(id.slice(1))]?.run;
  return {
    id: 's-abc',
    calls,
    notebook: {
      path: '/project/notebooks/probe.ipynb',
      cells: () => views,
      flush: () => Promise.resolve(calls.push('flush')),
    },
    runCells: ([id = '']) => {
      calls.push(`run ${id}`);
      const [cell] = views.filter((view) => view.id === id);
      if (cell === undefined) throw new GloveboxError('cell/unknown', `no ${id}`);
      return Promise.resolve([{ cell, run: runOf(id) }]);
    },
    execute: ({ code }) => {
      calls.push(`execute ${code}`);
      return Promise.resolve(runOf('c0') ?? fakeRun());
    },
    scratch: (code, timeoutMs) => {
      calls.push(`scratch ${code} ${timeoutMs ?? ''}`.trim());
      return runOf('c0') ?? fakeRun();
    },
    interrupt: () => Promise.resolve(calls.push('interrupt')),
  };
}

/** A tool whose only work is to have parameters. */
export const fakeTool = (name: string): Tool =>
  defineTool({
    name,
    toolset: 'notebook',
    title: 'Greet',
    description: 'Greets somebody.',
    input: z.strictObject({ who: z.string().describe('Whom.'), times: z.int32().optional() }),
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    run: () => Promise.resolve(textResult('unused')),
  });

export const fakeBackend = defineBackend({
  id: 'local',
  summary: 'pretends to be a machine',
  needs: { commands: ['python3'] },
  options: z.strictObject({
    cpus: z.int32().optional().describe('Number of CPUs.'),
    label: z.string().optional().describe('A label.'),
  }),
  sharesHost: true,
  offers: () => Promise.resolve([]),
  start: () => Promise.reject(new GloveboxError('internal', 'not here')),
  state: () => Promise.reject(new GloveboxError('internal', 'not here')),
  endpoint: () => Promise.reject(new GloveboxError('internal', 'not here')),
  logs: () => Promise.resolve([]),
  stop: () => Promise.resolve(),
});

const registry = new BackendRegistry({ local: async () => fakeBackend });

export interface World {
  /** Where policy keeps its state; nothing is there otherwise. */
  readonly stateDir?: string;
  /** What the person at the terminal types; without it there is no terminal. */
  readonly typed?: string;
  /** Sandboxes on record, newest first. */
  sandboxes?: readonly SandboxView[];
  sessions?: readonly SessionView[];
  session?: CliSession;
  tools?: CliHost['tools'];
  env?: Readonly<Record<string, string>>;
  stdin?: string;
  parts?: Partial<CliServices['sandboxes']> & {
    readonly sessions?: Partial<CliServices['sessions']>;
  };
  callTool?: CliServices['callTool'];
  host?: Partial<CliHost>;
  terminal?: boolean;
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly calls: readonly string[];
  /** `out` as JSON. */
  readonly json: () => unknown;
}

/** Runs one command line. `calls` holds what the command did to sandboxes and sessions, in order. */
export async function runFake(argv: readonly string[], world: World = {}): Promise<CliResult> {
  const { host, calls, stdout, stderr } = fakeHost(world);
  const code = await runCli(argv, host);
  return { code, out: stdout.text, err: stderr.text, calls, json: () => JSON.parse(stdout.text) };
}

/** The host itself, for tests that press Ctrl-C. */
export function fakeHost(world: World): {
  readonly host: CliHost;
  readonly calls: string[];
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  readonly clock: FakeClock;
  readonly interrupt: () => void;
} {
  const calls: string[] = [];
  const [stdout, stderr, clock] = [new FakeStream(), new FakeStream(), new FakeClock()];
  stderr.isTTY = world.terminal ?? false;
  const { sandboxes = [], sessions = [] } = world;
  const { sessions: sessionParts, ...sandboxParts } = world.parts ?? {};
  const find = (id: string): SandboxView => {
    const found = sandboxes.find((view) => view.id === id);
    if (found === undefined)
      throw new GloveboxError('sandbox/unknown', `There is no sandbox "${id}".`);
    return found;
  };
  const note = <T>(call: string, value: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  let loaded: Awaited<ReturnType<CliHost['loadConfig']>> | undefined;
  const services: CliServices = {
    policy: createPolicy({ dir: world.stateDir ?? '/nowhere/state', env: world.env ?? {}, clock }),
    projectDir: '/project',
    sandboxes: {
      backends: () => ['local'],
      defaultBackend: () => 'local',
      backend: (id) =>
        id === 'local'
          ? Promise.resolve(fakeBackend)
          : Promise.reject(new GloveboxError('backend/unknown', `no ${id}`)),
      checkOptions: (backend, options, names) => checkForBackend(registry, backend, options, names),
      resolve: (config, fallback) =>
        resolveConfig(config, {
          registry: { load: (id) => services.sandboxes.backend(id) },
          profiles: loaded?.profiles() ?? new Map(),
          fallback: fallback ?? 'local',
        }),
      create: ({ backend, options, name, once }, { waitMs }) =>
        note(
          `create ${backend} ${name ?? ''}${JSON.stringify(options)} ${waitMs}${once === 'project' ? '' : ' another'}`,
          sandboxes[0] ?? sandboxView(),
        ),
      list: ({ includeEnded }) =>
        Promise.resolve(
          sandboxes.filter(({ status }) => includeEnded === true || status.state !== 'ended'),
        ),
      get: async (id) => find(id),
      wait: async (id, { waitMs }) => note(`wait ${id} ${waitMs}`, find(id)),
      stop: async (id) => note(`stop ${id}`, find(id)),
      logs: async (id, lines) => note(`logs ${id} ${lines}`, ['one', 'two']),
      origin: async (id) => ({ projectDir: '/project', backend: find(id).backend }),
      openPage: (id, notebook) => note(`openPage ${id} ${notebook}`, '/pages/x.html'),
      ...sandboxParts,
    },
    interfaces: {
      serve: () => Promise.reject(new GloveboxError('internal', 'nothing is served here')),
      stop: async () => undefined,
      list: async () => [],
      describe: ({ name }) => name,
    },
    sessions: {
      list: (all) => Promise.resolve(sessions.filter(({ state }) => all || state !== 'ended')),
      get: (id) =>
        world.session?.id === id
          ? Promise.resolve(world.session)
          : Promise.reject(new GloveboxError('session/unknown', `There is no session "${id}".`)),
      shutdown: (id) => note(`shutdown ${id}`, undefined),
      endAllIn: (id) => note(`endAllIn ${id}`, []),
      runScratch: ({ code }) => {
        if (world.session === undefined)
          return Promise.reject(new GloveboxError('internal', 'no session'));
        return note(`runScratch ${code}`, {
          session: world.session,
          run: world.session.scratch(code),
        });
      },
      ...sessionParts,
    },
    callTool:
      world.callTool ??
      ((tool, input) => note(`${tool.name} ${JSON.stringify(input)}`, { blocks: [] })),
    close: () => note('close', undefined),
  };
  const interrupts = new Set<() => void>();
  const host: CliHost = {
    version: '1.2.3',
    cwd: '/project',
    stdout,
    stderr,
    clock,
    tools: world.tools ?? [],
    probes: {
      nodeVersion: 'v20.19.0',
      platform: 'linux',
      stateFolder: () =>
        Promise.resolve({ path: '/state', exists: true, mode: 0o700, isWritable: true }),
      kernelPython: () =>
        Promise.resolve({
          path: '/py',
          version: 'Python 3.12',
          reason: '.venv',
          hasIpykernel: true,
        }),
      managedEnvironment: () => Promise.resolve({ path: '/state/envs/x', state: 'ready' }),
      findProgram: (name) => Promise.resolve(`/usr/bin/${name}`),
      remoteServices: () =>
        Promise.resolve({
          tokens: [{ service: 'GitHub', source: undefined }],
          cacheBytes: 2048,
        }),
      damagedRecords: () => Promise.resolve([]),
    },
    openUploads: () =>
      Promise.resolve({
        status: () =>
          Promise.resolve({
            isOn: false,
            because: 'nobody switched it on',
            repo: undefined,
            counts: { pending: 0, uploading: 0, done: 0, failed: 0, blocked: 0 },
          }),
        enable: (request) => note(`enable ${JSON.stringify(request)}`, undefined),
        disable: () => note('disable', { dropped: 2 }),
        list: () => Promise.resolve([]),
        preview: (id) =>
          note(`preview ${id}`, {
            path: '/t.jsonl',
            lines: 0,
            startedAt: undefined,
            redacted: [],
            leftOut: [],
          }),
        drain: () => note('drain', { outcome: 'off', entries: [] }),
      }),
    async loadConfig(flags) {
      loaded = await loadConfig({
        env: { HOME: '/nowhere', ...world.env },
        cwd: '/project',
        flags,
      });
      return loaded;
    },
    runScript: () => Promise.reject(new GloveboxError('internal', 'not here')),
    openServices: () => Promise.resolve(services),
    redact: async (_config, text) => text,
    ask: () => Promise.resolve('unavailable'),
    prompt: () => Promise.resolve(world.typed),
    isRunByAgent: false,
    readStdin: () => Promise.resolve(world.stdin ?? ''),
    onInterrupt(callback) {
      interrupts.add(callback);
      return () => interrupts.delete(callback);
    },
    openInBrowser: (file) => note(`browser ${file}`, true),
    logIn: (_config, destination) => note(`login ${destination}`, { wasOpen: false }),
    saveFile: (_config, name, data, folder) =>
      note(`save ${folder ?? 'default'}/${name} ${data.length}`, `/saved/${name}`),
    serveMcp: () => note('serveMcp', undefined),
    ...world.host,
  };
  return {
    host,
    calls,
    stdout,
    stderr,
    clock,
    interrupt: () => interrupts.forEach((callback) => callback()),
  };
}
