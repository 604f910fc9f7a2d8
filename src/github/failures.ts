/** Turns an answer of GitHub that is no success into an error that names the quota, the variable and the page. */
import { GloveboxError } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { reasonOf } from '#platform/web/answer-text.ts';
import type { WebResponse } from '#platform/web/contract.ts';
import { waitHintMs } from '#platform/web/retry-hints.ts';
import type { GithubContext } from './context.ts';

const TOKENS_PAGE = 'https://github.com/settings/tokens';
/** From here on the quota is worth a word. */
const FEW = 10;

export function githubFailure(
  github: GithubContext,
  response: WebResponse,
  what: string,
): GloveboxError {
  const { status, credentialSource } = response;
  const reason = `GitHub answered ${status}: ${reasonOf(response)}`;
  if (isLimited(response)) {
    const waitMs = waitHintMs(response.headers, github.now());
    const until =
      waitMs === undefined
        ? 'for the moment'
        : `for ${renderDuration(waitMs)} (until ${timeText(github.now() + waitMs)})`;
    return new GloveboxError(
      'remote/rate-limited',
      `GitHub allows no more requests ${until}.\n${reason}`,
      {
        hint: credentialSource === undefined ? raiseHint : 'wait that long before the next call.',
      },
    );
  }
  switch (status) {
    case 401:
      return new GloveboxError(
        'remote/auth-required',
        `GitHub does not accept the token of ${credentialSource ?? 'nobody'} for ${what}.\n${reason}`,
        {
          hint: `correct or unset GITHUB_TOKEN; tokens are made at ${TOKENS_PAGE}.`,
        },
      );
    case 403:
      return new GloveboxError('remote/forbidden', `GitHub does not give ${what}.\n${reason}`, {
        hint: `a token with the scope "repo" (or read access to contents) in GITHUB_TOKEN may see it: ${TOKENS_PAGE}.`,
      });
    case 404:
    case 451:
      return new GloveboxError(
        'remote/not-found',
        `There is no ${what.replace(/^the /, '')}${credentialSource === undefined ? '; it may be private, and no token was sent' : ''}.\n${reason}`,
        {
          hint: `check the name; for something private set GITHUB_TOKEN (scope "repo", ${TOKENS_PAGE}).`,
        },
      );
    case 409:
      return new GloveboxError('remote/not-found', `${what} is empty.\n${reason}`, {
        hint: 'github_list_repos(owner="...") shows other repositories of its owner.',
      });
    case 422:
      return new GloveboxError(
        'input/invalid',
        `GitHub cannot read the question for ${what}.\n${reason}`,
        { hint: 'correct what the reason names: owner, repository, ref and path exist?' },
      );
    default:
      return new GloveboxError('remote/failed', `GitHub failed at ${what}.\n${reason}`, {
        hint: 'try again in a minute; https://www.githubstatus.com tells of outages.',
      });
  }
}

const raiseHint = `wait, or set GITHUB_TOKEN: it raises the limit from 60 to 5,000 requests an hour (any token without scopes will do, ${TOKENS_PAGE}).`;

/** 403 means both "not allowed" and "not now". */
export const isLimited = ({ status, headers, text }: WebResponse): boolean =>
  status === 429 ||
  (status === 403 &&
    (headers.get('x-ratelimit-remaining') === '0' ||
      headers.get('retry-after') !== null ||
      /rate limit/i.test(text)));

/** A word about a quota that is nearly used up, or nothing. */
export function quotaNote({ headers, credentialSource }: WebResponse): string | undefined {
  const left = headers.get('x-ratelimit-remaining');
  if (left === null || Number(left) > FEW) return undefined;
  const reset = Number(headers.get('x-ratelimit-reset')) * 1000;
  const until = reset > 0 ? ` until ${timeText(reset)}` : '';
  const raise = credentialSource === undefined ? '; GITHUB_TOKEN raises the limit' : '';
  return `GitHub allows ${left} more requests${until}${raise}.`;
}

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(11, 16)} UTC`;
