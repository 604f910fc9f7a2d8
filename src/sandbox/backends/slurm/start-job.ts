/** Brings up a SLURM sandbox: finds the job that lives, follows the one that is being submitted, or submits one. */
import { randomBytes } from 'node:crypto';
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { currentIdentity } from '#platform/process-identity.ts';
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { jobState } from './life.ts';
import type { SlurmOptions } from './options.ts';
import type { SlurmParts } from './parts.ts';
import type { JobRecord, JobStore } from './record.ts';
import { submit } from './submit.ts';

/** After that a submission or a stop of another process is told as it is. */
const FOLLOW_MS = 120_000;

export async function startJob(
  options: SlurmOptions,
  context: StartContext,
  parts: SlurmParts,
): Promise<SandboxStatus> {
  const { id, projectDir, signal } = context;
  throwIfAborted(signal);
  const store = parts.store(id);
  for (;;) {
    const alive = await followLiving(store, context, parts);
    if (alive !== undefined) return alive;
    const claimed = await store.claim({
      projectDir,
      phase: 'submitting',
      generation: 1,
      claim: newUuid(),
      starter: currentIdentity(),
      startedMs: parts.clock.now(),
      nonce: randomBytes(6).toString('hex'),
      hostName: '',
    });
    if (claimed === undefined) continue;
    try {
      await context.remember({ nonce: claimed.nonce });
      await submit(options, context, parts, store, claimed);
    } catch (error) {
      await noteFailed(error, store, claimed, parts);
      throw error;
    }
    return jobState({ id, generation: claimed.generation }, parts, signal);
  }
}

/** The status of one that lives; waits while somebody else is submitting or stopping it. Undefined when there is none. */
async function followLiving(
  store: JobStore,
  context: StartContext,
  parts: SlurmParts,
): Promise<SandboxStatus | undefined> {
  const { id, signal, report } = context;
  const { clock } = parts;
  const deadline = clock.monotonic() + FOLLOW_MS;
  for (;;) {
    const record = await store.read();
    if (record === undefined || record.phase === 'ended') return undefined;
    const status = await jobState({ id, generation: record.generation }, parts, signal);
    if (status.state === 'ended') return undefined;
    const isPassing = status.state === 'preparing' || status.state === 'stopping';
    if (!isPassing || clock.monotonic() >= deadline) {
      const { nonce, job } = (await store.read()) ?? record;
      await context.remember({ nonce, ...(job !== undefined && { job_id: job.id }) });
      return status;
    }
    report({ message: status.detail ?? status.state });
    await sleep(clock, 100, signal);
  }
}

/** Unless a submission is on its way, which notes its own end. */
async function noteFailed(
  failure: unknown,
  store: JobStore,
  claimed: JobRecord,
  { clock }: SlurmParts,
): Promise<void> {
  const isGivenUp = isGloveboxError(failure, 'cancelled');
  const end = {
    cause: isGivenUp ? ('cancelled' as const) : ('start-failed' as const),
    message: isGivenUp ? 'The start was given up.' : messageOf(failure),
    atMs: clock.now(),
    logTail: [],
  };
  await store
    .update((current) => {
      const isOurs = current.nonce === claimed.nonce && current.phase === 'submitting';
      const isSent = current.submittingMs !== undefined;
      return isOurs && !isSent ? { ...current, phase: 'ended', end } : current;
    })
    .catch((error: unknown) => {
      // The failure of the start matters more.
      if (!(error instanceof GloveboxError)) throw error;
    });
}
