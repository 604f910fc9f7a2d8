/** Brings up a project's server: finds the one that lives, follows the one that is being started, or starts one. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { secretsByScope } from '#sandbox/kernel-variables.ts';
import { checkMachine } from './check-machine.ts';
import { equipLocally } from './equip-locally.ts';
import { findKernelPython, type KernelPython } from './find-python.ts';
import { launchServer } from './launch.ts';
import {
  ensureManagedEnvironment,
  findEnvironmentWith,
  SERVER_REQUIREMENTS,
} from './managed-environment.ts';
import { fetchLocalWeights, hubCacheOf, planLocalModels } from './models.ts';
import { hasModule } from './probe-python.ts';
import { removeShortLivedFiles } from './remove-files.ts';
import { runtimeDirFor } from './runtime-dir.ts';
import { writeKernels } from './server-config.ts';
import { logTail } from './server-log.ts';
import { serverFiles, serverStore, type ServerRecord, type ServerStore } from './server-record.ts';
import { LOG_LINES, serverState } from './server-state.ts';
import {
  idleHoursS,
  type LocalContext,
  type LocalOptions,
  type LocalSettings,
} from './settings.ts';

/** After that a server that never answered is returned as it is, whoever started it. */
const FOLLOW_LIMIT_MS = 60_000;

export async function startServer(
  options: LocalOptions,
  context: StartContext,
  local: LocalContext,
): Promise<SandboxStatus> {
  const { id, projectDir, signal } = context;
  throwIfAborted(signal);
  const settings = local.settings();
  refusePublicAddress(settings.bindIp);
  const rootDir = await realFolder(settings.serverRootDir ?? projectDir);
  const store = serverStore(settings.dir, id, local.clock);
  for (;;) {
    const alive = await followLiving(store, context, local);
    if (alive !== undefined) {
      await context.remember({ rootDir: (await store.read())?.rootDir ?? rootDir });
      return alive;
    }
    const claimed = await store.claim({
      projectDir,
      rootDir,
      phase: 'preparing',
      generation: 1,
      claim: newUuid(),
      starter: currentIdentity(),
      startedMs: local.clock.now(),
    });
    if (claimed === undefined) continue;
    try {
      await context.remember({ rootDir });
      await bringUp(options, context, local, { settings, store, claimed });
      return await serverState({ id, generation: claimed.generation }, local, signal);
    } catch (error) {
      await finishFailed(error, context, local, { settings, store, claimed });
      throw error;
    }
  }
}

interface Attempt {
  readonly settings: LocalSettings;
  readonly store: ServerStore;
  readonly claimed: ServerRecord;
}

/** The status of a server that lives, waited for while somebody else is starting it; undefined when there is none. */
async function followLiving(
  store: ServerStore,
  { id, signal, report }: StartContext,
  local: LocalContext,
): Promise<SandboxStatus | undefined> {
  const { clock } = local;
  const deadline = clock.monotonic() + FOLLOW_LIMIT_MS;
  for (;;) {
    const record = await store.read();
    if (record === undefined) {
      // Its folder may be gone while it still runs: that one is told of, and never a second started beside it.
      const status = await serverState({ id, generation: 0 }, local, signal);
      return status.state === 'ended' ? undefined : status;
    }
    const status = await serverState({ id, generation: record.generation }, local, signal);
    if (status.state === 'ended') return undefined;
    const isOnItsWay = status.state === 'preparing' || status.state === 'stopping';
    const isSoon = status.state === 'starting' && clock.monotonic() < deadline;
    if (!isOnItsWay && !isSoon) return status;
    report({
      message: status.state === 'preparing' ? 'another process is starting it' : status.state,
    });
    await sleep(clock, 100, signal);
  }
}

