/** A fixed number of places; who finds none free waits in order. */
import { cancelled, throwIfAborted } from '#core/abort.ts';

export interface Slots {
  /** Resolves with what gives the place back (idempotent). @throws `cancelled`: no place is held then. */
  take(signal?: AbortSignal): Promise<() => void>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();

  const hold = (): (() => void) => {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = waiting;
      if (next === undefined) free += 1;
      else next();
    };
  };

  return {
    take(signal) {
      return new Promise((resolve, reject) => {
        throwIfAborted(signal);
        if (free > 0) {
          free -= 1;
          resolve(hold());
          return;
        }
        const onAbort = (): void => {
          waiting.delete(next);
          reject(cancelled(signal));
        };
        const next = (): void => {
          waiting.delete(next);
          signal?.removeEventListener('abort', onAbort);
          resolve(hold());
        };
        waiting.add(next);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
