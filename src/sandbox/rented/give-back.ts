/** Ends what a failed start has rented, or writes down that it may still run. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { NEVER, type Attempt } from './attempt.ts';
import { endForSure } from './end-for-sure.ts';
import type { Trace } from './lease.ts';

/**
 * Does nothing about a machine that is known and is to be kept when its start fails.
 *
 * @throws `sandbox/stop-failed` when it cannot be seen to be gone; the lease says so, and every later look at the sandbox tries again.
 */
export async function giveBack(
  { context, provider, record, keepOnError }: Attempt,
  wanted: Trace,
  error: unknown,
): Promise<void> {
  const { op, machineId, account } = wanted;
  const isWanted = keepOnError && !isGloveboxError(error, 'cancelled');
  if (isWanted && machineId !== undefined) {
    const left = provider.words({ id: machineId, account });
    provider.log.warn(
      `Sandbox ${context.id} failed to start and was left running, as asked: ${left}.`,
    );
    return;
  }
  try {
    // Also when the caller has gone: what was rented for him must not stay.
    await endForSure(wanted, provider, NEVER);
  } catch (notEnded) {
    await record.update((current) =>
      current.op === op
        ? {
            ...current,
            phase: 'stopping',
            stoppingMs: 0,
            isAsking: false,
            ...(machineId !== undefined && { machineId }),
          }
        : current,
    );
    if (!isGloveboxError(notEnded)) throw notEnded;
    throw new GloveboxError(
      'sandbox/stop-failed',
      `${notEnded.message} It was to be ended because: ${messageOf(error)}`,
      { cause: error, ...(notEnded.hint !== undefined && { hint: notEnded.hint }) },
    );
  }
  await record.update((current) => (current.op === op ? { ...current, isAsking: false } : current));
}
