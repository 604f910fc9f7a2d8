/** Puts right what is kept here about a machine that was thought to be gone, when its provider says that it runs (M15). */
import type { SandboxHandle } from '../backend.ts';
import { leaseOf, machineIn, traceOf, type Lease } from './lease.ts';
import type { Provider } from './provider.ts';

/** Whoever was told so believes that nothing runs and nothing is paid. */
const UNWANTED: readonly string[] = ['stopped', 'cancelled', 'start-failed'];

/**
 * A machine whose end somebody wanted is ended: its lease says so, and every look at the sandbox goes on with it until it is gone. One
 * that ended by itself is in use again.
 *
 * @param handle as the marks of a machine tell it.
 * @returns false when that machine is over after all: a list may be a moment behind.
 */
export async function believeProvider(
  handle: SandboxHandle,
  provider: Provider,
  signal: AbortSignal,
): Promise<boolean> {
  const record = leaseOf(provider, handle.id);
  const before = await record.read();
  if (before?.phase !== 'ended') return true;
  const trace = traceOf(undefined, handle.data);
  const machine = machineIn(handle.id, trace);
  if (machine === undefined || (await provider.look(machine, signal)).isOver) return false;
  await record.update((current): Lease => {
    if (current.claim !== before.claim || current.phase !== 'ended') return current;
    const { end, ...rest } = current;
    const { clock, log } = provider;
    log.warn(
      `${provider.words(machine)} runs, although sandbox ${handle.id} was thought to have ended.`,
    );
    const living = { ...rest, ...trace, generation: handle.generation, isAsking: false };
    return UNWANTED.includes(end?.cause ?? 'unknown')
      ? { ...living, phase: 'stopping', stoppingMs: 0 }
      : { ...living, phase: 'running', readyMs: clock.now() };
  });
  return true;
}

/** Whether that machine was asked for from here: the mark of the request was never given to anybody else. */
export async function wasAskedFromHere(
  { id, data }: SandboxHandle,
  provider: Provider,
): Promise<boolean> {
  const op = (await leaseOf(provider, id).read())?.op;
  return op !== undefined && op === data['op'];
}
