/** Says how a local server stands, from its record, its process and its own answer, in that order of cost. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { removeIfExists } from '#platform/files.ts';
import {
  currentIdentity,
  lifeOf,
  processRow,
  type ProcessIdentity,
} from '#platform/process-identity.ts';
import type { SandboxHandle, SandboxState, SandboxStatus } from '#sandbox/backend.ts';
import { checkHealth } from '#sandbox/server-health.ts';
import { findServerProcess } from './find-server.ts';
import { endpointOf } from './endpoint.ts';
import { endFromLog, logTail } from './server-log.ts';
import type { RecordedEnd } from '#sandbox/recorded.ts';
import { serverFiles, serverStore, type ServerRecord, type ServerStore } from './server-record.ts';
import type { LocalContext } from './settings.ts';

export const LOG_LINES = 40;
const HEALTH_LIMIT_MS = 5000;
const STOPPING_MS = 30_000;

type Found = Pick<SandboxHandle, 'id' | 'generation'>;

/** @throws nothing but `cancelled`. */
export async function serverState(
  handle: Found,
  local: LocalContext,
  signal: AbortSignal,
): Promise<SandboxStatus> {
  throwIfAborted(signal);
  try {
    const { dir } = local.settings();
    const store = serverStore(dir, handle.id, local.clock);
    const record = await store.read();
    if (record === undefined) return stateWithoutRecord(handle, dir);
    return await new Examination(handle.id, record, store, local, signal).status();
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return { ...handle, state: 'unknown', detail: messageOf(error) };
  }
}

function stateWithoutRecord({ id, generation }: Found, dir: string): SandboxStatus {
  const process = findServerProcess(serverFiles(dir, id));
  if (process !== undefined) {
    const detail = `Its folder is gone, and its token with it, but process ${process.pid} still runs. Stop it to start anew.`;
    return { id, generation, state: 'unreachable', detail };
  }
  const message = 'Nothing of it is left on this machine.';
  return { id, generation, state: 'ended', end: { cause: 'unknown', message, logTail: [] } };
}

/** One look at one server. */
class Examination {
  readonly #id: string;
  readonly #record: ServerRecord;
  readonly #store: ServerStore;
  readonly #local: LocalContext;
  readonly #signal: AbortSignal;

  constructor(
    id: string,
    record: ServerRecord,
    store: ServerStore,
    local: LocalContext,
    signal: AbortSignal,
  ) {
    this.#id = id;
    this.#record = record;
    this.#store = store;
    this.#local = local;
    this.#signal = signal;
  }

  async status(): Promise<SandboxStatus> {
    const { phase, starter, end } = this.#record;
    if (phase === 'ended') return this.#ended(end);
    if (phase === 'preparing') return this.#preparing(lifeOf(starter));
    const server = this.#record.server ?? findServerProcess(this.#files());
    if (server !== undefined) return this.#started(server);
    const life = lifeOf(starter);
    if (life === 'alive') return this.#say(phase === 'stopping' ? 'stopping' : 'starting');
    if (life === 'elsewhere') return this.#elsewhere(starter);
    return this.#end('start-failed', 'The process that was starting it ended before it could.');
  }

