/** Ends a job and makes sure that it is gone: the exit code of `scancel` proves nothing. */
import { throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { removeIfExists } from '#platform/files.ts';
import { sleep } from '#platform/clock.ts';
import type { Host } from '#platform/host.ts';
import { lifeOf } from '#platform/process-identity.ts';
import { findEnd } from './find-end.ts';
import { findSubmitted, isOurs } from './find-submitted.ts';
import { parseSqueue, saysUnknownJob, SQUEUE_FORMAT } from './parse-squeue.ts';
import type { SlurmParts } from './parts.ts';
import { tokenFile, type Job, type JobRecord, type JobStore } from './record.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';
import { eventOfWord } from './state-table.ts';

/** A submission under way has 60 s of its own. */
const SUBMISSION_MS = 75_000;
/** SLURM gives a job 30 s between SIGTERM and SIGKILL, sites more. */
const GONE_MS = 120_000;

export async function stopJob(id: string, parts: SlurmParts, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  const store = parts.store(id);
  const before = await store.read();
  if (before === undefined || before.phase === 'ended') return;
  const stopping = await store.update((current) =>
    current.phase === 'ended'
      ? current
      : { ...current, claim: newUuid(), phase: 'stopping', stoppingMs: parts.clock.now() },
  );
  if (stopping.phase === 'ended') return;
  try {
    const host = await parts.host();
    const job = await findJob(host, stopping, store, parts, signal);
    if (job !== undefined) await endJob(host, job, stopping.nonce, parts, signal);
    parts.tunnels.close(id);
    await noteEnd(store, stopping.nonce, job, parts, signal);
    await removeIfExists(tokenFile(parts.settings().dir, id)).catch(() => undefined);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') || isGloveboxError(error, 'sandbox/stop-failed'))
      throw error;
    throw stopFailed(id, messageOf(error), error);
  }
}

/** The job of the record; of a submission without an answer, what the scheduler has under its nonce. */
async function findJob(
  host: Host,
  record: JobRecord,
  store: JobStore,
  { clock }: SlurmParts,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { nonce, cluster, submittingMs } = record;
  const deadline = clock.monotonic() + SUBMISSION_MS;
  for (;;) {
    const now = (await store.read()) ?? record;
    if (now.job !== undefined) return now.job;
    // The submitter saw the new claim, or the end of its own submission, and wrote that down.
    if (now.phase === 'ended' || submittingMs === undefined) return undefined;
    const isSubmitting = now.unsure !== true && lifeOf(now.starter) !== 'gone';
    if (!isSubmitting || clock.monotonic() >= deadline) break;
    await sleep(clock, 100, signal);
  }
  const found = await findSubmitted(host, nonce, cluster, signal);
  return found === undefined ? undefined : { ...found, submittedMs: submittingMs };
}

async function endJob(
  host: Host,
  job: Job,
  nonce: string,
  { clock }: SlurmParts,
  signal: AbortSignal,
): Promise<void> {
  const where = job.cluster === undefined ? [] : ['-M', job.cluster];
  const look = ['squeue', ...where, '-h', '-t', 'all', '-j', job.id, '-o', SQUEUE_FORMAT];
  const deadline = clock.monotonic() + GONE_MS;
  let isAsked = false;
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 1.5, 3000)) {
    const result = await schedulerCommand(host, look, { signal });
    if (result.code !== 0 && !saysUnknownJob(result.stderr))
      throw new GloveboxError('timeout', `squeue on ${host.name}: ${lastWords(result)}`);
    const row = parseSqueue(result.stdout).find(({ jobId }) => jobId === job.id);
    // A number may belong to somebody else's job by now; ours is told by its comment.
    if (row === undefined || !isOurs(row.comment, nonce)) return;
    if (eventOfWord(row.word) === 'finished') return;
    if (!isAsked) await schedulerCommand(host, ['scancel', ...where, job.id], { signal });
    isAsked = true;
    if (clock.monotonic() >= deadline)
      throw new GloveboxError('timeout', `job ${job.id} is still ${row.word}`);
    await sleep(clock, pauseMs, signal);
  }
}

async function noteEnd(
  store: JobStore,
  nonce: string,
  job: Job | undefined,
  parts: SlurmParts,
  signal: AbortSignal,
): Promise<void> {
  const { clock, queue } = parts;
  const record = await store.read();
  if (record === undefined || record.phase === 'ended') return;
  const message = 'It was stopped on request.';
  const end =
    job === undefined
      ? { cause: 'stopped' as const, message, atMs: clock.now(), logTail: [] }
      : await findEnd(parts, record, job, undefined, signal);
  await store.update((current) =>
    current.nonce === nonce && current.phase !== 'ended'
      ? { ...current, phase: 'ended', end }
      : current,
  );
  if (job !== undefined) queue.forget(job);
}

function stopFailed(id: string, why: string, cause: unknown): GloveboxError {
  return new GloveboxError('sandbox/stop-failed', `Sandbox ${id} could not be stopped: ${why}`, {
    hint: 'Call sandbox_stop again; what is known about it is kept. "scancel" on the cluster does the same.',
    cause,
  });
}
