/** Keeps requests from crowding a service: so many at once, or so many a second, in the order in which they were asked for. */
import { cancelled, throwIfAborted } from '#core/abort.ts';
import { sleep, type Clock } from '../clock.ts';

export interface Slots {
  /** Runs `work` when fewer than the limit run for the same key. @throws GloveboxError `cancelled` while waiting. */
  run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** At most `limit` at once for each key, first come, first served. */
export function createSlots(limit: number): Slots {
  const running = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();

  const enter = (key: string, signal: AbortSignal | undefined): Promise<void> => {
    const count = running.get(key) ?? 0;
    if (count < limit) {
      running.set(key, count + 1);
      return Promise.resolve();
    }
    const queue = waiting.get(key) ?? [];
    waiting.set(key, queue);
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        queue.splice(queue.indexOf(go), 1);
        reject(cancelled(signal));
      };
      signal?.addEventListener('abort', leave, { once: true });
      queue.push(go);
    });
  };

  // A slot is handed on, so the count stays as it is while somebody waits.
  const exit = (key: string): void => {
    const next = waiting.get(key)?.shift();
    if (next !== undefined) return next();
    running.set(key, (running.get(key) ?? 1) - 1);
    return undefined;
  };

  return {
    async run(key, work, signal) {
      throwIfAborted(signal);
      await enter(key, signal);
      try {
        return await work();
      } finally {
        exit(key);
      }
    },
  };
}

export interface Pacer {
  /** Resolves when it is the caller's turn. @throws GloveboxError `cancelled`; the turn goes to the next. */
  turn(signal?: AbortSignal): Promise<void>;
  /** How long a caller that comes now would wait. */
  waitMs(): number;
}

/** One turn every `intervalMs`, in order, also for calls that run side by side. */
export function createPacer(clock: Clock, intervalMs: number): Pacer {
  let nextMs = -Infinity;
  let last: Promise<unknown> = Promise.resolve();
  let queued = 0;
  const take = async (signal: AbortSignal | undefined): Promise<void> => {
    throwIfAborted(signal);
    const pause = nextMs - clock.monotonic();
    if (pause > 0) await sleep(clock, pause, signal);
    nextMs = Math.max(clock.monotonic(), nextMs) + intervalMs;
  };
  return {
    turn(signal) {
      queued += 1;
      const mine = last.then(() => take(signal)).finally(() => (queued -= 1));
      last = mine.catch(() => undefined);
      return mine;
    },
    waitMs: () => Math.max(0, nextMs - clock.monotonic()) + queued * intervalMs,
  };
}
