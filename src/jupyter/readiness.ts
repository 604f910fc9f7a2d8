/** Proves that a kernel answers and that its output reaches us, by asking until both were seen (C15). */
import { cancelled } from '#core/abort.ts';
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { KernelInfo } from './contract.ts';
import type { ControlRequests } from './control.ts';
import { createDeferred } from './deferred.ts';
import { parseKernelInfo } from './messages.ts';

const REPEAT_MS = 2000;
/** A kernel that answered but whose status was not seen is asked again soon: only the subscription is not live yet. */
const SUBSCRIPTION_MS = 100;

export interface Readiness {
  /** @throws GloveboxError `kernel/start-failed`, `cancelled`, and what `fail` was called with. */
  prove(timeoutMs: number, signal: AbortSignal | undefined): Promise<KernelInfo>;
  /** A new socket or a new process: what was asked before proves nothing. */
  askAgain(): void;
  fail(error: GloveboxError): void;
  readonly waiting: boolean;
}

export function createReadiness(clock: Clock, control: ControlRequests): Readiness {
  const proofs = new Set<Proof>();
  return {
    prove(timeoutMs, signal) {
      const proof = new Proof(clock, control);
      proofs.add(proof);
      return proof.run(timeoutMs, signal).finally(() => proofs.delete(proof));
    },
    askAgain: () => {
      for (const proof of proofs) proof.ask();
    },
    fail: (error) => {
      for (const proof of proofs) proof.fail(error);
    },
    get waiting() {
      return proofs.size > 0;
    },
  };
}

class Proof {
  readonly #clock: Clock;
  readonly #control: ControlRequests;
  #cancelRepeat = (): void => undefined;
  #stopListening: (() => void)[] = [];
  #answered = false;
  #connected = false;
  readonly #result = createDeferred<KernelInfo>();

  constructor(clock: Clock, control: ControlRequests) {
    this.#clock = clock;
    this.#control = control;
  }

  async run(timeoutMs: number, signal: AbortSignal | undefined): Promise<KernelInfo> {
    if (signal?.aborted === true) throw cancelled(signal);
    const onAbort = (): void => this.fail(cancelled(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancelLimit = this.#clock.after(timeoutMs, () => this.fail(this.#tooLate(timeoutMs)));
    this.ask();
    try {
      return await this.#result.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      cancelLimit();
      this.#cancelRepeat();
      for (const stop of this.#stopListening) stop();
    }
  }

  fail(error: GloveboxError): void {
    this.#result.reject(error);
  }

  ask(): void {
    let info: KernelInfo | undefined;
    let subscribed = false;
    const stop = this.#control.send('kernel_info_request', {
      onReply: (message) => {
        info = parseKernelInfo(message);
        if (subscribed) return this.#result.resolve(info);
        if (!this.#answered) this.#repeatIn(SUBSCRIPTION_MS);
        this.#answered = true;
      },
      onStatus: () => {
        subscribed = true;
        if (info !== undefined) this.#result.resolve(info);
      },
    });
    this.#connected = stop !== undefined;
    if (stop !== undefined) this.#stopListening.push(stop);
    this.#repeatIn(REPEAT_MS);
  }

  #repeatIn(ms: number): void {
    this.#cancelRepeat();
    this.#cancelRepeat = this.#clock.after(ms, () => this.ask());
  }

  #tooLate(timeoutMs: number): GloveboxError {
    const limit = renderDuration(timeoutMs);
    const seen = this.#answered
      ? 'it answers, but its output does not arrive'
      : this.#connected
        ? 'it does not answer on its control channel'
        : 'there is no connection to it';
    return new GloveboxError(
      'kernel/start-failed',
      `The kernel was not ready within ${limit}: ${seen}.`,
      {
        hint: "Look at the last lines of the server's log with sandbox_list, then call restart_kernel.",
      },
    );
  }
}
