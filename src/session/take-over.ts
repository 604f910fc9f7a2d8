/** Takes over a session that this process has open beside its owner, when it finds that the owner is gone (R9). */
import { messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { ExecuteReply, Execution } from '#jupyter/contract.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { RecordStore } from '#platform/records.ts';
import { isFinal, type RunRecord, type SessionRecord } from './contract.ts';
import { finishRun } from './finish-run.ts';
import type { RunJournal } from './journal.ts';
import type { KernelLink } from './kernel-link.ts';
import { claim, isFree, isSelf } from './lease.ts';
import { decideLeftRuns, loadLeftRuns } from './recover-runs.ts';
import type { Outcome } from './outcome.ts';
import type { Run } from './run.ts';
import type { Session } from './session.ts';

const LOOK_MS = 100;
/** Broadcasts may be on their way when an answer that was sent after them has come. */
const LATE_MS = 1_000;

const isOthers = ({ owner }: RunRecord): boolean => !isSelf(owner);

export interface TakeOverOptions {
  readonly records: Pick<RecordStore<SessionRecord>, 'update'>;
  readonly journal: RunJournal;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Makes this process the owner and sees to the runs that the old one left.
 *
 * Does nothing when another process was quicker.
 */
export async function takeOver(session: Session, options: TakeOverOptions): Promise<void> {
  // Under this one the server keeps what is missed here, for whoever comes after this process.
  const identity = session.link && { connectionId: session.link.connectionId };
  const { owner } = await claim(options.records, session.id, identity);
  if (!isSelf(owner)) return;
  await session.updateRecord({ owner, ...identity });
  await carryOnOrphans(session, options);
}

/**
 * Sees to the runs whose process is gone while the session itself is held, here or by another living process. Somebody was a
 * client of the kernel all the time, so its server has kept nothing for anybody: a run in the kernel is listened to from here on.
 */
export async function carryOnOrphans(
  session: Session,
  { journal, clock, log }: Omit<TakeOverOptions, 'records'>,
): Promise<void> {
  const { notebook } = session;
  await notebook.refresh();
  const isWanted = (record: RunRecord): boolean =>
    isOthers(record) && session.recentRun(record.id) === undefined;
  const left = await loadLeftRuns(session, journal, notebook, clock, isWanted);
  const last = left.at(-1);
  const { link, record } = session;
  const isInKernel =
    last !== undefined &&
    link !== undefined &&
    record.loss === null &&
    last.record.generation === record.generation;
  for (const run of left) session.remember(run);
  if (isInKernel) {
    follow(session, link, last, clock).catch((error: unknown) =>
      log.error(`run ${last.id}: ${messageOf(error)}`),
    );
  }
  decideLeftRuns(session, isInKernel ? left.slice(0, -1) : left, clock.now());
}

/** A run that nobody sees to: it has not ended, and its process is gone. */
export const isOrphan = ({ state, saved, owner }: RunRecord): boolean =>
  !(isFinal(state) && saved) && !isSelf(owner) && isFree(owner);

/** Listens until the kernel is done with it. The reply goes to the process that asked for it, so the broadcasts have to tell. */
async function follow(session: Session, link: KernelLink, run: Run, clock: Clock): Promise<void> {
  const seen = { idle: false };
  const execution = link.channel.adopt(run.record.msgId, {
    onMessage: (message) => {
      if (message.header.msg_type === 'status') {
        seen.idle ||= message.content['execution_state'] === 'idle';
      } else session.receive(run, message);
    },
  });
  const overtaken = new AbortController();
  void overtake(link, clock, overtaken);
  const isLost = (): boolean =>
    link.isLost || session.record.generation !== run.record.generation || session.link !== link;
  let leftMs = LATE_MS;
  while (!seen.idle && !isLost() && leftMs > 0) {
    await sleep(clock, LOOK_MS);
    if (overtaken.signal.aborted) leftMs -= LOOK_MS;
  }
  overtaken.abort();
  execution.release();
  const outcome = seen.idle ? endSeen(run) : isLost() ? lost(session) : unseen(run);
  await finishRun({ run, outcome, outputs: session.outputs, clock });
}

/** An empty silent request is answered after everything that was in the kernel's queue before it. Aborts `done` then. */
async function overtake(link: KernelLink, clock: Clock, done: AbortController): Promise<void> {
  while (!done.signal.aborted) {
    if (!link.wasOpen || !link.channel.connected) {
      await sleep(clock, LOOK_MS);
      continue;
    }
    const probe = link.channel.execute(
      { msgId: newUuid(), code: '', silent: true, storeHistory: false },
      { onMessage: () => undefined },
    );
    const status = await answerTo(probe, link, clock, done.signal);
    probe.release();
    // Aborted with a request before it that ended in an error, or its answer lost with the connection: ask again.
    if (status !== undefined && status !== 'aborted') return done.abort();
    await sleep(clock, LOOK_MS);
  }
}

/** @returns undefined when its answer may not come any more, or nobody wants it */
async function answerTo(
  probe: Execution,
  link: KernelLink,
  clock: Clock,
  done: AbortSignal,
): Promise<ExecuteReply['status'] | undefined> {
  const answered = probe.finished.then(({ status }) => status);
  while (!done.aborted && link.channel.connected) {
    const stop = new AbortController();
    const look = sleep(clock, LOOK_MS, stop.signal).catch(() => undefined);
    const status = await Promise.race([answered, look]);
    stop.abort();
    if (status !== undefined) return status;
  }
  return undefined;
}

function endSeen(run: Run): Outcome {
  const failed = run.collector.outputs.some(({ output_type: type }) => type === 'error');
  return {
    kind: 'settled',
    state: failed ? 'error' : 'ok',
    explanation:
      'The Glovebox process that sent it ended meanwhile, and this one followed it to its end; what it printed in between may be missing.',
  };
}

function unseen(run: Run): Outcome {
  const what = run.hasSign
    ? 'It has ended'
    : 'It is not in the kernel: it has ended, or never came there';
  return {
    kind: 'settled',
    state: 'output_unknown',
    explanation: `${what}. Variables are intact, but the Glovebox process that sent it ended before it, and its end was not seen: inspect the variables before deciding anything.`,
  };
}

function lost({ record }: Session): Outcome {
  return {
    kind: 'settled',
    state: 'lost',
    loss: record.loss?.class ?? 'kernel_restarted',
    explanation: `${record.loss?.message ?? 'The kernel was restarted meanwhile.'} The cell did not finish.`,
  };
}
