/** Ends a rented sandbox, whoever is starting it, and makes sure that nothing of it is rented any more. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle } from '../backend.ts';
import { endForSure } from './end-for-sure.ts';
import { leaseOf, traceOf, type Trace } from './lease.ts';
import type { Provider } from './provider.ts';

/** How long a starter that was told to give up may take to clean up behind itself. */
const STARTER_MS = 30_000;

export async function stopRented(
  handle: SandboxHandle,
  provider: Provider,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const { clock } = provider;
  const record = leaseOf(provider, handle.id);
  const before = await record.read().catch((error: unknown) => {
    if (isGloveboxError(error, 'record/damaged')) return undefined;
    throw error;
  });
  if (before?.phase === 'ended') return;
  if (before === undefined) return endWhatRuns(traceOf(undefined, handle.data), provider, signal);
  const claim = newUuid();
  const stopping = await record.update((current) =>
    current.phase === 'ended'
      ? current
      : { ...current, claim, phase: 'stopping', stoppingMs: clock.now() },
  );
  if (stopping.phase === 'ended') return;
  await endWhatRuns(stopping, provider, signal);
  const deadline = clock.monotonic() + STARTER_MS;
  for (;;) {
    const now = await record.read();
    const mayStillMake = now?.isAsking === true && lifeOf(now.starter) !== 'gone';
    if (!mayStillMake || clock.monotonic() >= deadline) break;
    await sleep(clock, 100, signal);
    await endWhatRuns(now, provider, signal);
  }
  const end = {
    cause: 'stopped' as const,
    message: 'It was stopped on request.',
    atMs: clock.now(),
    logTail: [],
  };
  await record.update((current) =>
    current.claim === claim ? { ...current, phase: 'ended', end } : current,
  );
}

/** Before the first request for a machine nothing can run. */
async function endWhatRuns(
  known: Trace | undefined,
  provider: Provider,
  signal: AbortSignal,
): Promise<void> {
  if (known?.op === undefined && known?.machineId === undefined) return;
  await endForSure(known, provider, signal);
}
