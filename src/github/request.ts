/** Asks GitHub's API, and says when the quota runs low. */
import type * as z from 'zod';
import { parseJsonAnswer } from '#platform/web/answer-text.ts';
import type { WebResponse } from '#platform/web/contract.ts';
import type { GithubContext } from './context.ts';
import { githubFailure, quotaNote } from './failures.ts';

const HOUR_MS = 3_600_000;
/** What stands at a fixed commit never changes. */
export const FIXED_MS = 168 * HOUR_MS;
/** What a name means may change any moment; ETags make asking again cheap, and free of the quota. */
export const MOVING_MS = 60_000;

export interface GithubQuestion<T> {
  /** From the root of the API, each part encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly schema: z.ZodType<T>;
  /** What was asked for, as it stands in a sentence. */
  readonly what: string;
  readonly cacheMs?: number;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
}

export interface GithubAnswer<T> {
  readonly data: T;
  /** A word about a quota that is nearly used up. */
  readonly note: string | undefined;
}

/** The raw answer, whatever its status. `accept` asks for another form than JSON. */
export function sendToGithub(
  github: GithubContext,
  question: Omit<GithubQuestion<unknown>, 'schema'> & { readonly accept?: string },
  signal: AbortSignal,
): Promise<WebResponse> {
  const { path, query = {}, cacheMs = MOVING_MS, maxBytes, timeoutMs, accept } = question;
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) params.append(name, String(value));
  return github.web.send(
    {
      url: `${github.hosts().api}${path}${params.size === 0 ? '' : `?${params.toString()}`}`,
      headers: {
        accept: accept ?? 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
      },
      cacheMs,
      ...(maxBytes !== undefined && { maxBytes }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
    signal,
  );
}

/** @throws GloveboxError as `githubFailure` makes it, or as `WebClient.send` does. */
export async function askGithub<T>(
  github: GithubContext,
  question: GithubQuestion<T>,
  signal: AbortSignal,
): Promise<GithubAnswer<T>> {
  const response = await sendToGithub(github, question, signal);
  if (response.status < 200 || response.status > 299)
    throw githubFailure(github, response, question.what);
  const data = parseJsonAnswer(question.schema, response, `GitHub's answer for ${question.what}`);
  return { data, note: quotaNote(response) };
}
