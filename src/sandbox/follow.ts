/** Follows a sandbox on its way, whoever is starting it, until it arrives or the wait is over. */
import { abandonOn, throwIfAborted } from '#core/abort.ts';
import { ERROR_CODES, GloveboxError, type ErrorCode } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { Progress, SandboxState } from './backend.ts';
import type { SandboxRecord } from './records.ts';
import type { RunningStart, Starts } from './starts.ts';
import type { SandboxView, Views } from './views.ts';

/** How long a call follows what it asked for. */
export interface SandboxWait {
  /** When it is over, the call returns with the state there is then. The work goes on. */
  readonly waitMs: number;
  /** Ends the wait with `cancelled`, and nothing else. */
  readonly signal: AbortSignal;
  /** Called on change. */
  report(progress: Progress): void;
}

export interface FollowOptions {
  readonly starts: Starts;
  readonly views: Views;
  readonly clock: Clock;
  /** @throws `sandbox/unknown`. */
  readonly read: (id: string) => Promise<SandboxRecord>;
}

const ON_ITS_WAY: ReadonlySet<SandboxState> = new Set(['preparing', 'queued', 'starting']);

export const isOnItsWay = ({ status }: SandboxView): boolean => ON_ITS_WAY.has(status.state);

export class Follower {
  readonly #options: FollowOptions;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /**
   * @param own the start that the caller has just begun.
   * @param failureThrows whether a failed start, or an end, is thrown instead of returned.
   */
  async follow(
    id: string,
    wait: SandboxWait,
    own: RunningStart | undefined,
    failureThrows: boolean,
  ): Promise<SandboxView> {
    const { clock, starts, views, read } = this.#options;
    const deadline = clock.monotonic() + wait.waitMs;
    let told = '';
    const tell = (progress: Progress): void => {
      if (progress.message === told) return;
      told = progress.message;
      wait.report(progress);
    };
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.4, 2000)) {
      const start = own ?? starts.running(id);
      if (start !== undefined)
        await this.#untilOver(start, deadline - clock.monotonic(), tell, wait.signal);
      if (failureThrows && start?.failure !== undefined) throw start.failure;
      const view = await views.look(await read(id), wait.signal);
      const { state, detail } = view.status;
      if (failureThrows && state === 'ended') throw await this.#failureOf(view);
      const remainingMs = deadline - clock.monotonic();
      // One that somebody is just ending has not arrived either: its end is a moment away.
      const isMoving = isOnItsWay(view) || state === 'stopping';
      if (!isMoving || remainingMs <= 0) return view;
      tell({ message: detail ?? state });
      await sleep(clock, Math.min(pauseMs, remainingMs), wait.signal);
    }
  }

  async #untilOver(
    start: RunningStart,
    limitMs: number,
    tell: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const stopListening = start.listen(tell);
    const timer = new AbortController();
    const cancelTimer = this.#options.clock.after(Math.max(0, limitMs), () => timer.abort());
    try {
      await Promise.race([
        abandonOn(start.over, signal),
        abandonOn(start.over, timer.signal).catch(() => undefined),
      ]);
      throwIfAborted(signal);
    } finally {
      cancelTimer();
      stopListening();
    }
  }

  /** The failed start of another process, as that one would have thrown it. */
  async #failureOf(view: SandboxView): Promise<GloveboxError> {
    const { failure, end } = await this.#options.read(view.id);
    const code =
      failure !== undefined && isErrorCode(failure.code) ? failure.code : 'sandbox/start-failed';
    const tail = view.status.end?.logTail ?? [];
    const message =
      failure?.message ?? [end?.message ?? 'The sandbox has ended.', ...tail].join('\n');
    return new GloveboxError(
      code,
      message,
      failure?.hint === undefined ? {} : { hint: failure.hint },
    );
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
