/** The end of the log of a rented machine, for the text of an end or a failure. */
import { isGloveboxError } from '#core/errors.ts';
import { withLimit } from '#platform/with-limit.ts';
import type { Machine } from './lease.ts';
import type { Provider } from './provider.ts';

const TAIL_LINES = 40;
const TAIL_LIMIT_MS = 8000;

/** At most 40 lines, none when they cannot be had soon. @throws nothing but `cancelled`. */
export async function logTail(
  machine: Machine | undefined,
  provider: Provider,
  signal: AbortSignal,
): Promise<string[]> {
  if (machine === undefined) return [];
  const limit = { clock: provider.clock, limitMs: TAIL_LIMIT_MS, signal, who: provider.name };
  try {
    return await withLimit(limit, async (limited) => [
      ...(await provider.readLog(machine, TAIL_LINES, limited)),
    ]);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') && signal.aborted) throw error;
    return [];
  }
}
