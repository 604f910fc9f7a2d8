/** What happens when code asks for a line of input: the run waits for it, but not for ever, and never for a password (C27). */
import { renderDuration } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { Run } from './run.ts';

export interface InputRequest {
  readonly prompt: string;
  readonly password: boolean;
}

export interface InputRequestsOptions {
  readonly clock: Clock;
  /** A request that is open for so long interrupts its run. */
  readonly limitMs: number;
  /** Stops the run. Never throws. */
  interrupt(this: void, run: Run): void;
}

export class InputRequests {
  readonly #options: InputRequestsOptions;
  #cancelTimer: (() => void) | undefined;
  #asked = 0;

  constructor(options: InputRequestsOptions) {
    this.#options = options;
  }

  /** Names the newest request. */
  get newest(): number {
    return this.#asked;
  }

  ask(run: Run, { prompt, password }: InputRequest): void {
    this.#asked += 1;
    this.#cancelTimer?.();
    if (password) {
      run.notices.push(
        'The code asked for a password, which cannot be answered here: it would stand in the conversation. It was interrupted. Let the code read the secret from a file or from an environment variable.',
      );
      this.#options.interrupt(run);
      return;
    }
    run.inputPrompt = run.masked(prompt);
    run.update({ state: 'waiting_input' });
    this.#startTimer(run);
  }

  /** A run of an earlier process that waits for an answer to a question which only that process got. */
  carryOn(run: Run): void {
    if (run.state !== 'waiting_input') return;
    run.notices.push(
      'Its input() asked an earlier process and can no longer be answered; interrupt_kernel ends the run.',
    );
    this.#startTimer(run);
  }

  #startTimer(run: Run): void {
    const { clock, limitMs, interrupt } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(
      limitMs,
      () => {
        if (run.state !== 'waiting_input') return;
        run.notices.push(
          `Nobody answered its input() for ${renderDuration(limitMs)}, so it was interrupted.`,
        );
        interrupt(run);
      },
      { background: true },
    );
  }

  /** The interrupt that was sent after this request ended the wait for its answer, also where the code goes on then. */
  interrupted(run: Run, request: number): void {
    if (run.state === 'waiting_input' && request === this.#asked) this.answered(run);
  }

  /** The open request has its answer. */
  answered(run: Run): void {
    this.#cancelTimer?.();
    run.inputPrompt = undefined;
    run.update({ state: 'running' });
  }
}
