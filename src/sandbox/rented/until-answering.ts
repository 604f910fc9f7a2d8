/** Waits until a rented machine has hardware, and then until the Jupyter server in it answers. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import { checkHealth } from '../server-health.ts';
import { machineIn, type Lease, type ServerMachine } from './lease.ts';
import { logTail } from './log-tail.ts';
import type { Look, Provider } from './provider.ts';
import type { Attempt } from './attempt.ts';

export interface Patience {
  readonly capacityMs: number;
  /** From when it has hardware. */
  readonly startMs: number;
}

const LOOK_EVERY_MS = 2000;
const HEALTH_EVERY_MS = 250;
const ONE_ANSWER_MS = 5000;
/** Of failing to ask the provider, one after the other. */
const MAX_TROUBLES = 15;

type Living = Look & { readonly isOver: false };

/** @throws `sandbox/no-capacity`, `sandbox/start-failed` with the end of the log, at once when the machine has ended. */
export async function untilAnswering(
  { context, provider }: Attempt,
  lease: Lease,
  { capacityMs, startMs }: Patience,
): Promise<Living> {
  const { signal, report, id } = context;
  const { clock, limits, name } = provider;
  const { answerMs = ONE_ANSWER_MS, everyMs = HEALTH_EVERY_MS } = limits;
  const machine = machineIn(id, lease);
  if (machine === undefined) throw new GloveboxError('internal', 'A rented machine without an id.');
  const hardware = lease.hardware ?? 'a machine';
  const capacityEnd = clock.monotonic() + capacityMs;
  const looks = new Looks(machine, provider, signal);
  let startEnd: number | undefined;
  for (;;) {
    const look = await looks.next();
    if (look?.isOver === true) throw await failed(machine, look.how, provider, signal);
    if (look === undefined || look.isQueued) {
      report({ message: `waiting for ${hardware} (${machine.id})` });
      if (clock.monotonic() >= capacityEnd)
        throw new GloveboxError(
          'sandbox/no-capacity',
          `${name} had no ${lease.hardware ?? 'machine'} within ${capacityMs / 1000} s.`,
          { hint: 'Ask for other hardware, or raise capacity_timeout_seconds. Nothing runs.' },
        );
    } else {
      startEnd ??= clock.monotonic() + startMs;
      const word = look.word === undefined ? '' : ` (${look.word})`;
      report({ message: `waiting for Jupyter in ${machine.id}${word}` });
      const endpoint = await look.endpoint(machine).catch(unlessUnreachable);
      if (endpoint !== undefined && (await checkHealth(endpoint, answerMs, signal)) === 'ours')
        return look;
      if (clock.monotonic() >= startEnd) {
        const why = `did not answer within ${startMs / 1000} s`;
        throw await failed(machine, why, provider, signal);
      }
    }
    await sleep(clock, everyMs, signal);
  }
}

function unlessUnreachable(error: unknown): undefined {
  if (isGloveboxError(error, 'server/unreachable')) return undefined;
  throw error;
}

/** Looks at a machine now and then, and bears that the provider cannot be asked for a while. */
class Looks {
  readonly #machine: ServerMachine;
  readonly #provider: Provider;
  readonly #signal: AbortSignal;
  #last: Look | undefined;
  #nextMs = 0;
  #troubles = 0;

  constructor(machine: ServerMachine, provider: Provider, signal: AbortSignal) {
    this.#machine = machine;
    this.#provider = provider;
    this.#signal = signal;
  }

  async next(): Promise<Look | undefined> {
    const { clock } = this.#provider;
    if (clock.monotonic() < this.#nextMs) return this.#last;
    this.#nextMs = clock.monotonic() + jittered(LOOK_EVERY_MS);
    try {
      this.#last = await this.#provider.look(this.#machine, this.#signal);
      this.#troubles = 0;
    } catch (error) {
      this.#troubles += 1;
      if (this.#signal.aborted || !isPassing(error) || this.#troubles > MAX_TROUBLES) throw error;
    }
    return this.#last;
  }
}

/** So that many starts do not all ask at once. */
const jittered = (ms: number): number => ms * (0.9 + Math.random() * 0.2);

const PASSING = ['http/failed', 'timeout', 'remote/failed', 'remote/rate-limited'] as const;
const isPassing = (error: unknown): boolean => PASSING.some((code) => isGloveboxError(error, code));

async function failed(
  machine: ServerMachine,
  how: string,
  provider: Provider,
  signal: AbortSignal,
): Promise<GloveboxError> {
  const tail = await logTail(machine, provider, signal);
  const text = tail.length === 0 ? [] : ['The end of its log:', ...tail];
  return new GloveboxError(
    'sandbox/start-failed',
    [`${provider.words(machine)} ${how} before Jupyter answered.`, ...text].join('\n'),
    { hint: 'Nothing runs any more. keep_on_error leaves the next one running, to look into it.' },
  );
}
