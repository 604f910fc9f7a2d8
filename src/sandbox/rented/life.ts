/** The part of a back end's contract that is the same wherever a machine is rented. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import type { Backend, SandboxHandle } from '../backend.ts';
import { leaseOf, machineIn, traceOf, type ServerMachine } from './lease.ts';
import type { Provider } from './provider.ts';
import { rentedState } from './state.ts';
import { stopRented } from './stop.ts';

/** @param provider made at each call: making one does no I/O. */
export function rentedLife(
  provider: Provider,
): Pick<Backend, 'state' | 'endpoint' | 'logs' | 'stop'> {
  return {
    state: (handle, signal) => rentedState(handle, provider, signal),

    async endpoint(handle, signal) {
      return provider.endpoint(await runningMachine(handle, provider, signal), signal);
    },

    async logs({ id, data }, lines, signal) {
      throwIfAborted(signal);
      const lease = await leaseOf(provider, id).read();
      const machine = machineIn(id, traceOf(lease, data));
      if (machine === undefined) return lease?.end?.logTail ?? [];
      return provider.readLog(machine, lines, signal);
    },

    stop: (handle, signal) => stopRented(handle, provider, signal),
  };
}

/** The machine of a sandbox that is not known to have ended. @throws `sandbox/ended`, `sandbox/pending`. */
export async function runningMachine(
  { id, data }: SandboxHandle,
  provider: Provider,
  signal: AbortSignal,
): Promise<ServerMachine> {
  throwIfAborted(signal);
  const lease = await leaseOf(provider, id).read();
  const machine = machineIn(id, traceOf(lease, data));
  if (lease?.phase === 'ended' || (lease === undefined && machine === undefined)) throw ended(id);
  if (machine !== undefined) return machine;
  throw pending(id);
}

export const pending = (id: string): GloveboxError =>
  new GloveboxError('sandbox/pending', `Sandbox ${id} is still starting.`, {
    hint: `sandbox_wait(sandbox_id="${id}") waits for it.`,
  });

export const ended = (id: string): GloveboxError =>
  new GloveboxError(
    'sandbox/ended',
    `Sandbox ${id} has ended; variables in its kernels are lost.`,
    { hint: 'sandbox_create starts another one; notebooks are kept in the project.' },
  );
