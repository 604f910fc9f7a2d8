/** What can be done to a run that has not ended: take it back, interrupt it, answer its question. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { JupyterServer } from '#jupyter/contract.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { InputRequests } from './input-requests.ts';
import { interruptRun, type InterruptOutcome } from './interrupt.ts';
import type { KernelLink } from './kernel-link.ts';
import type { SessionLimits } from './limits.ts';
import type { LiveRecord } from './live-record.ts';
import type { RunQueue } from './run-queue.ts';
import type { Run } from './run.ts';

export interface RunControlOptions {
  readonly live: LiveRecord;
  readonly queue: RunQueue;
  readonly inputs: InputRequests;
  readonly server: JupyterServer;
  readonly clock: Clock;
  readonly log: Log;
  readonly limitsMs: SessionLimits['interruptMs'];
  /** Undefined while there is no kernel to talk to. */
  readonly link: () => KernelLink | undefined;
}

/** `patient`: for nobody who waits; an interrupt comes when the run has begun, so that it hits nothing else. */
export interface Patience {
  readonly patient?: boolean;
}

export class RunControl {
  readonly #options: RunControlOptions;

  constructor(options: RunControlOptions) {
    this.#options = options;
  }

  /** Removes a queued run, or interrupts the one in the kernel (C26). */
  async cancelRun(run: Run, patience?: Patience): Promise<InterruptOutcome> {
    const { queue } = this.#options;
    if (queue.remove(run, 'It was removed from the queue; nothing of it was executed.')) {
      return { kind: 'removed' };
    }
    return this.interrupt(run, patience);
  }

  /** Takes a call back: what is queued of it is removed, what is in the kernel interrupted. */
  async cancelCall(run: Run): Promise<void> {
    const { group } = run.record;
    const isPart = (other: Run): boolean => group !== undefined && other.record.group === group;
    const others = this.#options.queue.runs.filter((other) => other !== run && isPart(other));
    // From the end, so that none of them gets its turn meanwhile.
    for (const other of [run, ...others].toReversed()) {
      if (!other.isFinal) await this.cancelRun(other, { patient: true });
    }
  }

  /** Without a run: whatever the kernel is busy with. */
  async interrupt(
    run: Run | undefined,
    { patient = false }: Patience = {},
  ): Promise<InterruptOutcome> {
    const { live, queue, inputs, clock, link, server, log, limitsMs } = this.#options;
    const { kernelId, interruptMode } = live.value;
    return interruptRun({
      run,
      patient,
      clock,
      link: link(),
      server,
      kernelId,
      byMessage: interruptMode === 'message',
      inputs,
      askWhetherEnded: (open) => {
        queue
          .settleGap(open, 'interrupt')
          .catch((error: unknown) => log.warn(`the end of ${open.id}: ${messageOf(error)}`));
      },
      limitsMs,
    });
  }

  /** For nobody who waits. Never throws. */
  interruptSoon(run: Run): void {
    this.interrupt(run, { patient: true }).catch((error: unknown) =>
      this.#options.log.warn(`interrupt of ${run.id}: ${messageOf(error)}`),
    );
  }

  /** @throws `input/invalid` when the run does not wait for input. */
  answerInput(run: Run, value: string): void {
    const link = this.#options.link();
    if (run.state !== 'waiting_input' || link === undefined) {
      throw new GloveboxError(
        'input/invalid',
        `Run ${run.id} does not wait for input; it is ${run.state}.`,
        {
          hint: `get_run(run_id="${run.id}") shows how it stands.`,
        },
      );
    }
    link.channel.sendInput(run.record.msgId, value);
    this.#options.inputs.answered(run);
  }
}
