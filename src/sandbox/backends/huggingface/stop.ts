/** Ends a sandbox in a Job, whoever is starting it, and makes sure that nothing of it runs any more. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import { storeOf } from './attempt.ts';
import { endForSure } from './end-for-sure.ts';
import type { JobRecord } from './record.ts';
import type { HuggingfaceContext } from './settings.ts';

/** How long a starter that was told to give up may take to clean up behind itself. */
const STARTER_MS = 30_000;

export async function stopJob(
  handle: SandboxHandle,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const { clock } = huggingface;
  const store = storeOf(huggingface, handle.id);
  const before = await store.read().catch((error: unknown) => {
    if (isGloveboxError(error, 'record/damaged')) return undefined;
    throw error;
  });
  if (before?.phase === 'ended') return;
  if (before === undefined) return endWhatRuns(handle.data, huggingface, signal);
  const claim = newUuid();
  const stopping = await store.update((current) =>
    current.phase === 'ended'
      ? current
      : { ...current, claim, phase: 'stopping', stoppingMs: clock.now() },
  );
  if (stopping.phase === 'ended') return;
  await endWhatRuns(stopping, huggingface, signal);
  const deadline = clock.monotonic() + STARTER_MS;
  for (;;) {
    const now = await store.read();
    const mayStillMake = now?.isAsking === true && lifeOf(now.starter) !== 'gone';
    if (!mayStillMake || clock.monotonic() >= deadline) break;
    await sleep(clock, 100, signal);
    await endWhatRuns(now, huggingface, signal);
  }
  const end = {
    cause: 'stopped' as const,
    message: 'It was stopped on request.',
    atMs: clock.now(),
    logTail: [],
  };
  await store.update((current) =>
    current.claim === claim ? { ...current, phase: 'ended', end } : current,
  );
}

/** @param known a record, or what the caller remembers. Before the first request for a Job nothing can run. */
async function endWhatRuns(
  known: JobRecord | SandboxHandle['data'],
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, op, jobId, usdPerHour } = known;
  if (typeof namespace !== 'string') return;
  const wanted = {
    namespace,
    ...(typeof op === 'string' && { op }),
    ...(typeof jobId === 'string' && { jobId }),
    ...(typeof usdPerHour === 'number' && { usdPerHour }),
  };
  if (wanted.op === undefined && wanted.jobId === undefined) return;
  await endForSure(wanted, huggingface, signal, huggingface.limits?.endMs);
}
