/** One call of the library: its signal, its progress, and the process that stays alive for it. */
import { throwIfAborted } from '#core/abort.ts';
import { holdProcess } from '#platform/hold-process.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { CallOptions } from './contract.ts';
import { engine, type Engine } from './engine.ts';

/** Longer than anybody waits, and short enough for a timer. */
const WITHOUT_LIMIT_MS = 2_000_000_000;

export interface Call {
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** Until it is there, however long that takes: the signal ends it. */
  readonly wait: SandboxWait;
}

const abandoned = new AbortController();
const running = new Set<Promise<unknown>>();

/** Ends all calls of this process, and those to come, with `cancelled`. */
export function abandonCalls(): void {
  abandoned.abort();
}

/** Resolves when no call is under way. */
export async function callsEnded(): Promise<void> {
  while (running.size > 0) await Promise.allSettled(running);
}

/** @throws `cancelled` at once when the signal has fired already. */
export function inCall<T>(
  options: CallOptions | undefined,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const call = runCall(options, work);
  const settled = call.then(
    () => undefined,
    () => undefined,
  );
  running.add(settled);
  void settled.then(() => running.delete(settled));
  return call;
}

async function runCall<T>(
  options: CallOptions | undefined,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([
    abandoned.signal,
    ...(options?.signal === undefined ? [] : [options.signal]),
  ]);
  throwIfAborted(signal);
  const release = holdProcess();
  try {
    const services = await engine();
    const report = options?.onProgress ?? services.report;
    const wait = { waitMs: WITHOUT_LIMIT_MS, signal, report };
    return await work({ engine: services, signal, wait });
  } finally {
    release();
  }
}
