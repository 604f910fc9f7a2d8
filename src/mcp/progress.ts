/** Tells a client how far a call is: strictly growing, at most once a second, at least every ten, and never after the result. */
import { renderDuration } from '#core/units.ts';
import type { ToolContext } from '#tools/define-tool.ts';
import type { McpClock } from './contract.ts';

export type Progress = Parameters<ToolContext['report']>[0];

/** The parameters of `notifications/progress` without the token. */
export interface ProgressNote {
  readonly progress: number;
  readonly total?: number;
  readonly message: string;
}

const MIN_GAP_MS = 1000;
const KEEP_ALIVE_MS = 10_000;
const MAX_MESSAGE_CHARS = 200;

export interface ProgressReporterOptions {
  readonly clock: McpClock;
  /** Said after a second when the call has reported nothing itself. */
  readonly title: string;
  readonly send: (note: ProgressNote) => Promise<void>;
}

/**
 * One per call that carries a progress token. The first report goes out at once, later ones as the newest of each second;
 * a call without news repeats its last step every ten seconds, with the time that has passed.
 */
export class ProgressReporter {
  readonly #clock: McpClock;
  readonly #send: (note: ProgressNote) => Promise<void>;
  readonly #startedAt: number;
  readonly #value = new GrowingValue();
  #current: Progress;
  #isRepeat = false;
  #sentAt: number | undefined;
  #cancelTimer: () => void;
  #sending: Promise<void> = Promise.resolve();
  #finished = false;

  constructor(options: ProgressReporterOptions) {
    this.#clock = options.clock;
    this.#send = options.send;
    this.#startedAt = options.clock.monotonic();
    this.#current = { message: options.title };
    this.#cancelTimer = this.#sendIn(MIN_GAP_MS);
  }

  report(progress: Progress): void {
    if (this.#finished || isSame(progress, this.#current)) return;
    this.#current = progress;
    this.#isRepeat = false;
    this.#cancelTimer();
    const waited = this.#sentAt === undefined ? MIN_GAP_MS : this.#clock.monotonic() - this.#sentAt;
    if (waited >= MIN_GAP_MS) this.#sendNow();
    else this.#cancelTimer = this.#sendIn(MIN_GAP_MS - waited);
  }

  /** Resolves when everything is written; nothing is sent afterwards. The result may go out then. */
  async finish(): Promise<void> {
    this.#finished = true;
    this.#cancelTimer();
    await this.#sending;
  }

  #sendIn(ms: number): () => void {
    return this.#clock.after(ms, () => this.#sendNow(), { background: true });
  }

  #sendNow(): void {
    const { done, total } = this.#current;
    const now = this.#clock.monotonic();
    this.#sentAt = now;
    const progress = this.#value.next(done);
    const note: ProgressNote = {
      progress,
      ...(total !== undefined && total >= progress && { total }),
      message: toMessage(this.#current.message, this.#isRepeat ? now - this.#startedAt : undefined),
    };
    this.#isRepeat = true;
    // A client that has gone away must not fail the call.
    this.#sending = this.#sending.then(() => this.#send(note)).catch(() => undefined);
    this.#cancelTimer = this.#sendIn(KEEP_ALIVE_MS);
  }
}

/** Follows `done`, and moves on by less than one step while nothing new is done. */
class GrowingValue {
  #base = 0;
  #repeats = 0;
  #last = -1;

  next(done: number | undefined): number {
    if (done !== undefined && done > this.#last) {
      this.#base = done;
      this.#repeats = 0;
    } else {
      this.#repeats += 1;
    }
    this.#last = this.#base + this.#repeats / (this.#repeats + 1);
    return this.#last;
  }
}

function isSame(one: Progress, other: Progress): boolean {
  return one.message === other.message && one.done === other.done && one.total === other.total;
}

/** A repeated step says how long the call lasts by now; a new one says what it wants to say itself. */
function toMessage(message: string, elapsedMs: number | undefined): string {
  const elapsed = elapsedMs === undefined ? '' : ` (${renderDuration(elapsedMs)})`;
  const room = MAX_MESSAGE_CHARS - elapsed.length;
  const short = message.length <= room ? message : `${message.slice(0, room - 1)}…`;
  return `${short}${elapsed}`;
}
