/** Brings up a sandbox at Modal: finds the one that lives, follows the one that is being started, goes on with one that was cut off, or starts one. */
import { throwIfAborted } from '#core/abort.ts';
import { isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import { sleep } from '#platform/clock.ts';
import { currentIdentity, lifeOf } from '#platform/process-identity.ts';
import type { SandboxStatus, StartContext } from '#sandbox/backend.ts';
import { layoutBelow, type Layout } from '#sandbox/layout.ts';
import { change, type Attempt } from './attempt.ts';
import { bringUp, resume } from './bring-up.ts';
import { NEVER, type Connection } from './connection.ts';
import { logTail } from './log.ts';
import type { ModalOptions } from './options.ts';
import type { ModalRecord, ModalStore } from './record.ts';
import { modalState } from './state.ts';
import { TAG } from './tags.ts';

export async function startModal(
  options: ModalOptions,
  context: StartContext,
  connection: Connection,
): Promise<SandboxStatus> {
  throwIfAborted(context.signal);
  const store = connection.store(context.id);
  for (;;) {
    const alive = await followLiving(store, context, connection);
    if (alive !== undefined) return alive;
    const claimed = await claimStart(store, context, connection);
    if (claimed === undefined) continue;
    const layout = await layoutFor(options, connection);
    const attempt: Attempt = { options, context, connection, store, claimed, layout };
    try {
      const cutOff = await findCutOff(attempt);
      if (cutOff === undefined) await bringUp(attempt);
      else await resume(attempt, cutOff);
    } catch (error) {
      await finishFailed(error, attempt);
      throw error;
    }
    // It is there and on record, so what this tells is no reason to fail any more.
    return modalState(handleOf(attempt), connection, NEVER);
  }
}

export const layoutFor = async (options: ModalOptions, { modal }: Connection): Promise<Layout> =>
  (await modal.layout?.()) ?? layoutBelow(modal.settings().root, options.jupyter_port);

const handleOf = ({ context: { id, projectDir }, claimed }: Attempt) => ({
  id,
  projectDir,
  generation: claimed.generation,
  data: {},
});

/** The status of one that lives, waited for while somebody else is starting it; undefined when this process has to start it. */
async function followLiving(
  store: ModalStore,
  context: StartContext,
  connection: Connection,
): Promise<SandboxStatus | undefined> {
  const { id, projectDir, signal } = context;
  for (;;) {
    throwIfAborted(signal);
    const record = await store.read();
    if (record === undefined) return undefined;
    const { generation, starter, op, nonce, port, modalId, deadlineMs } = record;
    const handle = { id, projectDir, generation, data: {} };
    const status = await modalState(handle, connection, signal);
    if (status.state === 'ended') return undefined;
    const isBeingStarted = record.readyMs === undefined && record.phase !== 'stopping';
    const isCutOff = isBeingStarted && lifeOf(starter) === 'gone' && status.state !== 'unknown';
    if (isCutOff) return undefined;
    const isOnItsWay = isBeingStarted && lifeOf(starter) === 'alive';
    if (!isOnItsWay && status.state !== 'stopping') {
      await context.remember({ op, nonce, port, modalId, deadlineMs });
      return status;
    }
    context.report({
      message: isOnItsWay ? 'another process is starting it' : 'the one before is still ending',
    });
    await sleep(connection.clock, 200, signal);
  }
}

/** Writes the record of a new start, or takes over one whose process died, unless somebody else was faster. */
async function claimStart(
  store: ModalStore,
  { projectDir }: StartContext,
  { clock }: Connection,
): Promise<ModalRecord | undefined> {
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

/** What a starter that died had already rented; its record says under which tag. */
async function findCutOff(attempt: Attempt): Promise<ModalRecord | undefined> {
  const { claimed, connection, context } = attempt;
  const { op, modalId, phase } = claimed;
  if (phase === 'preparing' || op === undefined) return undefined;
  const sdk = await connection.sdk();
  const listed = await sdk.list({ [TAG.op]: op }, context.signal);
  const found =
    listed.find(({ id }) => modalId === undefined || id === modalId)?.id ?? listed[0]?.id;
  if (found === undefined) return undefined;
  context.report({ message: `going on with ${found}, whose start was cut off` });
  const now = connection.clock.now();
  const startLimitMs = now + attempt.options.start_timeout_seconds * 1000;
  return change(attempt, (current) => ({
    ...current,
    phase: 'running',
    modalId: found,
    startLimitMs,
    isAsking: false,
  }));
}

async function finishFailed(failure: unknown, attempt: Attempt): Promise<void> {
  const { claimed, store, connection } = attempt;
  // It may still run; the record says so, and every later look tries to end it.
  if (isGloveboxError(failure, 'sandbox/stop-failed')) return;
  const isCancelled = isGloveboxError(failure, 'cancelled');
  const cause = isCancelled ? ('cancelled' as const) : ('start-failed' as const);
  const message = isCancelled ? 'The start was given up.' : messageOf(failure);
  try {
    const { modalId } = (await store.read()) ?? {};
    const tail = isCancelled ? [] : await logTail(modalId, connection, NEVER);
    await store.update((current) => {
      const isKept = attempt.options.keep_on_error && !isCancelled && current.modalId !== undefined;
      if (current.claim !== claimed.claim || isKept) return current;
      const end = { cause, message, atMs: connection.clock.now(), logTail: tail };
      return { ...current, phase: 'ended', end };
    });
  } catch (error) {
    // The start's own failure matters more, and an unreadable record is reported by whoever asks for the state.
    if (!isGloveboxError(error)) throw error;
  }
}
