/** How long a call waits for somebody else's kernel to be attached; after that nothing of the attempt is left. */
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import type { Clock } from '#platform/clock.ts';
import type { SandboxWait } from '#sandbox/sandboxes.ts';

/** What attaching takes where all is well, far away too: a call that wants to wait for nothing gets this much. */
const LEAST_MS = 5_000;

/**
 * @param work leaves nothing behind when its signal fires.
 * @param what is attached, for the text.
 * @throws `server/unreachable` when the wait is over, `cancelled`, and what `work` fails with.
 */
export async function attachWithin<T>(
  work: (signal: AbortSignal) => Promise<T>,
  what: string,
  wait: SandboxWait,
  clock: Clock,
): Promise<T> {
  const giveUp = new AbortController();
  const limitMs = wait.waitMs + LEAST_MS;
  const cancelTimer = clock.after(limitMs, () => giveUp.abort());
  try {
    return await work(AbortSignal.any([wait.signal, giveUp.signal]));
  } catch (error) {
    throw giveUp.signal.aborted ? notYet(what, limitMs) : error;
  } finally {
    cancelTimer();
  }
}

function notYet(what: string, limitMs: number): GloveboxError {
  return new GloveboxError(
    'server/unreachable',
    `${what} could not be attached: its Jupyter server or the kernel itself has not answered for ${renderDuration(limitMs)}. Both may be alive all the same; nothing was changed.`,
    {
      hint: 'ping tells which layer does not answer. The same call can be made again.',
    },
  );
}
