/** Says how a rented sandbox stands: from its lease where that is final, else from its provider, else from its own answer. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { lifeOf } from '#platform/process-identity.ts';
import { withLimit } from '#platform/with-limit.ts';
import type { SandboxHandle, SandboxState, SandboxStatus } from '../backend.ts';
import type { RecordedEnd } from '../recorded.ts';
import { checkHealth } from '../server-health.ts';
import { leaseOf, machineIn, traceOf, type Lease, type ServerMachine } from './lease.ts';
import { logTail } from './log-tail.ts';
import type { EndReason, Look, Provider } from './provider.ts';

const LIMIT_MS = 18_000;
const HEALTH_MS = 5000;
/** After that somebody else's request to end it is asked again. */
const STOPPING_MS = 20_000;

/** @throws nothing but `cancelled`. */
export async function rentedState(
  handle: SandboxHandle,
  provider: Provider,
  signal: AbortSignal,
): Promise<SandboxStatus> {
  throwIfAborted(signal);
  const { id, generation } = handle;
  const limit = { clock: provider.clock, limitMs: LIMIT_MS, signal, who: provider.name };
  try {
    return await withLimit(limit, async (limited) => {
      const lease = await leaseOf(provider, id).read();
      return new Examination(handle, lease, provider, limited).status();
    });
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return { id, generation, state: 'unknown', detail: messageOf(error) };
  }
}

class Examination {
  readonly #handle: SandboxHandle;
  readonly #lease: Lease | undefined;
  readonly #provider: Provider;
  readonly #machine: ServerMachine | undefined;
  readonly #signal: AbortSignal;

  constructor(
    handle: SandboxHandle,
    lease: Lease | undefined,
    provider: Provider,
    signal: AbortSignal,
  ) {
    this.#handle = handle;
    this.#lease = lease;
    this.#provider = provider;
    this.#machine = machineIn(handle.id, traceOf(lease, handle.data));
    this.#signal = signal;
  }

