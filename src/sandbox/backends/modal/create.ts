/** Asks Modal for a machine so that none is ever left behind: whatever happens on the way, it is handed over or ended. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { Clock } from '#platform/clock.ts';
import { sleep } from '#platform/clock.ts';
import { newNonce } from '#sandbox/server-token.ts';
import { change, type Attempt } from './attempt.ts';
import { NEVER, withLimit } from './connection.ts';
import { endForSure, type Wanted } from './end-for-sure.ts';
import type { ModalRecord } from './record.ts';

/** What `ask` is given to put into the request. */
export interface Request {
  /** A tag of the request; whatever carries it was made by it. */
  readonly op: string;
  readonly nonce: string;
  readonly deadlineMs: number;
  /** To be called as soon as Modal tells an id. */
  readonly onCreated: (modalId: string) => void;
}

export interface Rental {
  readonly gpu?: string | undefined;
  readonly usdPerHour?: number | undefined;
  readonly lifetimeMs: number;
  /** How long to wait for a machine. */
  readonly capacityMs: number;
  /** How long machine and server may take until they answer. */
  readonly startMs: number;
  /** Sends the request; resolves with Modal's id when there is a machine. Goes on when nobody waits for it any more. */
  readonly ask: (request: Request) => Promise<string>;
  /** Brings the machine into use. When it fails, the machine is ended. */
  readonly handOver: (record: ModalRecord) => Promise<void>;
}

/** How long an unanswered request is waited for before what carries its tag is looked for. */
const ANSWER_MS = 10_000;

/**
 * Rents a machine and hands it over. The record says what is about to be asked before it is asked.
 *
 * @throws what the rental failed with; nothing runs then. `sandbox/stop-failed` when that cannot be seen; the record says so, and
 *   every later look at the sandbox tries again.
 */
export async function rent(attempt: Attempt, rental: Rental): Promise<void> {
  const { context, connection, layout } = attempt;
  const { gpu, usdPerHour, lifetimeMs, capacityMs, startMs } = rental;
  const request = { op: newUuid(), nonce: newNonce() };
  const deadlineMs = connection.clock.now() + capacityMs + lifetimeMs;
  await change(attempt, ({ modalId: _modalId, ...current }) => ({
    ...current,
    ...request,
    phase: 'creating',
    port: layout.port,
    deadlineMs,
    isAsking: true,
    ...(gpu !== undefined && { gpu }),
    ...(usdPerHour !== undefined && { usdPerHour }),
  }));
  const { op, nonce } = request;
  const asked = new Asked(connection.clock);
  try {
    await context.remember({ op, nonce, port: layout.port, deadlineMs });
    context.report({ message: `asking Modal for ${gpu ?? 'a machine'}` });
    throwIfAborted(context.signal);
    const onCreated = (id: string): void => {
      asked.modalId = id;
      asked.notes.push(note(attempt, id));
      const message = gpu === undefined ? 'booting' : `waiting for ${gpu}`;
      context.report({ message: `${message} (${id})` });
    };
    asked.start(rental.ask({ ...request, deadlineMs, onCreated }));
    const modalId = await asked.answered(capacityMs, context.signal);
    await Promise.all(asked.notes);
    const { clock } = connection;
    const record = await change(attempt, (current) => ({
      ...current,
      phase: 'running',
      modalId,
      deadlineMs: clock.now() + lifetimeMs,
      startLimitMs: clock.now() + startMs,
      isAsking: false,
    }));
    await context.remember({ modalId, deadlineMs: record.deadlineMs });
    await rental.handOver(record);
  } catch (error) {
    await asked.settle();
    await giveBack(attempt, { op, modalId: asked.modalId }, error);
    throw error;
  }
}

/** Brings one into use that was rented by a process that died. It is under the same guard. @throws as `rent` does. */
export async function takeOver(
  attempt: Attempt,
  record: ModalRecord,
  handOver: Rental['handOver'],
): Promise<void> {
  try {
    const { modalId, deadlineMs } = record;
    await attempt.context.remember({ modalId, deadlineMs });
    await handOver(record);
  } catch (error) {
    await giveBack(attempt, record, error);
    throw error;
  }
}

/** The request under way, and what is known of its answer. */
class Asked {
  modalId: string | undefined;
  readonly notes: Promise<void>[] = [];
  readonly #clock: Clock;
  #answer: Promise<string> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(answer: Promise<string>): void {
    this.#answer = answer;
    answer.catch(() => undefined);
  }

  async answered(limitMs: number, signal: AbortSignal): Promise<string> {
    const answer = this.#answer ?? Promise.reject(new Error('nothing was asked'));
    return withLimit(this.#clock, limitMs, signal, (limited) => abandonOn(answer, limited)).catch(
      (error: unknown) => {
        if (!isGloveboxError(error, 'timeout')) throw error;
        throw new GloveboxError(
          'sandbox/no-capacity',
          `Modal had no machine within ${limitMs / 1000} s.`,
          { hint: 'Ask for another GPU, or raise capacity_timeout_seconds. Nothing runs.' },
        );
      },
    );
  }

  /** Until the request is answered, or an id is known, or it took too long. */
  async settle(): Promise<void> {
    if (this.#answer !== undefined && this.modalId === undefined) {
      const done = this.#answer.then(
        () => undefined,
        () => undefined,
      );
      await Promise.race([done, sleep(this.#clock, ANSWER_MS)]);
    }
    await Promise.allSettled(this.notes);
  }
}

/** So that a later process knows the id, even if this one dies while it waits for the machine. */
async function note(attempt: Attempt, modalId: string): Promise<void> {
  await change(attempt, (current) => ({ ...current, modalId })).catch(() => undefined);
}

async function giveBack(
  { context, connection, store, options }: Attempt,
  { op, modalId }: Wanted,
  error: unknown,
): Promise<void> {
  const isWanted = options.keep_on_error && !isGloveboxError(error, 'cancelled');
  if (isWanted && modalId !== undefined) {
    connection.modal.log.warn(
      `Sandbox ${context.id} failed to start and was left running, as asked: ${modalId}.`,
    );
    return;
  }
  const { clock } = connection;
  const record = await store.read();
  const wanted = { op, modalId, usdPerHour: record?.usdPerHour };
  try {
    // Also when the caller has gone: what was rented for him must not stay.
    const limitMs = connection.modal.limits?.endMs;
    await endForSure(wanted, { sdk: await connection.sdk(), clock, signal: NEVER, limitMs });
  } catch (notEnded) {
    await store.update((current) =>
      current.op === op
        ? { ...current, phase: 'stopping', stoppingMs: 0, isAsking: false }
        : current,
    );
    if (!isGloveboxError(notEnded)) throw notEnded;
    throw new GloveboxError(
      'sandbox/stop-failed',
      `${notEnded.message} It was to be ended because: ${messageOf(error)}`,
      { cause: error, ...(notEnded.hint !== undefined && { hint: notEnded.hint }) },
    );
  }
  await store.update((current) => (current.op === op ? { ...current, isAsking: false } : current));
}
