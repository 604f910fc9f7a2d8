/** Reads the body of an answer: as JSON of an expected shape, or as the little that an error says. */
import type * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { WebResponse } from './contract.ts';

/** What a model is shown of a service's own words. */
const MAX_REASON_CHARS = 200;

/**
 * The body, with what the schema names; services add fields as they like.
 *
 * @throws GloveboxError `remote/failed` when it is not JSON or lacks what is needed. `what` begins the sentence.
 */
export function parseJsonAnswer<T>(schema: z.ZodType<T>, response: WebResponse, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(response.text);
  } catch (error) {
    throw new GloveboxError('remote/failed', `${what} is not JSON: ${startOf(response.text)}`, {
      hint: 'try again in a minute; the service seems to be out of order.',
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new GloveboxError(
    'remote/failed',
    `${what} has another shape than expected${where === '' ? '' : ` (at ${where})`}.`,
    { hint: 'The service may have changed: look for a newer Glovebox.', cause: parsed.error },
  );
}

/** What a service says about a failure, in at most 200 characters and one line. */
export function reasonOf(response: WebResponse): string {
  const header = response.headers.get('x-error-message');
  return startOf(header ?? messageIn(response.text) ?? textOf(response));
}

function messageIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return undefined;
    for (const key of ['error', 'message', 'detail'] as const) {
      const found = value[key];
      if (typeof found === 'string') return found;
      if (isRecord(found) && typeof found['message'] === 'string') return found['message'];
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** A page for a browser says nothing in 200 characters. */
const textOf = (response: WebResponse): string =>
  /^\s*</.test(response.text) ? '(a page of HTML)' : response.text;

function startOf(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line === '') return '(no text)';
  return line.length > MAX_REASON_CHARS
    ? `${line.slice(0, MAX_REASON_CHARS - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
    : line;
}
