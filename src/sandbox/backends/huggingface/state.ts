/** Says how a sandbox in a Job stands: from its record where that is final, else from the Hub, else from its own answer. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle, SandboxState, SandboxStatus } from '#sandbox/backend.ts';
import { storeOf } from './attempt.ts';
import { addressOf, checkHealth, endpointOf, type Address } from './endpoint.ts';
import { endOf } from './ends.ts';
import type { HubJob } from './hub-jobs.ts';
import { LABEL } from './labels.ts';
import { logTail } from './log.ts';
import type { JobEnd, JobRecord } from './record.ts';
import type { HuggingfaceContext } from './settings.ts';
import { withLimit } from './with-limit.ts';

const LIMIT_MS = 18_000;
const HEALTH_MS = 5000;
/** After that somebody else's request to end it is asked again. */
const STOPPING_MS = 20_000;

/** @throws nothing but `cancelled`. */
export async function jobState(
  handle: SandboxHandle,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<SandboxStatus> {
  throwIfAborted(signal);
  const { id, generation } = handle;
  try {
    return await withLimit(huggingface.clock, LIMIT_MS, signal, async (limited) => {
      const record = await storeOf(huggingface, id).read();
      return new Examination(handle, record, huggingface, limited).status();
    });
  } catch (error) {
    if (isGloveboxError(error, 'cancelled')) throw error;
    return { id, generation, state: 'unknown', detail: messageOf(error) };
  }
}

class Examination {
  readonly #handle: SandboxHandle;
  readonly #record: JobRecord | undefined;
  readonly #huggingface: HuggingfaceContext;
  readonly #signal: AbortSignal;

  constructor(
    handle: SandboxHandle,
    record: JobRecord | undefined,
    huggingface: HuggingfaceContext,
    signal: AbortSignal,
  ) {
    this.#handle = handle;
    this.#record = record;
    this.#huggingface = huggingface;
    this.#signal = signal;
  }

  async status(): Promise<SandboxStatus> {
    const record = this.#record;
    if (record?.phase === 'ended') return this.#ended(record.end);
    const address = addressOf(record, this.#handle.data);
    if (address !== undefined) return this.#rented(address);
    if (record !== undefined) return this.#onItsWay(record);
    return this.#ended({
      cause: 'unknown',
      message: 'Nothing on this machine knows of it, so nothing was rented from here.',
      atMs: this.#huggingface.clock.now(),
      logTail: [],
    });
  }

  /** No Job is known yet. */
  async #onItsWay({ phase, starter, op, namespace }: JobRecord): Promise<SandboxStatus> {
    const life = lifeOf(starter);
    if (life === 'elsewhere') return this.#say('unknown', `Host ${starter.host} is starting it.`);
    if (phase === 'stopping') return this.#say('stopping');
    if (life === 'alive') return this.#say(phase === 'creating' ? 'queued' : 'preparing');
    if (op !== undefined && namespace !== undefined && phase === 'creating') {
      // Its starter died after it asked: what carries the label of that request is it.
      const { hub } = this.#huggingface;
      const listed = await hub.list(namespace, { [LABEL.op]: op }, this.#signal);
      if (listed.some(({ isFinal }) => !isFinal))
        return this.#say('starting', 'its start was cut off');
    }
    return this.#end(
      { cause: 'start-failed', message: 'The process that was starting it ended before it could.' },
      undefined,
    );
  }

  async #rented(address: Address): Promise<SandboxStatus> {
    const { hub, clock } = this.#huggingface;
    const place = { namespace: address.namespace, id: address.jobId };
    const job = await hub.get(place, this.#signal).catch((error: unknown) => {
      if (isGloveboxError(error, 'remote/not-found')) return undefined;
      throw error;
    });
    const isHandedOver = this.#record === undefined || this.#record.readyMs !== undefined;
    if (job === undefined || job.isFinal) {
      const wasStopped = this.#record?.phase === 'stopping';
      return this.#end(endOf(job, { wasStopped, wasReady: isHandedOver }), address);
    }
    if (this.#record?.phase === 'stopping') {
      const sinceMs = clock.now() - (this.#record.stoppingMs ?? 0);
      if (sinceMs > STOPPING_MS) await hub.cancel(place, this.#signal);
      return this.#say('stopping');
    }
    if (!isHandedOver) return this.#starting(job);
    const isAnswering = job.exposeUrls.length > 0 && (await this.#answers(address, job));
    // The record of another machine is not here: whoever finds it running takes it as it is.
    if (isAnswering) return this.#say('ready');
    return this.#say('unreachable', `The Hub says ${job.stage}, but Jupyter does not answer.`);
  }

  async #answers(address: Address, job: HubJob): Promise<boolean> {
    const endpoint = await endpointOf(this.#handle.id, address, job, this.#huggingface);
    const answerMs = this.#huggingface.limits?.answerMs ?? HEALTH_MS;
    return (await checkHealth(endpoint, answerMs, this.#signal)) === 'ours';
  }

  #starting({ stage }: HubJob): SandboxStatus {
    const isCutOff = this.#record !== undefined && lifeOf(this.#record.starter) === 'gone';
    if (isCutOff) return this.#say('starting', 'its start was cut off');
    return stage === 'SCHEDULING'
      ? this.#say('queued', stage)
      : this.#say('starting', `${stage}, waiting for Jupyter`);
  }

  /** Final, so it is kept: the Hub may forget. */
  async #end(
    { cause, message }: Pick<JobEnd, 'cause' | 'message'>,
    address: Address | undefined,
  ): Promise<SandboxStatus> {
    const place = address && { namespace: address.namespace, id: address.jobId };
    const logLines = await logTail(place, this.#huggingface, this.#signal);
    const end = { cause, message, atMs: this.#huggingface.clock.now(), logTail: logLines };
    const record = this.#record;
    if (record === undefined) return this.#ended(end);
    // Of several who see the end at once, the first says when it was.
    const kept = await storeOf(this.#huggingface, this.#handle.id).update((current) =>
      current.claim === record.claim && current.phase === record.phase
        ? { ...current, phase: 'ended', end }
        : current,
    );
    return this.#ended(kept.phase === 'ended' ? kept.end : end);
  }

  #ended(end: JobEnd | undefined): SandboxStatus {
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
    const { generation = this.#handle.generation, flavor, usdPerHour } = this.#record ?? {};
    const address = addressOf(this.#record, data);
    const job = address && `${address.namespace}/${address.jobId}`;
    const words = ['Hugging Face', flavor, job].filter((word) => word !== undefined);
    const base = { id, generation, host: words.join(' ') };
    return usdPerHour === undefined ? base : { ...base, usdPerHour };
  }
}
