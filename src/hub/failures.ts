/** Turns an answer of the Hub that is no success into the error that names variable, scope and page. */
import { GloveboxError, type ErrorCode } from '#core/errors.ts';
import { renderDuration } from '#core/units.ts';
import { reasonOf } from '#platform/web/answer-text.ts';
import type { WebResponse } from '#platform/web/contract.ts';
import { waitHintMs } from '#platform/web/retry-hints.ts';
import { HF_TOKEN_NAMES, type HubContext } from './context.ts';

export interface HubTarget {
  /** What was asked for, as it stands in a sentence: `the dataset org/name`. */
  readonly what: string;
  /** The page of it, where access to what is gated is asked for. */
  readonly page?: string;
  /** Who answered, when it is not the Hub itself. */
  readonly who?: string;
  /** The right that a token needs for it. Default `read`. */
  readonly scope?: 'read' | 'write';
}

/** Any 2xx. */
export const isSuccess = ({ status }: WebResponse): boolean => status >= 200 && status < 300;

/** @throws GloveboxError for anything but 2xx. `X-Error-Code` counts before the status. */
export function checkHubAnswer(hub: HubContext, response: WebResponse, target: HubTarget): void {
  if (!isSuccess(response)) throw hubFailure(hub, response, target);
}

export function hubFailure(
  hub: HubContext,
  response: WebResponse,
  target: HubTarget,
): GloveboxError {
  const { code, text, hint } = explain(hub, response, target);
  const message = `${text}\n${capital(target.who ?? 'the Hub')} answered ${response.status}: ${reasonOf(response)}`;
  return new GloveboxError(code, message, hint === undefined ? {} : { hint });
}

interface Explained {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
}

function explain(hub: HubContext, response: WebResponse, target: HubTarget): Explained {
  const { what, scope = 'read' } = target;
  const source = response.credentialSource;
  const settings = `${hub.hosts().hub}/settings/tokens`;
  const sent = source === undefined ? 'No token was sent.' : `The token of ${source} was sent.`;
  switch (response.headers.get('x-error-code') ?? '') {
    case 'GatedRepo':
      return gated(hub, target, sent);
    case 'RepoNotFound':
      return source === undefined
        ? {
            code: 'remote/not-found',
            text: `There is no public ${bare(what)}; it may be private. ${sent}`,
            hint: `check the name; for something private set ${HF_TOKEN_NAMES} to a token with ${scope} scope from ${settings}.`,
          }
        : notFound(what, `${sent} It may have no right to see it.`);
    case 'RevisionNotFound':
      return notFound(
        `${what} at that revision`,
        'Branches and tags: hf_repo_git(operation="list_refs").',
      );
    case 'EntryNotFound':
      return notFound(what, 'Its files: hf_repo_files(operation="list").');
    default:
      return explainStatus(hub, response, target, sent, settings);
  }
}

function explainStatus(
  hub: HubContext,
  response: WebResponse,
  target: HubTarget,
  sent: string,
  settings: string,
): Explained {
  const { what, scope = 'read' } = target;
  const source = response.credentialSource;
  switch (response.status) {
    case 401:
      return {
        code: 'remote/auth-required',
        text:
          source === undefined
            ? `${capital(what)} needs a token, or is private, or does not exist. ${sent}`
            : `The Hub does not accept the token for ${what}. ${sent}`,
        hint: `set ${HF_TOKEN_NAMES} to a token with ${scope} scope from ${settings}.`,
      };
    case 402:
      return {
        code: 'remote/billing',
        text: `The account has no credit for ${what}. Credits are separate from a PRO subscription.`,
        hint: `see ${hub.hosts().hub}/settings/billing.`,
      };
    case 403:
      return {
        code: 'remote/forbidden',
        text: `The token has no right to ${scope === 'write' ? 'change' : 'see'} ${what}. ${sent}`,
        hint: `use a token with ${scope} scope for its owner in ${HF_TOKEN_NAMES}; rights are set at ${settings}.`,
      };
    case 404:
    case 410:
      return notFound(what, 'Check the name and the kind.');
    case 409:
    case 412:
      return {
        code: 'remote/conflict',
        text: `${capital(what)} was changed or made by somebody else.`,
        hint: 'look at it again, and make the change anew if it still fits.',
      };
    case 413:
      return {
        code: 'http/too-large',
        text: `${capital(what)} is too large for the Hub.`,
        hint: "send less at once; Hugging Face's own program uploads what is large: hf upload.",
      };
    case 400:
    case 422:
      return {
        code: 'input/invalid',
        text: `${capital(target.who ?? 'the Hub')} does not accept the request for ${what}.`,
        hint: 'correct what the reason above names.',
      };
    case 429:
      return limited(hub, response, sent, source === undefined);
    case 501:
      return {
        code: 'remote/unsupported',
        text: `${capital(target.who ?? 'the Hub')} does not offer ${what}.`,
        hint: `it is ${hub.hosts().hub} that was asked; a mirror may lack what huggingface.co has.`,
      };
    default:
      return {
        code: 'remote/failed',
        text: `${capital(target.who ?? 'the Hub')} failed at ${what}.`,
        hint: 'try again in a minute; https://status.huggingface.co tells of outages.',
      };
  }
}

function gated(hub: HubContext, { what, page }: HubTarget, sent: string): Explained {
  return {
    code: 'remote/gated',
    text: `Access to ${what} must be granted by its owner. ${sent}`,
    hint: `ask for access at ${page ?? hub.hosts().hub}, then use a token of that account in ${HF_TOKEN_NAMES} (with a fine-grained token, allow gated repositories).`,
  };
}

function limited(
  hub: HubContext,
  response: WebResponse,
  sent: string,
  anonymous: boolean,
): Explained {
  const waitMs = waitHintMs(response.headers, hub.now());
  const until = waitMs === undefined ? 'for some minutes' : `for ${renderDuration(waitMs)}`;
  return {
    code: 'remote/rate-limited',
    text: `The Hub allows no more requests ${until}. ${sent}`,
    hint: anonymous
      ? `wait; a token in ${HF_TOKEN_NAMES} raises the quota.`
      : 'wait that long before the next call.',
  };
}

const notFound = (what: string, hint: string): Explained => ({
  code: 'remote/not-found',
  text: `There is no ${bare(what)}.`,
  hint,
});

const bare = (what: string): string => what.replace(/^the /, '');
const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
