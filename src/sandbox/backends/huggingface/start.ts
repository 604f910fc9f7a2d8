/** Brings up a sandbox in a Job: finds the one that lives, follows the one that is being started, goes on with one that was cut off, or starts one. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { change, NEVER, storeOf, type Attempt } from './attempt.ts';
import { LABEL } from './labels.ts';
import { logTail } from './log.ts';
import type { HuggingfaceOptions } from './options.ts';
import { prepare } from './prepare.ts';
import type { JobRecord, JobStore } from './record.ts';
import { rent, takeOver } from './rent.ts';
import type { HuggingfaceContext } from './settings.ts';
import { jobState } from './state.ts';

export async function startJob(
  options: HuggingfaceOptions,
  context: StartContext,
  huggingface: HuggingfaceContext,
): Promise<SandboxStatus> {
  throwIfAborted(context.signal);
  const store = storeOf(huggingface, context.id);
  for (;;) {
    const alive = await followLiving(store, context, huggingface);
    if (alive !== undefined) return alive;
    const claimed = await claimStart(store, context, huggingface);
    if (claimed === undefined) continue;
    const attempt: Attempt = { options, context, huggingface, store, claimed };
    try {
      const cutOff = await findCutOff(attempt);
      if (cutOff === undefined) {
        context.report({ message: 'checking account, hardware, secrets, models and prices' });
        const { projectDir, signal } = context;
        await rent(attempt, await prepare(options, huggingface, projectDir, signal));
      } else await takeOver(attempt, cutOff);
    } catch (error) {
      await finishFailed(error, attempt);
      throw error;
    }
    const { id, projectDir } = context;
    const { generation } = claimed;
    // It is there and on record, so what this tells is no reason to fail any more.
    return jobState({ id, projectDir, generation, data: {} }, huggingface, NEVER);
  }
}

/** The status of one that lives, waited for while somebody else is starting it; undefined when this process has to start it. */
async function followLiving(
  store: JobStore,
  context: StartContext,
  huggingface: HuggingfaceContext,
): Promise<SandboxStatus | undefined> {
  const { id, projectDir, signal } = context;
  for (;;) {
    throwIfAborted(signal);
    const record = await store.read();
    if (record === undefined) return undefined;
    const { generation, starter, op, nonce, namespace, jobId, deadlineMs } = record;
    const status = await jobState({ id, projectDir, generation, data: {} }, huggingface, signal);
    if (status.state === 'ended') return undefined;
    const isBeingStarted = record.readyMs === undefined && record.phase !== 'stopping';
    const isCutOff = isBeingStarted && lifeOf(starter) === 'gone' && status.state !== 'unknown';
    if (isCutOff) return undefined;
    const isOnItsWay = isBeingStarted && lifeOf(starter) === 'alive';
    if (!isOnItsWay && status.state !== 'stopping') {
      await context.remember({ op, nonce, namespace, jobId, deadlineMs });
      return status;
    }
    context.report({
      message: isOnItsWay ? 'another process is starting it' : 'the one before is still ending',
    });
    await sleep(huggingface.clock, 200, signal);
  }
}

/** Writes the record of a new start, or takes over one whose process died, unless somebody else was faster. */
async function claimStart(
  store: JobStore,
  { projectDir }: StartContext,
  { clock }: HuggingfaceContext,
): Promise<JobRecord | undefined> {
  const claim = newUuid();
  const fresh = {
    projectDir,
    claim,
    phase: 'preparing' as const,
    starter: currentIdentity(),
    startedMs: clock.now(),
  };
  try {
    if ((await store.read()) === undefined) return await store.create({ ...fresh, generation: 1 });
    const next = await store.update((current) => {
      if (current.phase === 'ended') return { ...fresh, generation: current.generation + 1 };
      const isFree = current.readyMs === undefined && lifeOf(current.starter) === 'gone';
      if (!isFree || current.phase === 'stopping') return current;
      return { ...current, claim, starter: fresh.starter };
    });
    return next.claim === claim ? next : undefined;
  } catch (error) {
    if (isGloveboxError(error, 'record/exists') || isGloveboxError(error, 'record/missing'))
      return undefined;
    throw error;
  }
}

/** What a starter that died had already asked for; its record says under which label. */
async function findCutOff(attempt: Attempt): Promise<JobRecord | undefined> {
  const { claimed, huggingface, context } = attempt;
  const { op, jobId, phase, namespace } = claimed;
  if (phase === 'preparing' || op === undefined || namespace === undefined) return undefined;
  const listed = await huggingface.hub.list(namespace, { [LABEL.op]: op }, context.signal);
  const found = listed.find(({ id, isFinal }) => !isFinal && (jobId === undefined || id === jobId));
  if (found === undefined) return undefined;
  context.report({ message: `going on with ${found.id}, whose start was cut off` });
  return change(attempt, (current) => ({
    ...current,
    phase: 'running',
    jobId: found.id,
    isAsking: false,
  }));
}

async function finishFailed(failure: unknown, attempt: Attempt): Promise<void> {
  const { claimed, store, huggingface } = attempt;
  // It may still run; the record says so, and every later look tries to end it.
  if (isGloveboxError(failure, 'sandbox/stop-failed')) return;
  const isCancelled = isGloveboxError(failure, 'cancelled');
  const cause = isCancelled ? ('cancelled' as const) : ('start-failed' as const);
  const message = isCancelled ? 'The start was given up.' : messageOf(failure);
  try {
    const { jobId, namespace } = (await store.read()) ?? {};
    const place =
      jobId === undefined || namespace === undefined ? undefined : { namespace, id: jobId };
    const tail = isCancelled ? [] : await logTail(place, huggingface, NEVER);
    await store.update((current) => {
      const isKept = attempt.options.keep_on_error && !isCancelled && current.jobId !== undefined;
      if (current.claim !== claimed.claim || isKept) return current;
      const end = { cause, message, atMs: huggingface.clock.now(), logTail: tail };
      return { ...current, phase: 'ended', end };
    });
  } catch (error) {
    // The start's own failure matters more, and an unreadable record is reported by whoever asks for the state.
    if (!isGloveboxError(error)) throw error;
  }
}
