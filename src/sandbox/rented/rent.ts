/** Asks for a machine so that none is ever left behind: whatever happens on the way, it is handed over or ended. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import { withLimit } from '#platform/with-limit.ts';
import { newNonce } from '../server-token.ts';
import { endForSure } from './end-for-sure.ts';
import { giveBack } from './give-back.ts';
import { rememberedOf, type Lease, type Trace } from './lease.ts';
import type { Provider } from './provider.ts';
import { NEVER, type Attempt } from './attempt.ts';

/** What `ask` is given to put into the request. */
export interface Request {
  /** A mark of the request; whatever carries it was made by it. */
  readonly op: string;
  readonly nonce: string;
  readonly deadlineMs: number;
  readonly startedMs: number;
  readonly usdPerHour: number | undefined;
  /** To be called as soon as an id is told, where that is before there is a machine. */
  readonly onCreated: (machineId: string) => void;
}

export interface Rental {
  /** What is asked for, in the provider's words. */
  readonly hardware?: string | undefined;
  readonly account?: string | undefined;
  readonly usdPerHour?: number | undefined;
  readonly port: number;
  readonly access?: string | undefined;
  readonly lifetimeMs: number;
  /** How long to wait for a machine. */
  readonly capacityMs: number;
  /** Sends the request, and goes on when nobody waits for it any more: one that is cut off may have made something. */
  readonly ask: (request: Request) => Promise<Made>;
  /** Brings the machine into use. When it fails, the machine is ended. */
  readonly handOver: HandOver;
}

interface Made {
  readonly machineId: string;
  /** When its time began, in milliseconds since the epoch, where the answer means that it has. */
  readonly startedMs?: number;
}

/** Resolves when its server answers, with the moment at which its time began where that is news. */
export type HandOver = (lease: Lease) => Promise<{ readonly startedMs?: number }>;

/** How long an unanswered request is waited for before what carries its mark is looked for. */
const ANSWER_MS = 10_000;

/**
 * Rents a machine and hands it over. The lease says what is about to be asked before it is asked.
 *
 * @throws what the rental failed with; nothing runs then. `sandbox/stop-failed` when that cannot be seen; the lease says so, and
 *   every later look at the sandbox tries again.
 */
export async function rent(attempt: Attempt, rental: Rental): Promise<void> {
  const { context, provider, record, claimed } = attempt;
  const { hardware, account, usdPerHour, port, access, lifetimeMs, capacityMs } = rental;
  const { clock } = provider;
  const marks = { op: newUuid(), nonce: newNonce() };
  const deadlineMs = clock.now() + capacityMs + lifetimeMs;
  const asking = await record.changeAs(
    claimed.claim,
    ({ machineId: _before, ...current }): Lease => ({
      ...current,
      ...marks,
      phase: 'creating',
      port,
      lifetimeMs,
      deadlineMs,
      isAsking: true,
      ...(access !== undefined && { access }),
      ...(account !== undefined && { account }),
      ...(hardware !== undefined && { hardware }),
      ...(usdPerHour !== undefined && { usdPerHour }),
    }),
  );
  const asked = new Asked(provider);
  try {
    await context.remember(rememberedOf(asking));
    context.report({ message: `asking ${provider.name} for ${hardware ?? 'a machine'}` });
    throwIfAborted(context.signal);
    const onCreated = (id: string): void => {
      asked.machineId = id;
      asked.notes.push(note(attempt, id));
      const message = hardware === undefined ? 'booting' : `waiting for ${hardware}`;
      context.report({ message: `${message} (${id})` });
    };
    asked.start(
      rental.ask({ ...marks, deadlineMs, startedMs: claimed.startedMs, usdPerHour, onCreated }),
    );
    const { machineId, startedMs } = await asked.answered(capacityMs, context.signal);
    await Promise.all(asked.notes);
    const rented = await record.changeAs(claimed.claim, (current) => ({
      ...current,
      phase: 'running',
      machineId,
      isAsking: false,
      ...(startedMs !== undefined && { deadlineMs: startedMs + lifetimeMs }),
    }));
    await bringIntoUse(attempt, rented, rental.handOver);
  } catch (error) {
    await asked.settle();
    const { machineId } = asked;
    if (machineId === undefined)
      asked.whenLate((late) => endLate({ ...asking, ...late }, provider));
    await giveBack(attempt, machineId === undefined ? asking : { ...asking, machineId }, error);
    throw error;
  }
}

/** Brings a rented machine into use, also one of a process that died. Whoever calls it ends the machine when this fails. */
export async function bringIntoUse(
  { context, provider, record, claimed }: Attempt,
  lease: Lease,
  handOver: HandOver,
): Promise<void> {
  await context.remember(rememberedOf(lease));
  const { startedMs } = await handOver(lease);
  // The last moment at which giving up ends it; from here on it is the caller's.
  throwIfAborted(context.signal);
  const ready = await record.changeAs(claimed.claim, (current) => ({
    ...current,
    readyMs: provider.clock.now(),
    ...(startedMs !== undefined && { deadlineMs: startedMs + (current.lifetimeMs ?? 0) }),
  }));
  if (startedMs !== undefined) await context.remember(rememberedOf(ready));
}

/** The request under way, and what is known of its answer. */
class Asked {
  machineId: string | undefined;
  readonly notes: Promise<void>[] = [];
  readonly #provider: Provider;
  #answer: Promise<Made> | undefined;

  constructor(provider: Provider) {
    this.#provider = provider;
  }

  start(answer: Promise<Made>): void {
    this.#answer = answer.then((made) => {
      this.machineId = made.machineId;
      return made;
    });
    this.#answer.catch(() => undefined);
  }

  async answered(limitMs: number, signal: AbortSignal): Promise<Made> {
    const answer = this.#answer ?? Promise.reject(new Error('nothing was asked'));
    const { clock, name: who } = this.#provider;
    return withLimit({ clock, limitMs, signal, who }, (limited) =>
      abandonOn(answer, limited),
    ).catch((error: unknown) => {
      if (!isGloveboxError(error, 'timeout')) throw error;
      throw new GloveboxError(
        'sandbox/no-capacity',
        `${who} had no machine within ${limitMs / 1000} s.`,
        { hint: 'Ask for other hardware, or raise capacity_timeout_seconds. Nothing runs.' },
      );
    });
  }

  /** Until the request is answered, or an id is known, or it took too long. */
  async settle(): Promise<void> {
    if (this.#answer !== undefined && this.machineId === undefined) {
      const done = this.#answer.then(
        () => undefined,
        () => undefined,
      );
      await Promise.race([done, soon(this.#provider.clock)]);
    }
    await Promise.allSettled(this.notes);
  }

  /** Called back if the answer comes after all. */
  whenLate(end: (made: Made) => Promise<void>): void {
    this.#answer?.then(end).catch(() => undefined);
  }
}

/** Nobody waits for it any more, and whoever looked for its mark may have looked too early. */
async function endLate(late: Trace, provider: Provider): Promise<void> {
  await endForSure(late, provider, NEVER).catch((error: unknown) =>
    provider.log.error(messageOf(error)),
  );
}

const soon = (clock: Clock): Promise<void> => sleep(clock, ANSWER_MS);

/** So that a later process knows the id, even if this one dies while it waits for the machine. */
async function note({ record, claimed }: Attempt, machineId: string): Promise<void> {
  await record
    .changeAs(claimed.claim, (current) => ({ ...current, machineId }))
    .catch(() => undefined);
}
