/** Finds out what became of a request for a Job that was not answered: what it made carries a label that nothing else has. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';

/** Marks what one request made. Its value is never used twice. */
export const REQUEST_LABEL = 'glovebox-request';

/** No answer, half an answer, or one that says that something broke after the request had come in. */
const AMBIGUOUS = ['http/failed', 'timeout', 'remote/failed'] as const;

export interface Unanswered<T> {
  /** In a sentence: `the Job`. */
  readonly what: string;
  /** `name=value` */
  readonly label: string;
  /** Where a person can look. */
  readonly page: string;
  /** What carries the label; undefined when nothing does. */
  find(this: void): Promise<T | undefined>;
}

/**
 * The answer of `request`, or what it made although nobody said so. Asked once.
 *
 * @throws GloveboxError what the service refuses it with (nothing was made then); `remote/failed` when nothing was made;
 *   `job/unconfirmed` when nobody can say.
 */
export async function ifUnanswered<T>(
  request: Promise<T>,
  { what, label, page, find }: Unanswered<T>,
  signal: AbortSignal,
): Promise<T> {
  let cause: unknown;
  try {
    return await request;
  } catch (error) {
    if (!AMBIGUOUS.some((code) => isGloveboxError(error, code)) || signal.aborted) throw error;
    cause = error;
  }
  try {
    const found = await find();
    if (found !== undefined) return found;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new GloveboxError(
      'job/unconfirmed',
      `The Hub did not answer, so whether ${what} was made is not known: ${messageOf(cause)}`,
      { hint: `look at ${page} for the label ${label} before sending it again.`, cause },
    );
  }
  throw new GloveboxError(
    'remote/failed',
    `${what.charAt(0).toUpperCase()}${what.slice(1)} was not submitted: ${messageOf(cause)} Nothing carries the label of the request.`,
    { hint: `it may be sent again; ${page} lists what there is.`, cause },
  );
}
