/** Takes credentials out of addresses and out of headers; the host, the user and the scheme word stay. */
import { holdsPlaceholder, type Tally } from './secret-classes.ts';
import { bitsPerChar } from './secret-values.ts';
import { endOfMatch, isWordStart, type Detector, type Hit } from './trigger-scan.ts';

const USER_INFO = /[^\s/?#"'<>\\`]{1,512}@(?=[^\s@"'<>])/y;

/** `scheme://user:pass@host`, `scheme://token@host`. */
export const URL_CREDENTIALS: Detector = {
  words: ['://'],
  find(text, at) {
    const start = at + 3;
    const end = endOfMatch(USER_INFO, text, start);
    if (end === undefined || !/[a-z0-9+.-]/i.test(text.charAt(at - 1))) return undefined;
    const user = text.slice(start, end - 1);
    const colon = user.indexOf(':');
    const secret = user.slice(colon + 1);
    if (holdsPlaceholder(user) || secret === '' || isVariable(secret)) return undefined;
    if (colon >= 0) return { start: start + colon + 1, end: end - 1, kind: 'url-secret' };
    // A name alone (`git@`) is no secret; what looks like a token is.
    const isToken =
      user.length >= 16 && /\d/.test(user) && /[a-z]/i.test(user) && bitsPerChar(user) >= 3;
    return isToken ? { start, end: end - 1, kind: 'url-secret' } : undefined;
  },
};

const QUERY_NAMES = new Set(
  (
    'token access_token refresh_token id_token auth_token api_key apikey api-key sig signature password client_secret x-amz-signature ' +
    'x-amz-credential x-amz-security-token x-goog-signature x-goog-credential key-pair-id'
  ).split(' '),
);

/** Whether the value of a parameter in an address opens or signs something. */
export const isSecretParameter = (name: string): boolean => QUERY_NAMES.has(name.toLowerCase());

/** What stands where a value could be and is none: a variable, an ellipsis. */
export const isVariable = (value: string): boolean => /^[$%{<*]|^x{3,}$|^\.{3}|^…/i.test(value);

const TOKEN_CHARS = '[A-Za-z0-9._~+/=:-]';
const QUOTES = '\\\\{0,8}["\'`]';
const SEPARATOR = `(?:${QUOTES})?[ \\t]{0,8}[:=,][ \\t]{0,8}(?:[fFbBrR]{0,2}${QUOTES})?`;
const sticky = (pattern: string): RegExp => new RegExp(pattern, 'iy');

const SCHEME = sticky('(?:Basic|Bearer|Token|Digest|ApiKey|AWS4-HMAC-SHA256)[ \\t]{1,8}');
const CREDENTIAL = sticky(`${TOKEN_CHARS}{4,}(?:,[ \\t]?${TOKEN_CHARS}{4,}){0,8}`);
const BEARER = sticky('bearer(?:[ \\t]{1,8}|%20)');
const BEARER_TOKEN = sticky(`${TOKEN_CHARS}{20,}`);
const AUTHORIZATION = sticky(`authorization${SEPARATOR}`);
const KEY_HEADER = sticky(`(?:x-api-key|x-sandbox-token)${SEPARATOR}`);
const COOKIE_HEADER = sticky(`cookie(?:${QUOTES})?[ \\t]{0,8}:[ \\t]{0,8}(?:${QUOTES})?`);
const COOKIES = /[^\s=;:"'\\]{1,128}=[^\n\r"'\\]{1,8192}/y;
/** `Authorization: Basic auth is used`. */
const SCHEME_TALK =
  /^(?:auth|authentication|authorization|scheme|token|header|required|credentials|realm)(?![A-Za-z0-9+/=])/i;

/** Headers, in whatever a request was written down: HTTP, curl, Python, JSON as text. */
export const HEADERS: readonly Detector[] = [
  { words: ['bearer'], find: (text, at) => (isWordStart(text, at) ? bearer(text, at) : undefined) },
  {
    // Also the end of `Proxy-Authorization` and of `X-Sandbox-Authorization`.
    words: ['authorization'],
    find(text, at) {
      const start = endOfMatch(AUTHORIZATION, text, at);
      if (start === undefined) return undefined;
      const afterScheme = endOfMatch(SCHEME, text, start);
      const hit = credentialAt(CREDENTIAL, text, afterScheme ?? start);
      // Without a scheme only what can hardly be a word.
      const isSure = afterScheme !== undefined || (hit !== undefined && looksIssued(text, hit));
      return isSure ? hit : undefined;
    },
  },
  {
    words: ['x-api-key', 'x-sandbox-token'],
    find(text, at) {
      const start = endOfMatch(KEY_HEADER, text, at);
      return start === undefined ? undefined : credentialAt(CREDENTIAL, text, start);
    },
  },
  {
    // Also the end of `Set-Cookie`.
    words: ['cookie'],
    find(text, at) {
      const start = endOfMatch(COOKIE_HEADER, text, at);
      return start === undefined ? undefined : credentialAt(COOKIES, text, start);
    },
  },
];

function bearer(text: string, at: number): Hit | undefined {
  const start = endOfMatch(BEARER, text, at);
  return start === undefined ? undefined : credentialAt(BEARER_TOKEN, text, start);
}

function credentialAt(pattern: RegExp, text: string, start: number): Hit | undefined {
  const end = endOfMatch(pattern, text, start);
  if (end === undefined) return undefined;
  const value = text.slice(start, Math.min(end, start + 256));
  if (holdsPlaceholder(value) || isVariable(value) || SCHEME_TALK.test(value)) return undefined;
  return { start, end, kind: 'auth-header' };
}

const looksIssued = (text: string, { start, end }: Hit): boolean =>
  end - start >= 16 && /\d/.test(text.slice(start, end));

/** The value of a header whose name is known: the scheme word stays. */
export function redactHeaderValue(value: string, tally: Tally): string {
  if (value.trim() === '' || holdsPlaceholder(value) || isVariable(value)) return value;
  const scheme = /^(?:Basic|Bearer|Token|Digest|ApiKey)[ \t]+/i.exec(value)?.[0];
  if (scheme === undefined) return tally.take('auth-header');
  const rest = value.slice(scheme.length);
  return isVariable(rest) ? value : `${scheme}${tally.take('auth-header')}`;
}
