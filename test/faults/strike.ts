/** Does one fault to a lane. What has to happen in the very moment is done before anything is awaited. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cageMemory } from '../rigs/memory-cage.ts';
import type { Agent } from './agent.ts';
import type { Impostor } from './impostor.ts';
import { killKernel, signal, type Lane } from './lane.ts';
import type { Fault } from './scenario.ts';

/** What lasts ends at the latest so long after its moment: what it waits for may never come. */
const LONGEST_MS = 600;
const HUNGER_BYTES = 30_000_000;

export interface Target {
  readonly lane: Lane;
  readonly impostor: Impostor;
  readonly events: NetworkEvents;
  /** Whose program it is that the fault is for. */
  readonly agent: Agent;
  readonly programs: readonly number[];
  readonly kernelId: string;
  /** Of the kernel that wrote to the effect log last. */
  readonly kernelPid: number;
  /** The step has nothing left to do. */
  readonly isOver: Promise<unknown>;
}

/** Counts what the relay tells of. */
export class NetworkEvents {
  readonly #listeners = new Set<(what: 'refused' | 'held' | 'message' | 'asked') => void>();

  tell(what: 'refused' | 'held' | 'message' | 'asked'): void {
    for (const listener of this.#listeners) listener(what);
  }

  /** Resolves when it was told so often, or after a limit. */
  async times(what: 'refused' | 'held' | 'message' | 'asked', count: number): Promise<void> {
    const limit = new AbortController();
    let left = count;
    const listener = (told: string): void => {
      if (told === what) left -= 1;
      if (left === 0) limit.abort();
    };
    this.#listeners.add(listener);
    await sleep(LONGEST_MS, undefined, { signal: limit.signal }).catch(() => undefined);
    this.#listeners.delete(listener);
  }
}

export async function strike(fault: Fault, target: Target): Promise<void> {
  const { lane, events, agent, kernelId, kernelPid } = target;
  const { relay } = lane;
  switch (fault.kind) {
    case 'kill-program':
      return agent.kill();
    case 'kill-kernel':
      return killKernel(kernelPid);
    case 'out-of-memory': {
      const cage = cageMemory(kernelPid, HUNGER_BYTES);
      await target.isOver;
      return cage.release();
    }
    case 'cut':
      return relay.cut();
    case 'freeze':
      relay.freeze();
      await events.times('held', fault.events);
      return relay.thaw();
    case 'split':
      relay.split(7);
      await events.times('message', fault.events);
      return relay.split(undefined);
    case 'delay':
      relay.delay(20);
      await events.times('message', fault.events);
      return relay.delay(0);
    case 'refuse':
      relay.refuse();
      relay.cut();
      await events.times('refused', fault.events);
      return relay.accept();
    case 'impostor': {
      target.impostor.lie = fault.lie;
      const restore = lane.retarget(target.impostor.port);
      relay.cut();
      await events.times('asked', fault.events);
      restore();
      return relay.cut();
    }
    case 'stop-server': {
      const pid = lane.serverPid;
      signal(pid, 'SIGSTOP');
      await Promise.race([target.isOver, sleep(LONGEST_MS)]);
      return signal(pid, 'SIGCONT');
    }
    case 'stop-program': {
      const { pid } = agent;
      signal(pid, 'SIGSTOP');
      await sleep(LONGEST_MS / 2);
      return signal(pid, 'SIGCONT');
    }
    case 'jump':
      return lane.jump(fault.byHours * 3_600_000, target.programs);
    case 'restart-elsewhere':
      await lane.ask('POST', `api/kernels/${kernelId}/restart`).catch(noKernel);
      return;
    case 'delete-elsewhere':
      await lane.ask('DELETE', `api/kernels/${kernelId}`).catch(noKernel);
      return;
    case 'kill-server':
      return signal(lane.serverPid, 'SIGKILL');
  }
}

/** The kernel that another client wants to touch may be gone already. */
function noKernel(error: unknown): void {
  if (!/: (404|5\d\d) |fetch failed/.test(String(error))) throw error;
}
