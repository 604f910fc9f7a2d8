/** Starts the Jupyter server's process and waits until it answers with our token. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { sleep } from '#platform/clock.ts';
import { childEnvironment } from '#platform/environment.ts';
import { removeIfExists, writeFileAtomic } from '#platform/files.ts';
import { findFreePort } from '#platform/ports.ts';
import { spawnDetached, stopProcess, type DetachedProcess } from '#platform/process.ts';
import { checkHealth } from '#sandbox/server-health.ts';
import { configArgument } from './find-server.ts';
import { endpointOf } from './endpoint.ts';
import { makeServerFolders, writeServerConfig } from './server-config.ts';
import { logTail, rotateLog } from './server-log.ts';
import type { ServerFiles, ServerRecord, ServerStore } from './server-record.ts';
import { LOG_LINES, startFailed } from './server-state.ts';
import type { LocalContext, LocalSettings } from './settings.ts';

export interface Launch {
  readonly local: LocalContext;
  readonly settings: LocalSettings;
  readonly files: ServerFiles;
  readonly store: ServerStore;
  /** Ours as long as the record has it. */
  readonly claim: string;
  readonly rootDir: string;
  readonly runtimeDir: string;
  readonly idleMs: number;
  readonly kernelIdleS: number;
  readonly lifetimeS?: number | undefined;
  /** How long it may take until it answers. Default: a minute. */
  readonly readyS?: number | undefined;
  readonly transport: 'ipc' | 'tcp';
  readonly forwardPorts: readonly number[];
  readonly kernelSecrets: Readonly<Record<string, string>>;
  readonly serverPython: string;
  readonly signal: AbortSignal;
  /** Called before a process is started. */
  readonly announce: () => Promise<void>;
}

const PORT_TRIES = 5;
const READY_LIMIT_S = 60;
const ONE_ANSWER_MS = 5000;
const STOP_GRACE_MS = 2000;

/**
 * @returns the record of the running server.
 * @throws `sandbox/start-failed` with the end of the log; nothing runs then. `cancelled`: a server that was started by then goes
 *   on starting, and is found through its record.
 */
export async function launchServer(launch: Launch): Promise<ServerRecord> {
  const { files, runtimeDir, signal } = launch;
  await makeServerFolders(files, runtimeDir);
  await rotateLog(files.log);
  for (let attempt = 1; ; attempt += 1) {
    const port = await prepare(launch);
    const server = await startProcess(launch, port);
    const outcome = await untilAnswering(launch, server);
    if (outcome === 'ready') {
      const { clock } = launch.local;
      const record = await launch.store.changeAs(launch.claim, (current) => ({
        ...current,
        readyMs: clock.now(),
      }));
      // The token is in a file of its own; the hand-over is done.
      await removeIfExists(files.config);
      return record;
    }
    const tail = await logTail(files.log, LOG_LINES);
    const isPortTaken = tail.some((line) => /already in use|Address in use/i.test(line));
    if (isPortTaken && attempt < PORT_TRIES && !signal.aborted) continue;
    await stopProcess(server.identity, { graceMs: STOP_GRACE_MS, clock: launch.local.clock });
    throw startFailed(`The Jupyter server ${outcome}.`, tail, hintFor(tail, launch));
  }
}

/** Everything the process reads, and the record, before there is a process. */
async function prepare(launch: Launch): Promise<number> {
  const { settings, files, rootDir, runtimeDir, idleMs, transport, forwardPorts } = launch;
  const { kernelIdleS, lifetimeS, local, kernelSecrets } = launch;
  const { bindIp, portMin, portMax } = settings;
  const port = await findFreePort(bindIp, { min: portMin, max: portMax });
  const token = randomBytes(24).toString('hex');
  await writeFileAtomic(files.token, token);
  const deadlineMs = lifetimeS === undefined ? undefined : local.clock.now() + lifetimeS * 1000;
  const limits = { idleMs, kernelIdleS, deadlineMs };
  const served = { port, rootDir, transport, forwardPorts, kernelSecrets, ...limits };
  await writeServerConfig({ files, settings, token, ...served });
  await launch.store.changeAs(launch.claim, (current) => {
    const { server: _server, ...rest } = current;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    return { ...rest, ...limit, phase: 'launching', port, bindIp, runtimeDir };
  });
  await launch.announce();
  return port;
}

async function startProcess(launch: Launch, port: number): Promise<DetachedProcess> {
  const { settings, files, rootDir, runtimeDir, serverPython, local } = launch;
  // Isolated: neither PYTHONPATH nor the user's own site-packages reach the server. Kernels may see both.
  const argv = [
    serverPython,
    '-I',
    path.join(settings.pythonDir, 'serve.py'),
    configArgument(files),
  ];
  const env = childEnvironment(settings.environment, {
    pass: settings.passEnvironment,
    extra: {
      JUPYTER_CONFIG_DIR: files.configDir,
      JUPYTER_DATA_DIR: files.dataDir,
      // First of all places, even before the server's own environment with the kernel it brings.
      JUPYTER_PATH: files.dataDir,
      JUPYTER_RUNTIME_DIR: runtimeDir,
      // The server removes it once it has read it, also when nobody waits for it any more.
      GLOVEBOX_FORGET: files.config,
    },
  });
  local.log.debug(`Starting a Jupyter server on port ${port}, log ${files.log}.`);
  const server = await spawnDetached(argv, { cwd: rootDir, env, logFile: files.log });
  try {
    await launch.store.changeAs(launch.claim, (current) => ({
      ...current,
      phase: 'running',
      server: server.identity,
    }));
  } catch (error) {
    await stopProcess(server.identity, { graceMs: STOP_GRACE_MS, clock: local.clock });
    throw error;
  }
  return server;
}

/** `ready`, or how it failed, as the end of a sentence. */
async function untilAnswering(launch: Launch, { exited }: DetachedProcess): Promise<string> {
  const { local, files, store, signal } = launch;
  const { clock } = local;
  const record = await store.read();
  const endpoint = record === undefined ? undefined : await endpointOf(files, record);
  if (endpoint === undefined) return 'lost its record while it was starting';
  let end: Awaited<typeof exited> | undefined;
  const ended = exited.then((value) => {
    end = value;
    return undefined;
  });
  const limitS = launch.readyS ?? READY_LIMIT_S;
  const deadline = clock.monotonic() + limitS * 1000;
  for (let pauseMs = 25; clock.monotonic() < deadline; pauseMs = Math.min(pauseMs * 1.3, 500)) {
    await Promise.race([sleep(clock, pauseMs, signal), ended]);
    if (end !== undefined) {
      return `ended with ${end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`}`;
    }
    const health = await checkHealth(endpoint, ONE_ANSWER_MS, signal);
    if (health === 'ours') return 'ready';
  }
  return `did not answer within ${limitS} s`;
}

function hintFor(tail: readonly string[], { serverPython, settings }: Launch): string {
  const text = tail.join('\n');
  const isManaged = serverPython.startsWith(settings.envsDir ?? path.join(settings.dir, 'envs'));
  if (/ModuleNotFoundError|ImportError/.test(text) && isManaged) {
    return `A package in the managed environment is damaged. Remove ${path.dirname(path.dirname(serverPython))}; the next start makes it anew.`;
  }
  return 'sandbox_list with this sandbox shows its log; starting it again is safe.';
}
