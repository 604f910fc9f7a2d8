/** Says how a Modal sandbox stands: from its record where that is final, else from Modal, else from its own answer. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle, SandboxState, SandboxStatus } from '#sandbox/backend.ts';
import { withLimit, type Connection } from './connection.ts';
import { addressOf, checkHealth, endpointAt, type Address } from './endpoint.ts';
import { endOf } from './ends.ts';
import { logTail } from './log.ts';
import type { ModalEnd, ModalRecord } from './record.ts';
import { TAG } from './tags.ts';

const LIMIT_MS = 18_000;
const HEALTH_MS = 5000;
/** After that somebody else's request to end it is asked again. */
const STOPPING_MS = 20_000;

/** @throws nothing but `cancelled`. */
export async function modalState(
  handle: SandboxHandle,
  connection: Connection,
  signal: AbortSignal,
): Promise<SandboxStatus> {
  throwIfAborted(signal);
  const { id, generation } = handle;
  try {
    return await withLimit(connection.clock, LIMIT_MS, signal, async (limited) => {
      const record = await connection.store(id).read();
      return new Examination(handle, record, connection, limited).status();
    });
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return { id, generation, state: 'unknown', detail: messageOf(error) };
  }
}

class Examination {
  readonly #handle: SandboxHandle;
  readonly #record: ModalRecord | undefined;
  readonly #connection: Connection;
  readonly #signal: AbortSignal;

  constructor(
    handle: SandboxHandle,
    record: ModalRecord | undefined,
    connection: Connection,
    signal: AbortSignal,
  ) {
    this.#handle = handle;
    this.#record = record;
    this.#connection = connection;
    this.#signal = signal;
  }

  async status(): Promise<SandboxStatus> {
    const record = this.#record;
    if (record?.phase === 'ended') return this.#ended(record.end);
    const address = addressOf(record, this.#handle.data);
    if (record === undefined && address === undefined) {
      return this.#ended({
        cause: 'unknown',
        message: 'Nothing on this machine knows of it, so nothing was rented from here.',
        atMs: this.#connection.clock.now(),
        logTail: [],
      });
    }
    if (address !== undefined) return this.#rented(address);
    return record === undefined ? this.#say('unknown') : this.#onItsWay(record);
  }

  /** Nothing is known to be rented yet. */
  async #onItsWay(record: ModalRecord): Promise<SandboxStatus> {
    const { phase, starter, op } = record;
    const life = lifeOf(starter);
    if (life === 'elsewhere') return this.#say('unknown', `Host ${starter.host} is starting it.`);
    if (phase === 'stopping') return this.#say('stopping');
    if (life === 'alive') return this.#say(phase === 'creating' ? 'queued' : 'preparing');
    if (op !== undefined && phase === 'creating') {
      // Its starter died after it asked: what carries the tag of that request is it.
      const sdk = await this.#connection.sdk();
      const [found] = await sdk.list({ [TAG.op]: op }, this.#signal);
      if (found !== undefined) return this.#say('starting', 'its start was cut off');
    }
    return this.#end('start-failed', 'The process that was starting it ended before it could.');
  }

  async #rented(address: Address): Promise<SandboxStatus> {
    const sdk = await this.#connection.sdk();
    const code = await sdk.poll(address.modalId, this.#signal);
    if (code !== 'running') return this.#gone(code);
    if (this.#record?.phase === 'stopping') {
      const sinceMs = this.#connection.clock.now() - (this.#record.stoppingMs ?? 0);
      if (sinceMs > STOPPING_MS) await sdk.terminate(address.modalId, this.#signal);
      return this.#say('stopping');
    }
    const endpoint = await endpointAt(address, this.#connection, this.#signal).catch(
      (error: unknown) => {
        if (isGloveboxError(error, 'server/unreachable')) return undefined;
        throw error;
      },
    );
    const health =
      endpoint === undefined ? 'silent' : await checkHealth(endpoint, HEALTH_MS, this.#signal);
    // The record of another machine is not here: whoever finds it running takes it as it is.
    const isHandedOver = this.#record === undefined || this.#record.readyMs !== undefined;
    if (health === 'ours' && isHandedOver) return this.#say('ready');
    if (isHandedOver)
      return this.#say('unreachable', 'Modal says that it runs, but Jupyter does not answer.');
    return this.#starting();
  }

  #starting(): SandboxStatus {
    const isCutOff = this.#record !== undefined && lifeOf(this.#record.starter) === 'gone';
    return this.#say('starting', isCutOff ? 'its start was cut off' : 'waiting for Jupyter');
  }

  async #gone(code: number | 'unknown-id'): Promise<SandboxStatus> {
    const { phase, readyMs, deadlineMs } = this.#record ?? {};
    const { cause, message } = endOf(code, {
      wasStopped: phase === 'stopping',
      wasReady: this.#record === undefined || readyMs !== undefined,
      deadlineMs,
    });
    return this.#end(cause, message);
  }

  /** Final, so it is kept: Modal forgets. */
  async #end(cause: ModalEnd['cause'], message: string): Promise<SandboxStatus> {
    const address = addressOf(this.#record, this.#handle.data);
    const tail = await logTail(address?.modalId, this.#connection, this.#signal);
    const end = { cause, message, atMs: this.#connection.clock.now(), logTail: [...tail] };
    const record = this.#record;
    if (record === undefined) return this.#ended(end);
    // Of several who see the end at once, the first says when it was.
    const kept = await this.#connection
      .store(this.#handle.id)
      .update((current) =>
        current.claim === record.claim && current.phase === record.phase
          ? { ...current, phase: 'ended', end }
          : current,
      );
    return this.#ended(kept.phase === 'ended' ? kept.end : end);
  }

  #ended(end: ModalEnd | undefined): SandboxStatus {
    const known = end ?? { cause: 'unknown' as const, message: 'It has ended.', logTail: [] };
    return { ...this.#base(), state: 'ended', end: known };
  }

  #say(state: Exclude<SandboxState, 'ended'>, detail?: string): SandboxStatus {
    const deadlineMs = this.#record?.deadlineMs ?? this.#handle.data['deadlineMs'];
    return {
      ...this.#base(),
      state,
      ...(detail !== undefined && { detail }),
      ...(typeof deadlineMs === 'number' && { deadlineMs }),
    };
  }

  #base(): Pick<SandboxStatus, 'id' | 'generation' | 'host' | 'usdPerHour'> {
    const { id, data } = this.#handle;
    const { generation = this.#handle.generation, gpu, usdPerHour } = this.#record ?? {};
    const modalId = addressOf(this.#record, data)?.modalId;
    const words = ['Modal', gpu, modalId].filter((word) => word !== undefined);
    const base = { id, generation, host: words.join(' ') };
    return usdPerHour === undefined ? base : { ...base, usdPerHour };
  }
}
