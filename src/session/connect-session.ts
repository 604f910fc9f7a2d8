/** Connects a session that is attached again, and goes on trying behind the caller's back when its kernel or server hangs. */
import { isGloveboxError } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Sandboxes } from '#sandbox/sandboxes.ts';
import { kernelGone, renderTime, serverGone, type Loss } from './loss.ts';
import { decideLeftRuns, type LeftRuns } from './recover-runs.ts';
import type { Session } from './session.ts';

/** What connecting takes where all is well, far away too. */
const PROMPT_MS = 5_000;

export interface ConnectOptions {
  readonly sandboxes: Sandboxes;
  readonly clock: Clock;
  readonly connectionId: string;
  readonly left: LeftRuns;
  readonly signal: AbortSignal;
  /** It failed for good after this function had returned. */
  onFailure(this: void, error: unknown): void;
}

/**
 * Resolves when the session is connected, when it is proven that there is nothing to connect to, which is recorded, or after
 * a few seconds in which nothing was heard. In the last case it is tried again for as long as the session is open.
 *
 * @throws what the first try failed with in that time.
 */
export async function connectSession(session: Session, options: ConnectOptions): Promise<void> {
  const { clock, left, onFailure } = options;
  const sinceMs = clock.now();
  let isLate = false;
  const done = connectOrLose(session, options, () => isLate);
  const prompt = new AbortController();
  const late = sleep(clock, PROMPT_MS, prompt.signal).then(
    () => (isLate = true),
    () => undefined,
  );
  await Promise.race([done, late]).finally(() => prompt.abort());
  if (!isLate) return;
  done.catch((error: unknown) => {
    if (!isGloveboxError(error, 'cancelled')) onFailure(error);
  });
  const text = `Neither the kernel nor its Jupyter server has answered since ${renderTime(sinceMs)}. Whether they live is not known; they are asked again and again, and code waits here until they answer. ping tells which layer is silent.`;
  session.notify(text);
  const last = left.at(-1);
  if (last?.isFinal === false) last.notices.push(text);
}

async function connectOrLose(
  session: Session,
  { sandboxes, clock, connectionId, left, signal }: ConnectOptions,
  isPatient: () => boolean,
): Promise<void> {
  const { record } = session;
  if (record.loss === null) {
    const { status } = await sandboxes.get(record.sandboxId, signal);
    if (status.state === 'ended' || status.generation !== record.serverGeneration) {
      await recordLoss(session, serverGone(status, clock.now()));
    } else {
      await session
        .connect(connectionId, signal, left.at(-1), isPatient)
        .catch((error: unknown) => {
          // Found out by the link, and on record.
          if (session.record.loss !== null) return undefined;
          if (!isGloveboxError(error, 'kernel/gone')) throw error;
          return recordLoss(session, kernelGone(clock.now()));
        });
    }
  }
  decideLeftRuns(session, left, clock.now());
}

async function recordLoss(session: Session, loss: Loss): Promise<void> {
  await session.updateRecord({ loss, generation: session.record.generation + 1 });
  session.notify(loss.message);
  session.queue.settleCurrent({
    kind: 'settled',
    state: 'lost',
    loss: loss.class,
    explanation: `${loss.message} The cell did not finish.`,
  });
}
