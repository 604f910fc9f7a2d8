/** How long a service wants us to wait, and how long we wait when it does not say. */

const FIRST_PAUSE_MS = 300;

/**
 * Whether the same read may succeed in a moment. What a service does not offer at all (501), and a failure that it has a name for
 * (`X-Error-Code` of the Hub and its dataset viewer), is its answer: asking again costs quota and says the same.
 */
export const isTransient = ({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Headers;
}): boolean => status === 429 || (status >= 500 && status !== 501 && !headers.has('x-error-code'));

/**
 * Milliseconds from now, or `undefined` when the answer says nothing. Sources: `Retry-After` in seconds or as a date (RFC 9110),
 * `RateLimit: "api";r=0;t=120` of the Hub (draft of the IETF, seconds to the next window), `X-RateLimit-Reset` of GitHub (seconds
 * since the epoch, counted only when nothing remains).
 */
export function waitHintMs(headers: Headers, nowMs: number): number | undefined {
  const after = headers.get('retry-after')?.trim();
  if (after !== undefined && after !== '') {
    if (/^\d+(\.\d+)?$/.test(after)) return Number(after) * 1000;
    const at = Date.parse(after);
    if (!Number.isNaN(at)) return Math.max(0, at - nowMs);
  }
  const quota = parseRateLimit(headers);
  if (quota !== undefined && quota.left === 0) return quota.resetMs;
  if (headers.get('x-ratelimit-remaining') === '0') {
    const reset = Number(headers.get('x-ratelimit-reset'));
    if (reset > 0) return Math.max(0, reset * 1000 - nowMs);
  }
  return undefined;
}

/** What the `RateLimit` header says is left of the current window. */
export function parseRateLimit(
  headers: Headers,
): { readonly left: number; readonly resetMs: number } | undefined {
  const header = headers.get('ratelimit') ?? '';
  const left = /(?:^|;)\s*r=(\d+)/.exec(header)?.[1];
  const seconds = /(?:^|;)\s*t=(\d+)/.exec(header)?.[1];
  if (left === undefined || seconds === undefined) return undefined;
  return { left: Number(left), resetMs: Number(seconds) * 1000 };
}

/** Before the second attempt (`attempt` 1), the third (2), and so on. `random` is from 0 to 1. */
export function backoffMs(attempt: number, random: number): number {
  const full = FIRST_PAUSE_MS * 2 ** (attempt - 1);
  return full / 2 + (full / 2) * random;
}
