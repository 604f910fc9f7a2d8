/** Ends a sandbox for good: its record is taken from whoever is starting it, so that nothing of it comes into being afterwards. */
import { newUuid } from '#core/ids.ts';
import type { Clock } from '#platform/clock.ts';
import type { RecordStore } from '#platform/records.ts';
import type { Backend } from './backend.ts';
import { toHandle, withStatus, type SandboxRecord } from './records.ts';
import type { Starts } from './starts.ts';

export interface StopParts {
  readonly backend: Backend;
  readonly records: RecordStore<SandboxRecord>;
  readonly starts: Starts;
  readonly clock: Clock;
}

/**
 * @returns the record as it is then
 * @throws `sandbox/stop-failed` when it cannot be seen to be gone; it stays on record as `stopping`.
 */
export async function stopSandbox(
  id: string,
  { backend, records, starts, clock }: StopParts,
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const claim = newUuid();
  const stopping = await records.update(id, (current) => ({
    ...current,
    claim,
    isStarting: false,
    state: 'stopping',
  }));
  await starts.cancel(id);
  await backend.stop(toHandle(stopping), signal);
  const end = {
    cause: 'stopped' as const,
    message: 'It was stopped on request.',
    atMs: clock.now(),
  };
  return records.update(id, (current) =>
    current.claim === claim
      ? withStatus(current, { id, state: 'ended', generation: current.generation, end })
      : current,
  );
}