async function bringUp(
  options: LocalOptions,
  context: StartContext,
  local: LocalContext,
  { settings, store, claimed }: Attempt,
): Promise<void> {
  const { id, projectDir, signal } = context;
  const files = serverFiles(settings.dir, id);
  const { variables = settings.environment } = settings;
  const secrets = secretsByScope(options.secrets, variables);
  const devices = await checkMachine(options, settings.environment, signal);
  const kernel = await findKernelPython(options, settings, projectDir, signal);
  const hub = { ...settings, hubToken: secrets.download['HF_TOKEN'] ?? settings.hubToken };
  const models = await planLocalModels(options.models ?? [], hub, { projectDir, signal });
  const serverPython = await findServerPython(kernel, options, settings, local, context);
  const { report } = context;
  await fetchLocalWeights(models, hub, { python: serverPython, signal, report });
  const { rootDir } = claimed;
  const equipped = await equipLocally(options, {
    settings,
    context,
    kernel,
    serverPython,
    rootDir,
    secrets,
  });
  const env = { ...devices, ...hubCacheOf(options, settings), ...options.env };
  await writeKernels(files, settings, { kernel, serverPython, projectDir, models, equipped, env });
  const idleS = options.idle_timeout_seconds ?? idleHoursS(options.idle_h);
  context.report({ message: 'starting the Jupyter server' });
  const launched = await launchServer({
    local,
    settings,
    files,
    store,
    claim: claimed.claim,
    rootDir,
    runtimeDir: runtimeDirFor(settings.dir, id),
    idleMs: idleS === undefined ? settings.idleMs : 0,
    kernelIdleS: idleS ?? 0,
    lifetimeS: options.max_lifetime_seconds,
    readyS: options.start_timeout_seconds,
    transport: options.kernel_transport ?? 'ipc',
    forwardPorts: options.ports ?? [],
    kernelSecrets: secrets.kernel,
    serverPython,
    signal,
    announce: () => context.remember({ rootDir }),
  });
  const { port, server } = launched;
  await context.remember({ port, pid: server?.pid, host: server?.host });
}

/** Where the server itself runs: an environment of ours, so that nobody's packages can break it. */
async function findServerPython(
  kernel: KernelPython,
  options: LocalOptions,
  settings: LocalSettings,
  { clock }: LocalContext,
  { signal, report }: StartContext,
): Promise<string> {
  const envsDir = settings.envsDir ?? path.join(settings.dir, 'envs');
  const packages = kernel.kind === 'managed' ? (options.packages ?? settings.packages) : [];
  const requirements = [...SERVER_REQUIREMENTS, ...packages];
  const pythonVersion = kernel.kind === 'managed' ? options.python_version : undefined;
  if (kernel.kind === 'found') {
    const existing = await findEnvironmentWith(envsDir, requirements);
    if (existing !== undefined) return existing;
    const { python } = kernel;
    if (
      settings.offline &&
      hasModule(python, 'jupyterlab') &&
      hasModule(python, 'jupyter_server')
    ) {
      return python.executable;
    }
  }
  return ensureManagedEnvironment({
    envsDir,
    pythonDir: settings.pythonDir,
    requirements,
    pythonVersion,
    environment: settings.environment,
    offline: settings.offline,
    clock,
    signal,
    report: (progress) => report(progress),
  });
}

/** Leaves the record as it is when a process runs that goes on starting by itself; else says that nothing does. */
async function finishFailed(
  failure: unknown,
  { id }: StartContext,
  { clock }: LocalContext,
  { settings, store, claimed }: Attempt,
): Promise<void> {
  const isCancelled = isGloveboxError(failure, 'cancelled');
  const cause = isCancelled ? ('cancelled' as const) : ('start-failed' as const);
  const message = isCancelled ? 'The start was given up.' : messageOf(failure);
  const files = serverFiles(settings.dir, id);
  try {
    const wasLaunched = (await store.read())?.port !== undefined;
    const tail = wasLaunched ? await logTail(files.log, LOG_LINES) : [];
    const now = await store.update((current) => {
      const goesOn = isCancelled && current.phase === 'running';
      if (current.claim !== claimed.claim || goesOn) return current;
      return {
        ...current,
        phase: 'ended',
        end: { cause, message, atMs: clock.now(), logTail: tail },
      };
    });
    if (now.claim === claimed.claim && now.phase === 'ended') {
      await removeShortLivedFiles(files, runtimeDirFor(settings.dir, id));
    }
  } catch (error) {
    // The start's own failure matters more, and an unreadable record is reported by whoever asks for the state.
    if (!isGloveboxError(error)) throw error;
  }
}

function refusePublicAddress(ip: string): void {
  if (/^(127\.\d+\.\d+\.\d+|::1)$/.test(ip)) return;
  throw new GloveboxError(
    'config/invalid',
    `A local Jupyter server does not listen on ${ip}: everybody on the network could run code here.`,
    {
      hint: 'Leave GLOVEBOX_LOCAL_BIND_IP at 127.0.0.1 and reach this machine with "ssh -L PORT:127.0.0.1:PORT".',
    },
  );
}

async function realFolder(folder: string): Promise<string> {
  return realpath(folder).catch((error: unknown) => {
    throw new GloveboxError(
      'path/not-found',
      `The server's root folder ${folder} cannot be used: ${messageOf(error)}`,
      {
        hint: 'Set GLOVEBOX_SERVER_ROOT_DIR to an existing folder, or unset it.',
        cause: error,
      },
    );
  });
}
