/** A command line without machine behind it: runs one and tells what it printed and what it asked for. */
import { loadConfig } from '#config/load.ts';
import { GloveboxError } from '#core/errors.ts';
import type { CliHost } from '#cli/host.ts';
import { runCli } from '#cli/program.ts';
import { fakeServices, type World } from './cli-services.ts';
import { FakeClock, FakeStream } from './cli-terminal.ts';

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
  const note = <T>(call: string, value: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  let loaded: Awaited<ReturnType<CliHost['loadConfig']>> | undefined;
  const services = fakeServices(world, { clock, note, loaded: () => loaded });
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
          tokens: [{ service: 'GitHub', host: 'api.github.com', source: undefined }],
          cacheBytes: 2048,
        }),
      modal: () => Promise.resolve({ hasToken: false, account: undefined }),
      huggingface: () => Promise.resolve({ kind: 'no-token' }),
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
