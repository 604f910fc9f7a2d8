/** The runs of one session in order, with at most one in the kernel (C17), from the queue to their end. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Execution, KernelChannel } from '#jupyter/contract.ts';
import type { Outcome } from './outcome.ts';
import { RunSender, type RunSenderOptions } from './run-sender.ts';
import type { Run } from './run.ts';
import { settleGap, type GapCause, type GapOptions } from './settle-gap.ts';

const QUEUE_LIMIT = 100;
/** No sign of a request for so long: the kernel is asked whether it ever arrived (C20). */
const NO_SIGN_MS = 10_000;

export interface RunQueueOptions extends RunSenderOptions, GapOptions {}

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #sender: RunSender;
  readonly #waiting: Run[] = [];
  #current: Run | undefined;
  #execution: Execution | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;
  #draining = false;
  #lastExecutionCount: number | undefined;
  #idle: (() => void)[] = [];

  constructor(options: RunQueueOptions) {
    this.#options = options;
    this.#sender = new RunSender(options);
  }

  /** The run that is in the kernel, or next to be sent. One that was removed while it waited is neither. */
  get current(): Run | undefined {
    return this.#current?.isFinal === true ? undefined : this.#current;
  }

  get runs(): readonly Run[] {
    const { current } = this;
    return current === undefined ? this.#waiting : [current, ...this.#waiting];
  }

  position(run: Run): number {
    return Math.max(0, this.runs.indexOf(run));
  }

  /** @throws `run/queue-full`. */
  add(run: Run): void {
    if (this.#isFullFor(run)) {
      throw new GloveboxError(
        'run/queue-full',
        `${QUEUE_LIMIT} runs wait for this kernel already.`,
        {
          hint: 'Wait with get_run for one of them, or remove queued ones with interrupt_kernel(run_id=...).',
        },
      );
    }
    this.#waiting.push(run);
    if (this.#draining) run.update({});
    else void this.#drain();
  }

  /** The cells of one call count as one. */
  #isFullFor(run: Run): boolean {
    const { group } = run.record;
    if (group !== undefined && this.runs.some(({ record }) => record.group === group)) return false;
    return new Set(this.#waiting.map(({ id, record }) => record.group ?? id)).size >= QUEUE_LIMIT;
  }

  /** Takes a queued run out. @returns false when it is not queued any more. */
  remove(run: Run, explanation: string): boolean {
    const index = this.#waiting.indexOf(run);
    const isHeldBack = run === this.#current && run.state === 'queued';
    if (index < 0 && !isHeldBack) return false;
    if (index >= 0) this.#waiting.splice(index, 1);
    run.update({ state: 'cancelled', endedMs: this.#options.clock.now(), explanation });
    return true;
  }

  /** Removes every queued run but one that is held back in front of the kernel. */
  clear(explanation: string): void {
    for (const run of this.#waiting.slice()) this.remove(run, explanation);
  }

  /** Removes everything that was not sent: nothing will be. */
  close(explanation: string): void {
    for (const run of this.runs.slice()) this.remove(run, explanation);
  }

  /** Decides the run that is in the kernel without its reply: the kernel is lost, or nobody saw the end. */
  settleCurrent(outcome: Outcome): void {
    this.#settle?.(outcome);
  }

  /** Resolves when no run is queued or in the kernel. */
  async whenIdle(): Promise<void> {
    if (!this.#draining) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** What the kernel's counter stood at after the last run before the one that is carried on. */
  expectCount(executionCount: number | undefined): void {
    this.#lastExecutionCount = executionCount;
  }

  /** Carries on a run that an earlier process sent; nothing is sent again. */
  adopt(run: Run, channel: KernelChannel): void {
    this.#draining = true;
    this.#current = run;
    void this.#follow(run, this.#sender.adopt(run, channel))
      .catch((error: unknown) => this.#fail(run, error))
      .finally(() => {
        this.#current = undefined;
        this.#draining = false;
        void this.#drain();
      });
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let run = this.#waiting.shift(); run !== undefined; run = this.#waiting.shift()) {
        this.#current = run;
        await this.#perform(run).catch((error: unknown) => this.#fail(run, error));
        if (run.state !== 'ok' && run.state !== 'cancelled') this.#dropGroup(run);
        this.#current = undefined;
      }
    } finally {
      this.#draining = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Ends a run whose end went wrong. Never rejects: whoever waits for it is told, and the next one gets its turn. */
  async #fail(run: Run, error: unknown): Promise<void> {
    const { clock, log } = this.#options;
    log.error(`run ${run.id}: ${messageOf(error)}`);
    if (run.isFinal) return;
    const sent = run.state !== 'queued';
    const state = sent ? 'output_unknown' : 'not_started';
    const explanation = sent
      ? `Its end could not be recorded: ${messageOf(error)}`
      : `Nothing was executed: ${messageOf(error)}`;
    try {
      await this.#options.onEnd(run, { kind: 'settled', state, explanation });
    } catch (again) {
      log.error(`run ${run.id}: ${messageOf(again)}`);
      run.update({ state, explanation, endedMs: clock.now() });
    }
  }

  async #perform(run: Run): Promise<void> {
    const execution = await this.#sender.send(run);
    if (execution !== undefined) await this.#follow(run, execution);
  }

  /** Follows a request that is in the kernel to its end. */
  async #follow(run: Run, execution: Execution): Promise<void> {
    this.#execution = execution;
    const settled = new Promise<Outcome>((resolve) => {
      this.#settle = resolve;
    });
    const replied = execution.finished.then((reply): Outcome => ({ kind: 'replied', reply }));
    const cancelTimer = this.#watchForSign(run, execution);
    const outcome = await Promise.race([replied, settled]);
    cancelTimer();
    execution.release();
    this.#execution = undefined;
    this.#settle = undefined;
    if (outcome.kind === 'replied' && run.record.storeHistory) {
      this.#lastExecutionCount = outcome.reply.executionCount ?? undefined;
    }
    await this.#options.onEnd(run, outcome);
  }

  /** The cells of one call stop at the first that did not end well; an exception may be what the caller wanted to go past. */
  #dropGroup(run: Run): void {
    const { group, restore } = run.record;
    if (group === undefined || (restore === 'continue' && run.state === 'error')) return;
    for (const other of this.#waiting.filter(({ record }) => record.group === group)) {
      this.remove(
        other,
        `An earlier cell of the same call (run ${run.id}) ended as ${run.state.replace('_', ' ')}; nothing of this one was executed.`,
      );
    }
  }

  #watchForSign(run: Run, execution: Execution): () => void {
    let hasSign = false;
    const noteSign = async (): Promise<void> => {
      await execution.started;
      hasSign = true;
    };
    void noteSign();
    return this.#options.clock.after(
      NO_SIGN_MS,
      () => {
        if (!hasSign && !run.isFinal) void this.settleGap(run);
      },
      { background: true },
    );
  }

  /** Decides the run in the kernel where the news of its end may have been missed (C20). Nothing is sent again. */
  async settleGap(run: Run, cause: GapCause = 'gap'): Promise<void> {
    const execution = this.#execution;
    const channel = this.#options.link()?.channel;
    if (execution === undefined || channel === undefined || run !== this.#current) return;
    const open = {
      cause,
      run,
      execution,
      channel,
      isOpen: () => !run.isFinal && execution === this.#execution,
      countBefore: () => this.#lastExecutionCount,
      settle: (outcome: Outcome) => this.settleCurrent(outcome),
    };
    await settleGap(open, this.#options);
  }
}
