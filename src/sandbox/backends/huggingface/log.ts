/** The end of the log of a Job, for the text of an end. */
import { isGloveboxError } from '#core/errors.ts';
import type { JobPlace } from './hub-jobs.ts';
import type { HuggingfaceContext } from './settings.ts';
import { withLimit } from './with-limit.ts';

const TAIL_LINES = 40;
const TAIL_LIMIT_MS = 8000;

/** At most 40 lines, none when they cannot be had soon. @throws nothing but `cancelled`. */
export async function logTail(
  place: JobPlace | undefined,
  { hub, clock }: HuggingfaceContext,
  signal: AbortSignal,
): Promise<string[]> {
  if (place === undefined) return [];
  try {
    return await withLimit(clock, TAIL_LIMIT_MS, signal, async (limited) => [
      ...(await hub.log(place, TAIL_LINES, limited)),
    ]);
  } catch (error) {
    if (isGloveboxError(error, 'cancelled') && signal.aborted) throw error;
    return [];
  }
}
