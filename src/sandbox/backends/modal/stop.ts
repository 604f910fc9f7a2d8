/** Ends a Modal sandbox, whoever is starting it, and makes sure that nothing of it is rented any more. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { lifeOf } from '#platform/process-identity.ts';
import type { SandboxHandle } from '#sandbox/backend.ts';
import type { Connection } from './connection.ts';
import { endForSure, type Wanted } from './end-for-sure.ts';
import type { ModalRecord } from './record.ts';

/** How long a starter that was told to give up may take to clean up behind itself. */
const STARTER_MS = 30_000;

export async function stopModal(
  handle: SandboxHandle,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal);
  const { clock } = connection;
  const store = connection.store(handle.id);
  const before = await store.read().catch((error: unknown) => {
    if (isGloveboxError(error, 'record/damaged')) return undefined;
    throw error;
  });
  if (before?.phase === 'ended') return;
  if (before === undefined) return endByMemory(handle, connection, signal);
  const claim = newUuid();
  const stopping = await store.update((current) =>
    current.phase === 'ended'
      ? current
      : { ...current, claim, phase: 'stopping', stoppingMs: clock.now() },
  );
  if (stopping.phase === 'ended') return;
  await endWhatRuns(stopping, connection, signal);
  const deadline = clock.monotonic() + STARTER_MS;
  for (;;) {
    const now = await store.read();
    const mayStillMake = now?.isAsking === true && lifeOf(now.starter) !== 'gone';
    if (!mayStillMake || clock.monotonic() >= deadline) break;
    await sleep(clock, 100, signal);
    await endWhatRuns(now, connection, signal);
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

async function endWhatRuns(
  { op, modalId, usdPerHour }: ModalRecord,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  // Before the first request for a machine nothing can run.
  if (op === undefined) return;
  await endWanted({ op, modalId, usdPerHour }, connection, signal);
}

async function endByMemory(
  { data }: SandboxHandle,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  const { op, modalId } = data;
  const wanted = {
    op: typeof op === 'string' ? op : undefined,
    modalId: typeof modalId === 'string' ? modalId : undefined,
  };
  if (wanted.op === undefined && wanted.modalId === undefined) return;
  await endWanted(wanted, connection, signal);
}

async function endWanted(
  wanted: Wanted,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = connection;
  await endForSure(wanted, { sdk: await connection.sdk(), clock, signal });
}
