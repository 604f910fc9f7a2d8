/** The runs of one session in order, with at most one in the kernel (C17), from the queue to their end. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { newUuid } from '#core/ids.ts';
import type { ExecuteReply, Execution, KernelChannel, KernelMessage } from '#jupyter/contract.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { LossClass, RunState } from './contract.ts';
import type { InputRequest } from './input-requests.ts';
import type { KernelLink } from './kernel-link.ts';
import { readRecalled, recallCode, replyOf, type Recalled } from './recall.ts';
import type { Run } from './run.ts';

const QUEUE_LIMIT = 100;
/** How soon a blocked run looks again whether its way is free. */
const RETRY_MS = 200;
/** No sign of a request for so long: the kernel is asked whether it ever arrived (C20). */
const NO_SIGN_MS = 10_000;
const PING_MS = 2_000;

/** How a run ended, as far as the kernel's side knows. */
export type Outcome =
  | { readonly kind: 'replied'; readonly reply: ExecuteReply }
  | {
      readonly kind: 'settled';
      readonly state: RunState;
      readonly loss?: LossClass;
      readonly explanation: string;
    };

/** What the queue needs of a link. */
export type QueueLink = Pick<KernelLink, 'channel' | 'isUsable' | 'obstacle' | 'touch'>;

