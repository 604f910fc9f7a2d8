/** One call of the library: its signal, its progress, and the process that stays alive for it. */
import { throwIfAborted } from '#core/abort.ts';
import { holdProcess } from '#platform/hold-process.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';
import type { CallOptions } from './contract.ts';
import { engine, type Engine } from './engine.ts';

/** Longer than anybody waits, and short enough for a timer. */
export const WITHOUT_LIMIT_MS = 2_000_000_000;

export interface Call {
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** Until it is there, however long that takes: the signal ends it. */
  readonly wait: SandboxWait;
}

/** @throws `cancelled` at once when the signal has fired already. */
export async function inCall<T>(
  options: CallOptions | undefined,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const signal = options?.signal ?? new AbortController().signal;
  throwIfAborted(signal);
  const release = holdProcess();
  try {
    const services = await engine();
    const report = options?.onProgress ?? services.report;
    return await work({
      engine: services,
      signal,
      wait: { waitMs: WITHOUT_LIMIT_MS, signal, report },
    });
  } finally {
    release();
  }
}
