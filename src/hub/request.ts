/** Asks the Hub: an address from path and parameters, a checked answer, JSON of the expected shape. */
import type * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { parseJsonAnswer } from '#platform/web/answer-text.ts';
import type { WebRequest, WebResponse } from '#platform/web/contract.ts';
import type { HubContext } from './context.ts';
import { checkHubAnswer, type HubTarget } from './failures.ts';

export type QueryValue = string | number | boolean | undefined;

/** A query without what is undefined, in the given order, so that equal questions have equal addresses. */
export function withQuery(url: string, query: Readonly<Record<string, QueryValue>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) params.append(name, String(value));
  const text = params.toString();
  return text === '' ? url : `${url}?${text}`;
}

/** Every segment encoded by itself: `a/b c` -> `a/b%20c`. */
export const encodePath = (path: string): string =>
  path.split('/').map(encodeURIComponent).join('/');

export interface HubQuestion<T> extends Omit<WebRequest, 'url'>, HubTarget {
  /** From the root of the Hub: `/api/papers/1706.03762`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly schema: z.ZodType<T>;
}

export interface HubAnswer<T> {
  readonly data: T;
  readonly response: WebResponse;
}

/** @throws GloveboxError as `WebClient.send`, `checkHubAnswer` and `parseJsonAnswer` do. */
export async function askHub<T>(
  hub: HubContext,
  question: HubQuestion<T>,
  signal?: AbortSignal,
): Promise<HubAnswer<T>> {
  const { path, query = {}, schema, what, page, scope, ...request } = question;
  const url = withQuery(`${hub.hosts().hub}${path}`, query);
  const headers = { accept: 'application/json', ...request.headers };
  const response = await hub.web.send({ ...request, headers, url }, signal);
  checkHubAnswer(hub, response, {
    what,
    ...(page !== undefined && { page }),
    ...(scope !== undefined && { scope }),
  });
  return { data: parseJsonAnswer(schema, response, `The Hub's answer for ${what}`), response };
}

/**
 * The address of the next page out of `Link: <...>; rel="next"`, or nothing.
 *
 * @throws GloveboxError `http/refused` when it leads to another origin.
 */
export function nextPageOf({ headers, url }: WebResponse): string | undefined {
  const link = headers.get('link') ?? '';
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link)?.[1];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const next = new URL(target, url);
  if (next.origin === new URL(url).origin) return next.href;
  throw new GloveboxError(
    'http/refused',
    `The next page is said to be at ${next.origin}: it is not followed.`,
  );
}
