/** Makes several things at once that cost something, all of them or none. */
import { GloveboxError, isGloveboxError, messageOf } from './errors.ts';

interface Making<T> {
  readonly signal: AbortSignal | undefined;
  readonly make: (at: number, signal: AbortSignal) => Promise<T>;
  /** Resolves when it is gone. */
  readonly end: (made: T) => Promise<unknown>;
}

/**
 * In the order of their numbers. When one fails the others are given up, and what was made by then is ended. What is given up ends
 * itself what it had begun, and fails with `sandbox/stop-failed` where it cannot.
 *
 * @throws the first failure, once nothing of it is left; `sandbox/stop-failed` where something could not be seen to be gone.
 */
export async function allOrNone<T>(
  count: number,
  { signal, make, end }: Making<T>,
): Promise<readonly T[]> {
  const giveUp = new AbortController();
  const either = AbortSignal.any([giveUp.signal, ...(signal === undefined ? [] : [signal])]);
  const failures: unknown[] = [];
  const made: T[] = [];
  const finished = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      try {
        const one = await make(at, either);
        made.push(one);
        return [one];
      } catch (error) {
        failures.push(error);
        giveUp.abort();
        return [];
      }
    }),
  );
  const [first, ...others] = failures;
  if (failures.length === 0) return finished.flat();
  const endings = await Promise.allSettled(made.map(end));
  const stuck = [
    ...others.filter((failure) => isGloveboxError(failure, 'sandbox/stop-failed')),
    ...endings.flatMap((ending) => (ending.status === 'rejected' ? [ending.reason] : [])),
  ];
  if (stuck.length === 0) throw first;
  throw new GloveboxError(
    'sandbox/stop-failed',
    `${messageOf(first)} And of the others, not all could be ended: ${stuck.map(messageOf).join('; ')}`,
    { hint: 'glovebox sandboxes lists what is left; glovebox stop ends it.', cause: first },
  );
}
