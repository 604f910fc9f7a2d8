/** Asks Semantic Scholar: one request a second, patiently cached, with errors that name the key. */
import type * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { parseJsonAnswer, reasonOf } from '#platform/web/answer-text.ts';
import type { WebResponse } from '#platform/web/contract.ts';
import { waitHintMs } from '#platform/web/retry-hints.ts';
import type { HubContext } from '../context.ts';
import { isSuccess } from '../failures.ts';
import { withQuery, type QueryValue } from '../request.ts';

const TIMEOUT_MS = 12_000;
const DAY_MS = 86_400_000;

export interface ScholarQuestion<T> {
  /** `/graph/v1/paper/...`, each part encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, QueryValue>>;
  /** Posted as JSON. Every question of this service only reads. */
  readonly body?: unknown;
  readonly schema: z.ZodType<T>;
  /** What was asked for, as it stands in a sentence. */
  readonly what: string;
}

/** @throws GloveboxError `remote/not-found`, `remote/rate-limited`, `remote/auth-required`, `remote/failed`, `input/invalid`. */
export async function askScholar<T>(
  hub: HubContext,
  question: ScholarQuestion<T>,
  signal: AbortSignal,
): Promise<T> {
  const { path, query, body, schema, what } = question;
  const response = await hub.web.send(
    {
      url: withQuery(`${hub.hosts().semanticScholar}${path}`, query),
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body), isRead: true }),
      timeoutMs: TIMEOUT_MS,
      cacheMs: DAY_MS,
      turn: hub.scholarTurn,
    },
    signal,
  );
  if (!isSuccess(response)) throw failure(hub, response, what);
  return parseJsonAnswer(schema, response, `Semantic Scholar's answer for ${what}`);
}

function failure(hub: HubContext, response: WebResponse, what: string): GloveboxError {
  const { status, credentialSource } = response;
  const reason = `Semantic Scholar answered ${status}: ${reasonOf(response)}`;
  if (status === 404)
    return new GloveboxError(
      'remote/not-found',
      `Semantic Scholar does not know ${what}.\n${reason}`,
      {
        hint: 'check the id; operation="search" finds papers.',
      },
    );
  if (status === 400)
    return new GloveboxError(
      'input/invalid',
      `Semantic Scholar cannot read the question for ${what}.\n${reason}`,
      { hint: 'use plain words, and correct what the reason names.' },
    );
  if (status === 401 || status === 403)
    return new GloveboxError(
      'remote/auth-required',
      `Semantic Scholar does not accept the key of ${credentialSource ?? 'nobody'}.\n${reason}`,
      {
        hint: 'correct or unset S2_API_KEY; keys are given at https://www.semanticscholar.org/product/api.',
      },
    );
  if (status === 429) {
    const waitMs = waitHintMs(response.headers, hub.now());
    const until = waitMs === undefined ? 'for the moment' : `for ${renderDuration(waitMs)}`;
    return new GloveboxError(
      'remote/rate-limited',
      `Semantic Scholar allows no more requests ${until}.\n${reason}`,
      {
        hint:
          credentialSource === undefined
            ? 'try later; a key in S2_API_KEY (https://www.semanticscholar.org/product/api) has a quota of its own.'
            : 'try again a little later.',
      },
    );
  }
  return new GloveboxError('remote/failed', `Semantic Scholar failed at ${what}.\n${reason}`, {
    hint: 'try again in a minute; the operations that need the Hub alone still work.',
  });
}
