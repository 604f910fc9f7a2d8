/** Ends a local server with its kernels, and makes sure that they are gone. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import { lifeOf, toIdentity, type ProcessIdentity } from '#platform/process-identity.ts';
import { descendantsOf } from '#platform/process-list.ts';
import { stopProcess, waitUntilGone } from '#platform/process.ts';
import { findServerProcess } from './find-server.ts';
import { removeShortLivedFiles } from './remove-files.ts';
import { logTail } from './server-log.ts';
import {
  serverFiles,
  serverStore,
  type ServerFiles,
  type ServerRecord,
  type ServerStore,
} from './server-record.ts';
import { LOG_LINES } from './server-state.ts';
import type { LocalContext } from './settings.ts';

const GRACE_MS = 10_000;
/** Kernels end by themselves when their server is gone. */
const KERNEL_GRACE_MS = 3000;
/** How long a starter, told by the record that it is not wanted, may take to be seen with a process. */
const STARTER_MS = 2000;

export async function stopServer(
  id: string,
  local: LocalContext,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const { dir } = local.settings();
  const { clock } = local;
  const files = serverFiles(dir, id);
  const store = serverStore(dir, id, clock);
  const before = await store.read().catch((error: unknown) => {
    if (isGloveboxError(error, 'record/damaged')) return undefined;
    throw error;
  });
  if (before?.phase === 'ended') return removeShortLivedFiles(files, before.runtimeDir);
  const record = before === undefined ? undefined : await announce(store, clock);
  const server = record?.server ?? (await findStarted(record, files, clock, signal));
  if (server !== undefined) await endWithKernels(id, server, clock, signal);
  if (record !== undefined) await noteEnd(store, record, files, clock);
  return removeShortLivedFiles(files, record?.runtimeDir);
}

/** From here on nobody who is starting it may go on. */
function announce(store: ServerStore, clock: Clock): Promise<ServerRecord> {
  const claim = newUuid();
  return store.update((current) =>
    current.phase === 'ended'
      ? current
      : { ...current, claim, phase: 'stopping', stoppingMs: clock.now() },
  );
}

async function findStarted(
  record: ServerRecord | undefined,
  files: ServerFiles,
  clock: Clock,
  signal: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  const deadline = clock.monotonic() + STARTER_MS;
  for (;;) {
    const found = findServerProcess(files);
    if (found !== undefined) return found;
    // Only between its last look at the record and the start of the process can a starter miss that it is not wanted.
    const mayStartYet = record?.port !== undefined && lifeOf(record.starter) === 'alive';
    if (!mayStartYet || clock.monotonic() >= deadline) return undefined;
    await sleep(clock, 50, signal);
  }
}

async function endWithKernels(
  id: string,
  server: ProcessIdentity,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const kernels =
    lifeOf(server) === 'alive' ? descendantsOf(server.pid).map((row) => toIdentity(row)) : [];
  try {
    const result = await stopProcess(server, { graceMs: GRACE_MS, clock, signal });
    if (result === 'not-ours') throw notOurs(id, server);
    for (const kernel of kernels) {
      if (!(await waitUntilGone(kernel, KERNEL_GRACE_MS, { clock, signal }))) {
        await stopProcess(kernel, { graceMs: 0, clock, signal });
      }
    }
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') || isGloveboxError(error, 'sandbox/stop-failed'))
      throw error;
    throw new GloveboxError(
      'sandbox/stop-failed',
      `Sandbox ${id} could not be stopped: ${messageOf(error)}`,
      {
        hint: 'Call sandbox_stop again; what is known about it is kept.',
        cause: error,
      },
    );
  }
}

async function noteEnd(
  store: ServerStore,
  stopping: ServerRecord,
  files: ServerFiles,
  clock: Clock,
): Promise<void> {
  const tail = await logTail(files.log, LOG_LINES);
  const end = {
    cause: 'stopped' as const,
    message: 'It was stopped on request.',
    atMs: clock.now(),
    logTail: tail,
  };
  await store.update((current) =>
    current.claim === stopping.claim ? { ...current, phase: 'ended', end } : current,
  );
}

function notOurs(id: string, { host, pid, uid }: ProcessIdentity): GloveboxError {
  return new GloveboxError(
    'sandbox/stop-failed',
    `Process ${pid} of sandbox ${id} belongs to host ${host} and user ${uid}, so it is not ours to end from here.`,
    { hint: `Stop it on ${host}.` },
  );
}
