/** Times on the command line: reading them, and letting them pass. */
import { GloveboxError } from '#core/errors.ts';
import { parseDurationMs } from '#core/units.ts';
import type { CommandContext } from './command.ts';

/** `90`, `90s`, `15m`: milliseconds. @throws `input/invalid` that names the flag. */
export function parseSeconds(flag: string, text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new GloveboxError('input/invalid', `${flag} is "${text}", which is no time.`, {
      hint: 'Write it as a number of seconds, or as 90s, 15m, 2h.',
      cause: error,
    });
  }
}

/** Resolves after `ms`, or at once when Ctrl-C is pressed. */
export function pause({ host, signal }: CommandContext, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = host.clock.after(ms, () => resolve());
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return undefined;
  });
}
