/** Brings up a rented sandbox: finds the one that lives, follows the one that is being started, goes on with one that was cut off, or starts one. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { SandboxStatus, StartContext } from '../backend.ts';
import { NEVER, type Attempt } from './attempt.ts';
import { giveBack } from './give-back.ts';
import {
  leaseOf,
  machineIn,
  rememberedOf,
  traceOf,
  type Lease,
  type LeaseRecord,
} from './lease.ts';
import { logTail } from './log-tail.ts';
import type { Provider } from './provider.ts';
import { livingOf, rentedState } from './state.ts';

/** What a back end does itself. */
export interface StartSteps {
  readonly keepOnError: boolean;
  /** Nothing is rented yet: it rents through `rent.ts`, which leaves nothing behind. */
  readonly bringUp: (attempt: Attempt) => Promise<void>;
  /** Brings a machine into use whose starter died. When it fails, the machine is ended. */
  readonly resume: (attempt: Attempt, lease: Lease) => Promise<void>;
}

export async function startRented(
  context: StartContext,
  provider: Provider,
  { keepOnError, bringUp, resume }: StartSteps,
): Promise<SandboxStatus> {
  throwIfAborted(context.signal);
  const { id, projectDir } = context;
  const record = leaseOf(provider, id);
  for (;;) {
    const alive = await followLiving(record, context, provider);
    if (alive !== undefined) return alive;
    const claimed = await claimStart(record, projectDir, provider);
    if (claimed === undefined) continue;
    const attempt = { context, provider, record, claimed, keepOnError };
    try {
      if (!(await hasResumed(attempt, resume))) {
        // What is remembered may be of an earlier life.
        await context.remember(rememberedOf(claimed));
        await bringUp(attempt);
      }
    } catch (error) {
      await finishFailed(error, attempt);
      throw error;
    }
    const { generation } = claimed;
    // It is there and on record, so what this tells is no reason to fail any more.
    return rentedState({ id, projectDir, generation, data: {} }, provider, NEVER);
  }
}

/** The status of one that lives, waited for while somebody else is starting it; undefined when this process has to start it. */
async function followLiving(
  record: LeaseRecord,
  context: StartContext,
  provider: Provider,
): Promise<SandboxStatus | undefined> {
  const { id, projectDir, signal, report } = context;
  for (;;) {
    throwIfAborted(signal);
    const lease = await record.read();
    if (lease === undefined) return undefined;
    const { generation, starter, readyMs, phase } = lease;
    const handle = { id, projectDir, generation, data: {} };
    const { state, ...status } = await rentedState(handle, provider, signal);
    if (state === 'ended') return undefined;
    const isBeingStarted = readyMs === undefined && phase !== 'stopping';
    const isCutOff = isBeingStarted && lifeOf(starter) === 'gone' && state !== 'unknown';
    if (isCutOff) return undefined;
    const isOnItsWay = isBeingStarted && lifeOf(starter) === 'alive';
    if (!isOnItsWay && state !== 'stopping') {
      await context.remember(rememberedOf(lease));
      return { ...status, state };
    }
    report({
      message: isOnItsWay ? 'another process is starting it' : 'the one before is still ending',
    });
    await sleep(provider.clock, 200, signal);
  }
}

/** Writes the lease of a new start, or takes over one whose process died, unless somebody else was faster. */
function claimStart(
  record: LeaseRecord,
  projectDir: string,
  { clock }: Provider,
): Promise<Lease | undefined> {
  const claim = newUuid();
  const starter = currentIdentity();
  const startedMs = clock.now();
  return record.claim(
    { projectDir, phase: 'preparing', generation: 1, claim, starter, startedMs },
    (current) => {
      const isFree = current.readyMs === undefined && lifeOf(current.starter) === 'gone';
      return isFree && current.phase !== 'stopping' ? { ...current, claim, starter } : current;
    },
  );
}

/** Goes on with what a starter that died had rented. Nobody else looks after it any more, so it is in use then, or ended. */
async function hasResumed(attempt: Attempt, resume: StartSteps['resume']): Promise<boolean> {
  const { claimed } = attempt;
  if (claimed.phase === 'preparing') return false;
  let cutOff: Lease | undefined;
  try {
    cutOff = await findCutOff(attempt);
    if (cutOff !== undefined) await resume(attempt, cutOff);
    return cutOff !== undefined;
  } catch (error) {
    await giveBack(attempt, cutOff ?? claimed, error);
    throw error;
  }
}

/** Its lease says under which mark it was rented. */
async function findCutOff({
  claimed,
  context: { signal, report },
  provider,
  record,
}: Attempt): Promise<Lease | undefined> {
  const machineId = await livingOf(claimed, provider, signal);
  if (machineId === undefined) return undefined;
  report({ message: `going on with ${machineId}, whose start was cut off` });
  return record.changeAs(claimed.claim, (current) => ({
    ...current,
    phase: 'running',
    machineId,
    isAsking: false,
  }));
}

async function finishFailed(
  failure: unknown,
  { claimed, record, context, provider, keepOnError }: Attempt,
): Promise<void> {
  const mayRun = isGloveboxError(failure, 'sandbox/stop-failed');
  const isCancelled = isGloveboxError(failure, 'cancelled');
  const cause = isCancelled ? ('cancelled' as const) : ('start-failed' as const);
  const message = isCancelled ? 'The start was given up.' : messageOf(failure);
  try {
    const machine = machineIn(context.id, traceOf(await record.read(), {}));
    const tail = isCancelled ? [] : await logTail(machine, provider, NEVER);
    await record.update((current) => {
      const isKept = keepOnError && !isCancelled && current.machineId !== undefined;
      // It may still run; the lease says so, and every later look tries to end it. Before the first request it is something else.
      const isLeft = mayRun && current.phase !== 'preparing';
      if (current.claim !== claimed.claim || isKept || isLeft) return current;
      const end = { cause, message, atMs: provider.clock.now(), logTail: tail };
      return { ...current, phase: 'ended', end };
    });
  } catch (error) {
    // The start's own failure matters more, and an unreadable lease is reported by whoever asks for the state.
    if (!isGloveboxError(error)) throw error;
  }
}
