/** Finds out what became of a request for a Job that was not answered: what it made carries a label that nothing else has. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';

/** Marks what one request made. Its value is never used twice. */
export const REQUEST_LABEL = 'glovebox-request';

/** No answer, half an answer, or one that says that something broke after the request had come in. */
const AMBIGUOUS = ['http/failed', 'timeout', 'remote/failed'] as const;
/** Before each look: a list of the service may be a moment behind what it has made. */
const PAUSES_MS = [0, 300, 1000, 2000];

export interface Unanswered<T> {
  /** In a sentence: `the Job`. */
  readonly what: string;
  /** `name=value` */
  readonly label: string;
  /** Where a person can look. */
  readonly page: string;
  /** What carries the label; undefined when nothing does. */
  find(this: void): Promise<T | undefined>;
  readonly clock: Clock;
}

/**
 * The answer of `request`, or what it made although nobody said so. Asked once, looked for several times.
 *
 * @throws GloveboxError what the service refuses it with (nothing was made then); `remote/failed` when nothing was made;
 *   `job/unconfirmed` when nobody can say, and when the service took too long to answer: it may be at it still.
 */
export async function ifUnanswered<T>(
  request: Promise<T>,
  { what, label, page, find, clock }: Unanswered<T>,
  signal: AbortSignal,
): Promise<T> {
  let cause: unknown;
  try {
    return await request;
  } catch (error) {
    if (!AMBIGUOUS.some((code) => isGloveboxError(error, code)) || signal.aborted) throw error;
    cause = error;
  }
  const unconfirmed = (hint: string): GloveboxError =>
    new GloveboxError(
      'job/unconfirmed',
      `The Hub did not answer, so whether ${what} was made is not known: ${messageOf(cause)}`,
      { hint, cause },
    );
  try {
    for (const pauseMs of PAUSES_MS) {
      await sleep(clock, pauseMs, signal);
      const found = await find();
      if (found !== undefined) return found;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw unconfirmed(`look at ${page} for the label ${label} before sending it again.`);
  }
  if (isGloveboxError(cause, 'timeout'))
    throw unconfirmed(
      `nothing carries the label ${label} yet. Look at ${page} for it in some minutes, before sending it again.`,
    );
  throw new GloveboxError(
    'remote/failed',
    `${what.charAt(0).toUpperCase()}${what.slice(1)} was not submitted: ${messageOf(cause)} Nothing carries the label of the request.`,
    { hint: `it may be sent again; ${page} lists what there is.`, cause },
  );
}