  #preparing(life: ReturnType<typeof lifeOf>): Promise<SandboxStatus> | SandboxStatus {
    if (life === 'alive') return this.#say('preparing');
    if (life === 'elsewhere') return this.#elsewhere(this.#record.starter);
    return this.#end('start-failed', 'The process that was starting it ended before it could.');
  }

  async #started(server: ProcessIdentity): Promise<SandboxStatus> {
    const life = lifeOf(server);
    const row = life === 'alive' ? processRow(server.pid) : undefined;
    if (row?.state === 'stopped') {
      const detail = `Its process ${server.pid} is stopped (SIGSTOP); "kill -CONT ${server.pid}" lets it go on.`;
      return this.#say('unreachable', detail);
    }
    const endpoint = await endpointOf(this.#files(), this.#record);
    const health =
      endpoint === undefined || life === 'elsewhere'
        ? 'silent'
        : await checkHealth(endpoint, HEALTH_LIMIT_MS, this.#signal);
    // Its own answer counts more than a process table, which a container may hide.
    if (health === 'ours') return this.#healthy(server);
    if (life === 'elsewhere') return this.#elsewhere(server);
    if (life === 'gone') return this.#gone(server);
    if (this.#isStopping()) return this.#say('stopping');
    if (this.#record.readyMs === undefined) return this.#say('starting');
    const lost = endpoint === undefined ? 'its token is lost' : 'it does not answer';
    return this.#say(
      'unreachable',
      `Process ${server.pid} runs, but ${health === 'foreign' ? 'does not take its token' : lost}.`,
    );
  }

  async #healthy(server: ProcessIdentity): Promise<SandboxStatus> {
    if (this.#isStopping()) return this.#say('stopping');
    if (this.#record.readyMs === undefined || this.#record.server === undefined) {
      await this.#change((current) => ({
        ...current,
        phase: 'running',
        server,
        readyMs: this.#local.clock.now(),
      }));
      await removeIfExists(this.#files().config);
    }
    return this.#say('ready');
  }

  async #gone(server: ProcessIdentity): Promise<SandboxStatus> {
    if (this.#record.phase === 'stopping')
      return this.#end('stopped', 'It was stopped on request.');
    if (server.bootId !== currentIdentity().bootId) {
      return this.#end('unknown', 'The machine was restarted.');
    }
    const { cause, message } = endFromLog(await logTail(this.#files().log, LOG_LINES));
    const isStart = this.#record.readyMs === undefined && cause === 'unknown';
    return isStart
      ? this.#end('start-failed', 'Its process ended before it answered.')
      : this.#end(cause, message);
  }

  #elsewhere({ host }: ProcessIdentity): SandboxStatus {
    return this.#say('unknown', `It belongs to host ${host}, and only that one can tell.`);
  }

  #isStopping(): boolean {
    const { phase, stoppingMs = 0 } = this.#record;
    return phase === 'stopping' && this.#local.clock.now() - stoppingMs < STOPPING_MS;
  }

  /** Final, so it is kept: a log or a process table may say less tomorrow. */
  async #end(cause: RecordedEnd['cause'], message: string): Promise<SandboxStatus> {
    const tail = await logTail(this.#files().log, LOG_LINES);
    const end = { cause, message, atMs: this.#local.clock.now(), logTail: tail };
    await this.#change((current) => ({ ...current, phase: 'ended', end }));
    return this.#ended(end);
  }

  #ended(end: RecordedEnd | undefined): SandboxStatus {
    const known = end ?? { cause: 'unknown' as const, message: 'It has ended.', logTail: [] };
    return { ...this.#base(), state: 'ended', end: known };
  }

  #say(state: Exclude<SandboxState, 'ended'>, detail?: string): SandboxStatus {
    return { ...this.#base(), state, ...(detail !== undefined && { detail }) };
  }

  #base(): Pick<SandboxStatus, 'id' | 'generation' | 'host' | 'deadlineMs'> {
    const { generation, server, starter, deadlineMs } = this.#record;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    return { id: this.#id, generation, host: (server ?? starter).host, ...limit };
  }

  async #change(change: (current: ServerRecord) => ServerRecord): Promise<void> {
    await this.#store.update((current) => {
      if (current.claim !== this.#record.claim || current.phase !== this.#record.phase)
        return current;
      return change(current);
    });
  }

  #files(): ReturnType<typeof serverFiles> {
    return serverFiles(this.#local.settings().dir, this.#id);
  }
}

/** The error for a start that came to nothing, with what the log says. */
export function startFailed(
  message: string,
  tail: readonly string[],
  hint?: string,
): GloveboxError {
  const text = tail.length === 0 ? message : `${message} The end of its log:\n${tail.join('\n')}`;
  return new GloveboxError('sandbox/start-failed', text, hint === undefined ? {} : { hint });
}
