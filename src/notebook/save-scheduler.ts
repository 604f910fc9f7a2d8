/** Decides when a notebook is written: a small one at once, a big one rarely while there is work and soon after it ends. */
import type { Clock } from '#platform/clock.ts';

/** A notebook of more bytes, or one whose last two saves both took longer, is big. */
const SMALL_BYTES = 1024 * 1024;
const SMALL_MS = 10;
/** A big one is written after so long without another change, */
const IDLE_MS = 250;
/** and at the latest after so long. */
const BUSY_MS = 2_000;
/** Between two saves lies this many times what the first took, and a small file that is slow waits no longer. */
const REST_FACTOR = 20;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;

export interface SchedulerOptions {
  readonly clock: Clock;
  /** Writes everything there is. Never called while it still works. @returns the changes in the file, and its size */
  readonly save: () => Promise<{ readonly changes: number; readonly bytes: number }>;
  /** Goes up with each change. */
  readonly changes: () => number;
  /** Told of a failure that nobody waits for. */
  readonly onFailure: (error: unknown) => void;
}

export class SaveScheduler {
  readonly #options: SchedulerOptions;
  /** All changes up to this count are in the file. */
  #saved: number;
  #running: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  /** When the changes that wait began to wait. */
  #since: number | undefined;
  #last: {
    readonly bytes: number;
    readonly tookMs: number;
    readonly tookMsBefore: number;
    readonly endedMs: number;
  };
  #failures = 0;
  #failure: Error | undefined;

  constructor(options: SchedulerOptions, bytes: number) {
    this.#options = options;
    this.#saved = options.changes();
    this.#last = { bytes, tookMs: 0, tookMsBefore: 0, endedMs: Number.NEGATIVE_INFINITY };
  }

  get isClean(): boolean {
    return this.#saved >= this.#options.changes();
  }

  get isSmall(): boolean {
    const { bytes, tookMs, tookMsBefore } = this.#last;
    return bytes <= SMALL_BYTES && Math.min(tookMs, tookMsBefore) <= SMALL_MS;
  }

  /** The file holds something else than it should, although nothing was changed. */
  invalidate(): void {
    this.#saved = -1;
  }

  /** Asks for a save and does not wait. */
  request(): void {
    if (this.isClean) return;
    if (this.isSmall && this.#failures === 0) {
      if (this.#running === undefined) this.#inBackground();
      return;
    }
    // A save that failed is tried again at its time.
    if (this.#failures > 0) return;
    const now = this.#options.clock.monotonic();
    this.#since ??= now;
    const { bytes, tookMs, endedMs } = this.#last;
    const restMs = Math.min(BUSY_MS, tookMs * REST_FACTOR);
    const busyMs = bytes > SMALL_BYTES ? BUSY_MS : restMs;
    const earliest = endedMs + restMs;
    const latest = Math.max(this.#since + busyMs, earliest);
    this.#plan(Math.min(latest, Math.max(now + IDLE_MS, earliest)) - now);
  }

  /**
   * For the end of a run: writes a small notebook, and leaves a big one to its time.
   *
   * @returns whether all changes up to now are in the file
   * @throws what the save throws, or what the last one threw when it is not tried now
   */
  async settle(): Promise<boolean> {
    const wanted = this.#options.changes();
    if (this.#saved >= wanted) return true;
    if (this.isSmall) {
      await this.#saveUpTo(wanted);
      return true;
    }
    this.request();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#saved >= wanted;
  }

  /** Writes everything up to now. @throws what the save throws. */
  async flush(): Promise<void> {
    await this.#saveUpTo(this.#options.changes());
  }

  /** Forgets planned saves. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #retryMs(): number {
    return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
  }

  #plan(delayMs: number): void {
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(
      Math.max(0, delayMs),
      () => {
        this.#cancel = undefined;
        this.#inBackground();
      },
      { background: true },
    );
  }

  #inBackground(): void {
    this.#saveUpTo(this.#options.changes()).then(
      () => this.request(),
      (error: unknown) => this.#options.onFailure(error),
    );
  }

  async #saveUpTo(wanted: number): Promise<void> {
    while (this.#saved < wanted) {
      if (this.#running !== undefined) {
        await this.#running.catch(() => undefined);
        continue;
      }
      this.#running = this.#save();
      try {
        await this.#running;
      } finally {
        this.#running = undefined;
      }
    }
  }

  async #save(): Promise<void> {
    const { clock, save } = this.#options;
    this.stop();
    this.#since = undefined;
    const started = clock.monotonic();
    try {
      const { changes, bytes } = await save();
      const endedMs = clock.monotonic();
      const tookMsBefore = this.#last.tookMs;
      this.#last = { bytes, tookMs: endedMs - started, tookMsBefore, endedMs };
      this.#saved = changes;
      this.#failures = 0;
      this.#failure = undefined;
    } catch (error) {
      this.#failures += 1;
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#plan(this.#retryMs);
      throw error;
    }
  }
}