  async status(): Promise<SandboxStatus> {
    if (this.#lease?.phase === 'ended') return this.#ended(this.#lease.end);
    if (this.#machine !== undefined) return this.#rented(this.#machine);
    if (this.#lease !== undefined) return this.#onItsWay(this.#lease);
    return this.#ended({
      cause: 'unknown',
      message: 'Nothing on this machine knows of it, so nothing was rented from here.',
      atMs: this.#provider.clock.now(),
      logTail: [],
    });
  }

  /** No machine is known yet. */
  async #onItsWay(lease: Lease): Promise<SandboxStatus> {
    const { phase, starter, op } = lease;
    const life = lifeOf(starter);
    if (life === 'elsewhere') return this.#say('unknown', `Host ${starter.host} is starting it.`);
    if (phase === 'stopping') return this.#endUnseen(lease);
    if (life === 'alive') return this.#say(phase === 'creating' ? 'queued' : 'preparing');
    if (op !== undefined && phase === 'creating') {
      // Its starter died after it asked: what carries the mark of that request is it.
      if ((await livingOf(lease, this.#provider, this.#signal)) !== undefined)
        return this.#say('starting', 'its start was cut off');
    }
    return this.#end({
      cause: 'start-failed',
      message: 'The process that was starting it ended before it could.',
    });
  }

  /** Somebody ends it, or could not see its end: what carries the mark of its request is looked for, and ended. */
  async #endUnseen(lease: Lease): Promise<SandboxStatus> {
    const { stoppingMs = 0, isAsking, starter, account } = lease;
    const mayStillMake = isAsking === true && lifeOf(starter) !== 'gone';
    const isRecent = this.#provider.clock.now() - stoppingMs <= STOPPING_MS;
    if (isRecent || mayStillMake) return this.#say('stopping');
    const id = await livingOf(lease, this.#provider, this.#signal);
    if (id === undefined)
      return this.#end({ cause: 'stopped', message: 'It was stopped on request.' });
    await this.#provider.end({ id, account }, this.#signal);
    return this.#say('stopping');
  }

  async #rented(machine: ServerMachine): Promise<SandboxStatus> {
    const { clock, name, limits } = this.#provider;
    const look = await this.#provider.look(machine, this.#signal);
    const isStopping = this.#lease?.phase === 'stopping';
    // The lease of another machine is not here: whoever finds it running takes it as it is.
    const isHandedOver = this.#lease === undefined || this.#lease.readyMs !== undefined;
    if (look.isOver)
      return this.#end(look.reason({ wasStopped: isStopping, wasReady: isHandedOver }));
    if (isStopping) {
      const sinceMs = clock.now() - (this.#lease?.stoppingMs ?? 0);
      if (sinceMs > STOPPING_MS) await this.#provider.end(machine, this.#signal);
      return this.#say('stopping');
    }
    if (!isHandedOver) return this.#starting(look);
    const endpoint = await look.endpoint(machine).catch((error: unknown) => {
      if (isGloveboxError(error, 'server/unreachable')) return undefined;
      throw error;
    });
    const answerMs = limits.answerMs ?? HEALTH_MS;
    const isAnswering =
      endpoint !== undefined && (await checkHealth(endpoint, answerMs, this.#signal)) === 'ours';
    if (isAnswering) return this.#say('ready');
    const word = look.word ?? 'that it runs';
    return this.#say('unreachable', `${name} says ${word}, but Jupyter does not answer.`);
  }

  #starting({ isQueued, word }: Look & { readonly isOver: false }): SandboxStatus {
    const isCutOff = this.#lease !== undefined && lifeOf(this.#lease.starter) === 'gone';
    if (isCutOff) return this.#say('starting', 'its start was cut off');
    if (isQueued) return this.#say('queued', word);
    const words = [word, 'waiting for Jupyter'].filter((part) => part !== undefined);
    return this.#say('starting', words.join(', '));
  }

  /** Final, so it is kept: providers forget. */
  async #end({ cause, message }: EndReason): Promise<SandboxStatus> {
    const tail = await logTail(this.#machine, this.#provider, this.#signal);
    const end = { cause, message, atMs: this.#provider.clock.now(), logTail: tail };
    const lease = this.#lease;
    if (lease === undefined) return this.#ended(end);
    // Of several who see the end at once, the first says when it was.
    const kept = await leaseOf(this.#provider, this.#handle.id).update((current) =>
      current.claim === lease.claim && current.phase === lease.phase
        ? { ...current, phase: 'ended', end }
        : current,
    );
    return this.#ended(kept.phase === 'ended' ? kept.end : end);
  }

  #ended(end: RecordedEnd | undefined): SandboxStatus {
    const known = end ?? { cause: 'unknown' as const, message: 'It has ended.', logTail: [] };
    return { ...this.#base(), state: 'ended', end: known };
  }

  #say(state: Exclude<SandboxState, 'ended'>, detail?: string): SandboxStatus {
    const { deadlineMs } = traceOf(this.#lease, this.#handle.data) ?? {};
    return {
      ...this.#base(),
      state,
      ...(detail !== undefined && { detail }),
      ...(deadlineMs !== undefined && { deadlineMs }),
    };
  }

  #base(): Omit<SandboxStatus, 'state'> {
    const { id } = this.#handle;
    const { generation = this.#handle.generation, hardware } = this.#lease ?? {};
    const { usdPerHour } = traceOf(this.#lease, this.#handle.data) ?? {};
    const { account, id: machineId } = this.#machine ?? {};
    const machine = [account, machineId].filter((part) => part !== undefined).join('/');
    const words = [this.#provider.brand, hardware, machine].filter(Boolean);
    const { beforehandUsd = 0 } = this.#lease ?? {};
    const paidSinceMs = this.#lease === undefined ? undefined : paidSince(this.#lease);
    return {
      id,
      generation,
      host: words.join(' '),
      ...(usdPerHour !== undefined && { usdPerHour }),
      ...(paidSinceMs !== undefined && { paidSinceMs }),
      ...(beforehandUsd > 0 && { beforehandUsd }),
    };
  }
}

/** Until it was handed over its deadline is only the latest possible one. */
const paidSince = ({ readyMs, deadlineMs, lifetimeMs }: Lease): number | undefined =>
  readyMs === undefined || deadlineMs === undefined || lifetimeMs === undefined
    ? undefined
    : deadlineMs - lifetimeMs;

/** The machine that was made by the request of that lease and has not ended; of several the one whose id the lease has. */
export async function livingOf(
  lease: Lease,
  provider: Provider,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { op, account, machineId } = lease;
  if (op === undefined) return undefined;
  const made = await provider.madeBy(op, lease, signal);
  const sorted = made.toSorted((a, b) => Number(b === machineId) - Number(a === machineId));
  for (const id of sorted) if (!(await provider.look({ id, account }, signal)).isOver) return id;
  return undefined;
}
