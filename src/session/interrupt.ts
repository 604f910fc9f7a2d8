/** Interrupts what a kernel runs, step by step, and says truthfully what came of it (C26). */
import type { JupyterServer } from '#jupyter/contract.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { InputRequests } from './input-requests.ts';
import type { KernelLink } from './kernel-link.ts';
import type { Run } from './run.ts';

const STEP_MS = 50;

export type InterruptOutcome =
  /** It was only queued and is out of the queue. */
  | { readonly kind: 'removed' }
  /** The run ended; `run` says how. */
  | { readonly kind: 'stopped' }
  /** It is in the kernel behind another client's code, which an interrupt would hit; none was sent. */
  | { readonly kind: 'behind' }
  /** Nothing of ours was running; the signal was sent all the same. */
  | { readonly kind: 'sent' }
  /** It still runs `waitedMs` after the first of two interrupts: usually one long native call. Nothing else was done to it. */
  | { readonly kind: 'ignored'; readonly waitedMs: number };

export interface InterruptOptions {
  readonly run: Run | undefined;
  readonly clock: Clock;
  readonly link: Pick<KernelLink, 'channel'> | undefined;
  readonly server: Pick<JupyterServer, 'interruptKernel'>;
  readonly kernelId: string;
  readonly byMessage: boolean;
  readonly inputs: Pick<InputRequests, 'newest' | 'interrupted'>;
  /** Waits for as long as another client's code is in front of the run, instead of giving up. */
  readonly patient: boolean;
  /** Asks the kernel whether it is through with the run, of whose end there is no news after the first interrupt. */
  readonly askWhetherEnded: (run: Run) => void;
  /** How long the first interrupt is given, and how long the second. */
  readonly limitsMs: readonly [number, number];
}

/** @throws what the server answers when it refuses the interrupt. */
export async function interruptRun(options: InterruptOptions): Promise<InterruptOutcome> {
  const { run, clock, limitsMs } = options;
  const [firstMs, secondMs] = limitsMs;
  if (run?.isFinal === true) return { kind: 'stopped' };
  if (run !== undefined) {
    if (!(await begins(run, options))) return { kind: 'behind' };
    // It began and ended between two looks, so that the kernel may be busy with the next one.
    if (run.isFinal) return { kind: 'stopped' };
    run.interruptRequested = true;
  }
  await sendInterrupt(options);
  if (run === undefined) return { kind: 'sent' };
  if (await endsWithin(run, firstMs, clock)) return { kind: 'stopped' };
  options.askWhetherEnded(run);
  await sendInterrupt(options);
  if (await endsWithin(run, secondMs, clock)) return { kind: 'stopped' };
  return { kind: 'ignored', waitedMs: firstMs + secondMs };
}

/** Whether the kernel works on it, as far as one can tell, so that an interrupt hits nothing else. */
async function begins(
  run: Run,
  { link, clock, patient, limitsMs }: InterruptOptions,
): Promise<boolean> {
  const endMs = clock.monotonic() + (patient ? Number.POSITIVE_INFINITY : limitsMs[0]);
  const isBehind = (): boolean =>
    !run.isFinal && !run.hasSign && link?.channel.foreignBusy === true;
  while (isBehind() && clock.monotonic() < endMs) await sleep(clock, STEP_MS);
  return !isBehind();
}

async function sendInterrupt({
  run,
  inputs,
  byMessage,
  link,
  server,
  kernelId,
}: InterruptOptions): Promise<void> {
  const request = inputs.newest;
  if (byMessage && link !== undefined) link.channel.interruptByMessage();
  else await server.interruptKernel(kernelId);
  if (run !== undefined) inputs.interrupted(run, request);
}

async function endsWithin(run: Run, limitMs: number, clock: Clock): Promise<boolean> {
  const endMs = clock.monotonic() + limitMs;
  while (!run.isFinal && clock.monotonic() < endMs) await sleep(clock, STEP_MS);
  return run.isFinal;
}
