/** Asks the Hub for a Job so that none is ever left behind: whatever happens on the way, it is handed over or ended. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { newNonce } from '#sandbox/server-token.ts';
import { change, NEVER, type Attempt } from './attempt.ts';
import { endForSure, type Wanted } from './end-for-sure.ts';
import { keepServerToken } from './endpoint.ts';
import { usdPerHour } from './hardware.ts';
import type { HubJob } from './hub-jobs.ts';
import { jobRequest } from './job-request.ts';
import type { Prepared } from './prepare.ts';
import type { JobRecord } from './record.ts';
import { untilAnswering } from './until-answering.ts';

/** How long an unanswered request is waited for before what carries its label is looked for. */
const ANSWER_MS = 10_000;

/**
 * The record says what is about to be asked before it is asked.
 *
 * @throws what it failed with; nothing runs then. `sandbox/stop-failed` when that cannot be seen; the record says so, and every
 *   later look at the sandbox tries again.
 */
export async function rent(attempt: Attempt, prepared: Prepared): Promise<void> {
  const { options, context, huggingface } = attempt;
  const { hub, clock } = huggingface;
  const { namespace, flavor } = prepared;
  const op = newUuid();
  const nonce = newNonce();
  const lifetimeMs = options.max_lifetime_seconds * 1000;
  const deadlineMs = clock.now() + options.capacity_timeout_seconds * 1000 + lifetimeMs;
  const price = usdPerHour(flavor);
  await change(attempt, ({ jobId: _jobId, ...current }) => ({
    ...current,
    op,
    nonce,
    namespace,
    phase: 'creating',
    flavor: flavor.name,
    lifetimeMs,
    deadlineMs,
    isAsking: true,
    ...(price !== undefined && { usdPerHour: price }),
  }));
  let answer: Promise<HubJob> | undefined;
  let jobId: string | undefined;
  try {
    await context.remember({ op, nonce, namespace, deadlineMs });
    await keepServerToken(context.id, nonce, huggingface);
    const request = await jobRequest(attempt, prepared, { op, nonce, deadlineMs });
    context.report({ message: `asking the Hub for ${flavor.name}` });
    throwIfAborted(context.signal);
    // A request that is cut off may have made something, so it always runs to its end.
    answer = hub.create(namespace, request, NEVER);
    jobId = (await abandonOn(answer, context.signal)).id;
    const made = jobId;
    const record = await change(attempt, (current) => ({
      ...current,
      phase: 'running',
      jobId: made,
      isAsking: false,
    }));
    await handOver(attempt, record);
  } catch (error) {
    jobId ??= await settled(answer, attempt);
    await giveBack(attempt, { namespace, op, jobId, usdPerHour: price }, error);
    throw error;
  }
}

/** Goes on with one whose starter died after it had asked. It is under the same guard. @throws as `rent` does. */
export async function takeOver(attempt: Attempt, record: JobRecord): Promise<void> {
  try {
    await handOver(attempt, record);
  } catch (error) {
    const { namespace = '', op, jobId, usdPerHour: price } = record;
    await giveBack(attempt, { namespace, op, jobId, usdPerHour: price }, error);
    throw error;
  }
}

async function handOver(attempt: Attempt, record: JobRecord): Promise<void> {
  const { context, huggingface } = attempt;
  const { namespace, jobId, nonce, op } = record;
  await context.remember({ namespace, jobId, nonce, op });
  const { startedMs } = await untilAnswering(attempt, record);
  // The last moment at which giving up ends it; from here on it is the caller's.
  throwIfAborted(context.signal);
  const nowMs = huggingface.clock.now();
  const deadlineMs = (startedMs ?? nowMs) + (record.lifetimeMs ?? 0);
  await change(attempt, (current) => ({ ...current, readyMs: nowMs, deadlineMs }));
  await context.remember({ deadlineMs });
}

/** The id in an answer that nobody waited for, if it comes soon. */
async function settled(
  answer: Promise<HubJob> | undefined,
  { huggingface }: Attempt,
): Promise<string | undefined> {
  if (answer === undefined) return undefined;
  const id = answer.then(
    (job) => job.id,
    () => undefined,
  );
  return Promise.race([id, sleep(huggingface.clock, ANSWER_MS).then(() => undefined)]);
}

async function giveBack(attempt: Attempt, wanted: Wanted, error: unknown): Promise<void> {
  const { context, huggingface, store, options } = attempt;
  const { op, jobId } = wanted;
  if (options.keep_on_error && !isGloveboxError(error, 'cancelled') && jobId !== undefined) {
    huggingface.log.warn(
      `Sandbox ${context.id} failed to start and was left running, as asked: ${wanted.namespace}/${jobId}.`,
    );
    return;
  }
  try {
    // Also when the caller has gone: what was rented for him must not stay.
    await endForSure(wanted, huggingface, NEVER, huggingface.limits?.endMs);
  } catch (notEnded) {
    await store.update((current) =>
      current.op === op
        ? {
            ...current,
            phase: 'stopping',
            stoppingMs: 0,
            isAsking: false,
            ...(jobId !== undefined && { jobId }),
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
  await store.update((current) => (current.op === op ? { ...current, isAsking: false } : current));
}
