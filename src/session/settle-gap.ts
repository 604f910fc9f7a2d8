/** Decides a run of whose end we may have missed the news: after the connection was down, or when there is no sign of it (C20). */
import { messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { ExecuteReply, Execution, KernelChannel } from '#jupyter/contract.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { Outcome } from './outcome.ts';
import { readRecalled, recallCode, replyOf, type Recalled } from './recall.ts';
import type { Run } from './run.ts';

const PING_MS = 2_000;
/** A question that was aborted together with the run before it is asked again so soon. */
const RETRY_MS = 200;

export interface GapOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The Python that tells how the last execution ended; undefined for a kernel of another language. */
  readonly recallSource: () => Promise<string | undefined>;
}

/** Why there may be no news: the connection was down, or an interrupt hit the kernel beside the code of the run. */
export type GapCause = 'gap' | 'interrupt';

/** A run in the kernel whose end is not known. */
export interface OpenRun {
  readonly cause: GapCause;
  readonly run: Run;
  readonly execution: Execution;
  readonly channel: KernelChannel;
  /** Whether nobody else has decided it yet. */
  readonly isOpen: () => boolean;
  /** What the kernel's counter stood at before it, as far as that is known. */
  readonly countBefore: () => number | undefined;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * A silent request on shell is answered only after every request before it. When its answer comes and ours never did, ours has
 * ended, or never arrived; the execution counter tells which. A Python kernel also tells how its last execution ended. Nothing is
 * decided while the kernel does not answer.
 */
export async function settleGap(
  { cause, run, execution, channel, isOpen, countBefore, settle }: OpenRun,
  options: GapOptions,
): Promise<void> {
  if (!(await channel.pingControl(PING_MS))) return;
  const code = await recallCodeOf(options);
  let told: Recalled | undefined;
  for (;;) {
    if (!isOpen() || !channel.connected) return;
    const probe = channel.execute(
      { msgId: newUuid(), code, silent: true, storeHistory: false },
      { onMessage: (message) => (told ??= readRecalled(message)) },
    );
    const answer = await Promise.race([probe.finished, execution.finished.then(() => undefined)]);
    probe.release();
    if (answer === undefined || !isOpen()) return;
    if (answer.status !== 'aborted') {
      const count = answer.executionCount;
      settle(outcomeOf(run, { cause, count, countBefore: countBefore(), told }));
      return;
    }
    // Aborted with the run before it, which ended in an error: ask again.
    await sleep(options.clock, RETRY_MS);
  }
}

/** Empty when the kernel cannot be asked for more than that it has come so far. */
async function recallCodeOf({ recallSource, log }: GapOptions): Promise<string> {
  try {
    const source = await recallSource();
    return source === undefined ? '' : recallCode(source);
  } catch (error) {
    log.warn(`no recall: ${messageOf(error)}`);
    return '';
  }
}

function outcomeOf(
  run: Run,
  kernel: {
    readonly cause: GapCause;
    readonly count: number | null;
    readonly countBefore: number | undefined;
    readonly told: Recalled | undefined;
  },
): Outcome {
  const { cause, count, countBefore, told } = kernel;
  if (run.isLostUnlessSeen && !run.hasSign) {
    return {
      kind: 'settled',
      state: 'lost',
      loss: 'kernel_restarted',
      explanation: 'The kernel process that it was sent to has ended. The cell did not finish.',
    };
  }
  if (
    !run.hasSign &&
    run.record.storeHistory &&
    countBefore !== undefined &&
    count === countBefore
  ) {
    return {
      kind: 'settled',
      state: 'not_started',
      explanation:
        'The request never reached the kernel: nothing was executed, and it is safe to call again.',
    };
  }
  if (cause === 'interrupt') {
    return {
      kind: 'settled',
      state: 'interrupted',
      explanation:
        'The interrupt hit the kernel just before or after the code of this cell, so it ended without a reply. The kernel is idle and variables are intact; the variables tell how far it came.',
    };
  }
  const reply = replyOf(told, run.record, countBefore);
  if (reply !== undefined) {
    run.notices.push(
      'Its reply was missed while the connection was down; the kernel itself told afterwards how it ended. What it printed at the end may be missing.',
    );
    if (reply.error !== undefined) showError(run, reply.error);
    return { kind: 'replied', reply };
  }
  return {
    kind: 'settled',
    state: 'output_unknown',
    explanation:
      'The kernel is idle and its process is the same, so variables are intact, but the reply of this run was missed while the connection was down. Whether it succeeded and what it printed in the gap is not known: inspect the variables before deciding anything.',
  };
}

/** The cell shows the exception that ended it, unless that arrived while the reply did not. */
function showError(run: Run, { name, value, traceback }: NonNullable<ExecuteReply['error']>): void {
  if (run.collector.outputs.some(({ output_type: type }) => type === 'error')) return;
  run.receiveLocal('error', { ename: name, evalue: value, traceback });
}