export interface RunQueueOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly allowStdin: boolean;
  /** The link of the moment; undefined while there is no kernel. */
  link(): QueueLink | undefined;
  /** Why nothing can run, in a sentence; undefined when something can. */
  blocked(): string | undefined;
  generation(): number;
  /** The Python that tells how the last execution ended; undefined for a kernel of another language. */
  recallSource(): Promise<string | undefined>;
  onMessage(run: Run, message: KernelMessage): void;
  onInputRequest(run: Run, request: InputRequest): void;
  /** The kernel is done with it; what it printed last may still be on the way. */
  onReply(run: Run, reply: ExecuteReply): void;
  /** Everything that follows the end of a run: outputs into the notebook, the record onto disk. */
  onEnd(run: Run, outcome: Outcome): Promise<void>;
}

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #waiting: Run[] = [];
  #current: Run | undefined;
  #execution: Execution | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;
  #draining = false;
  #lastExecutionCount: number | undefined;
  #idle: (() => void)[] = [];

  constructor(options: RunQueueOptions) {
    this.#options = options;
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
    void this.#follow(run, channel.adopt(run.record.msgId, this.#handlers(run)))
      .catch((error: unknown) => this.#options.log.error(`run ${run.id}: ${messageOf(error)}`))
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

  async #fail(run: Run | undefined, error: unknown): Promise<void> {
    this.#options.log.error(`run ${run?.id ?? '?'}: ${messageOf(error)}`);
    if (run === undefined || run.isFinal) return;
    const sent = run.state !== 'queued';
    const state = sent ? 'output_unknown' : 'not_started';
    const explanation = sent
      ? `Its end could not be recorded: ${messageOf(error)}`
      : `Nothing was executed: ${messageOf(error)}`;
    await this.#options.onEnd(run, { kind: 'settled', state, explanation });
  }

  async #perform(run: Run): Promise<void> {
    const execution = await this.#send(run);
    if (execution !== undefined) await this.#follow(run, execution);
  }

  /** Sends as soon as the way is free. The record is on disk before the bytes leave (C16). */
  async #send(run: Run): Promise<Execution | undefined> {
    const { clock } = this.#options;
    for (let isFirst = true; !run.isFinal; isFirst = false) {
      const blocked = this.#options.blocked();
      if (blocked !== undefined) {
        await this.#options.onEnd(run, {
          kind: 'settled',
          state: 'not_started',
          explanation: `Nothing was executed: ${blocked}`,
        });
        return undefined;
      }
      const link = this.#options.link();
      run.obstacle = await this.#obstacle(link);
      if (link === undefined || run.obstacle !== undefined) {
        if (isFirst) run.update({});
        await sleep(clock, RETRY_MS);
        continue;
      }
      // Removed from the queue while the connection was tested.
      if (run.isFinal) return undefined;
      run.update({ state: 'sending', sentMs: clock.now(), generation: this.#options.generation() });
      const execution = this.#execute(run, link.channel);
      if (execution !== undefined) return execution;
      run.update({ state: 'queued' });
    }
    return undefined;
  }

  async #obstacle(link: QueueLink | undefined): Promise<string | undefined> {
    if (link === undefined) return 'connecting to the kernel';
    if (!(await link.isUsable())) return link.obstacle ?? 'reconnecting to the kernel';
    if (link.channel.foreignBusy)
      return 'waiting: the kernel is busy with a cell of another client';
    return undefined;
  }

  /** @returns undefined when nothing was sent because the socket has just closed. */
  #execute(run: Run, channel: KernelChannel): Execution | undefined {
    try {
      const { msgId, code, storeHistory, silent = false } = run.record;
      const allowStdin = this.#options.allowStdin && !silent;
      const request = { msgId, code, storeHistory, allowStdin, silent };
      const execution = channel.execute(request, this.#handlers(run));
      run.note({ state: 'sent' });
      return execution;
    } catch (error) {
      if (isGloveboxError(error, 'server/unreachable')) return undefined;
      run.note({ state: 'queued' });
      throw error;
    }
  }

  #handlers(run: Run): Parameters<KernelChannel['execute']>[1] {
    return {
      onMessage: (message) => {
        if (run.isFinal) return;
        if (run.state === 'sent' || run.state === 'sending') {
          run.note({ state: 'running', startedMs: this.#options.clock.now() });
        }
        this.#options.link()?.touch();
        this.#options.onMessage(run, message);
      },
      onInputRequest: (request) => {
        if (!run.isFinal) this.#options.onInputRequest(run, request);
      },
      onReply: (reply) => {
        if (!run.isFinal) this.#options.onReply(run, reply);
      },
    };
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

  /**
   * Decides a run of whose end we may have missed the news: after the connection was down, or when there is no sign of it.
   * A silent request on shell is answered only after every request before it. When its answer comes and ours never did, ours has
   * ended, or never arrived; the execution counter tells which (C20). A Python kernel also tells how its last execution ended.
   */
  async settleGap(run: Run): Promise<void> {
    const execution = this.#execution;
    const channel = this.#options.link()?.channel;
    if (execution === undefined || channel === undefined || run !== this.#current) return;
    if (!(await channel.pingControl(PING_MS))) return;
    const code = await this.#recallCode();
    let told: Recalled | undefined;
    for (;;) {
      if (run.isFinal || execution !== this.#execution || !channel.connected) return;
      const probe = channel.execute(
        { msgId: newUuid(), code, silent: true, storeHistory: false },
        { onMessage: (message) => (told ??= readRecalled(message)) },
      );
      const answer = await Promise.race([probe.finished, execution.finished.then(() => undefined)]);
      probe.release();
      if (answer === undefined || run.isFinal || execution !== this.#execution) return;
      // Aborted with the run before it, which ended in an error: ask again.
      if (answer.status !== 'aborted') return this.#decideGap(run, answer.executionCount, told);
      await sleep(this.#options.clock, RETRY_MS);
    }
  }

  /** Empty when the kernel cannot be asked for more than that it has come so far. */
  async #recallCode(): Promise<string> {
    try {
      const source = await this.#options.recallSource();
      return source === undefined ? '' : recallCode(source);
    } catch (error) {
      this.#options.log.warn(`no recall: ${messageOf(error)}`);
      return '';
    }
  }

  #decideGap(run: Run, executionCount: number | null, told: Recalled | undefined): void {
    const before = this.#lastExecutionCount;
    if (run.isLostUnlessSeen && !run.hasSign) {
      this.settleCurrent({
        kind: 'settled',
        state: 'lost',
        loss: 'kernel_restarted',
        explanation: 'The kernel process that it was sent to has ended. The cell did not finish.',
      });
      return;
    }
    if (
      !run.hasSign &&
      run.record.storeHistory &&
      before !== undefined &&
      executionCount === before
    ) {
      this.settleCurrent({
        kind: 'settled',
        state: 'not_started',
        explanation:
          'The request never reached the kernel: nothing was executed, and it is safe to call again.',
      });
      return;
    }
    const reply = replyOf(told, run.record, before);
    if (reply !== undefined) {
      run.notices.push(
        'Its reply was missed while the connection was down; the kernel itself told afterwards how it ended. What it printed at the end may be missing.',
      );
      if (reply.error !== undefined) showError(run, reply.error);
      this.settleCurrent({ kind: 'replied', reply });
      return;
    }
    this.settleCurrent({
      kind: 'settled',
      state: 'output_unknown',
      explanation:
        'The kernel is idle and its process is the same, so variables are intact, but the reply of this run was missed while the connection was down. Whether it succeeded and what it printed in the gap is not known: inspect the variables before deciding anything.',
    });
  }
}

/** The cell shows the exception that ended it, unless that arrived while the reply did not. */
function showError(run: Run, { name, value, traceback }: NonNullable<ExecuteReply['error']>): void {
  if (run.collector.outputs.some(({ output_type: type }) => type === 'error')) return;
  run.receiveLocal('error', { ename: name, evalue: value, traceback });
}
