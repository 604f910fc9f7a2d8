/** Takes out values that stand under the name of a secret in text: assignments, YAML, JSON as text, parameters of addresses. */
import { holdsPlaceholder, type Tally } from './secret-classes.ts';
import { strengthOf, type NameStrength } from './secret-names.ts';
import { isSecretParameter, isVariable } from './secret-urls.ts';
import { isSecretValue } from './secret-values.ts';
import { endOfMatch, type Hit } from './trigger-scan.ts';

const EQUALS = 0x3d;
const COLON = 0x3a;
const MAX_NAME_CHARS = 128;
/** Enough of a value to judge it. */
const JUDGED_CHARS = 160;
const MAX_VALUE_CHARS = 64 * 1024;
/** The last letters of every name that means something, so that most names cost nothing. */
const NAME_END =
  /(?:key|key[_.-]?id|pair-id|secret|token|passw(?:or)?d|passphrase|credentials?|connection[_.-]?string|cookie|auth|pat|sig|signature)$/i;
const SPACE = /[ \t]{0,32}(?:[fFbBrRuU]{1,2}(?=["']))?/y;
const QUOTE = /\\{0,8}["'`]/y;
const BARE = /[^\s,;"'`)\]}<>&|\\]+/y;
const PARAMETER = /[^\s&#"'<>\\`;,)\]}]+/y;
/** `password: str = "..."`: what is after the equals sign is the value. */
const ANNOTATION = /[A-Za-z_][\w.[\], |"']{0,80}=[ \t]{0,8}/y;

/** Looks at every `=` and `:`, and from there back at the name and on to the value. */
export function redactNamedValues(text: string, tally: Tally): string {
  let result = '';
  let done = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== EQUALS && code !== COLON) continue;
    const hit = findAt(text, at, code);
    if (hit === undefined || hit.start < done) continue;
    result += text.slice(done, hit.start) + tally.take(hit.kind);
    done = hit.end;
    at = Math.max(at, done - 1);
  }
  return done === 0 ? text : result + text.slice(done);
}

function findAt(text: string, separator: number, code: number): Hit | undefined {
  const next = text.charCodeAt(separator + 1);
  // `==`, `:=` (its `=` comes next), `::`, `://`
  if (
    next === EQUALS ||
    (code === COLON && (next === COLON || text.startsWith('//', separator + 1)))
  )
    return undefined;
  const name = nameBefore(text, separator);
  if (name === undefined) return undefined;
  if (code === EQUALS && isParameter(text, name)) return parameterAt(text, separator + 1);
  const strength = strengthOf(name.text);
  if (strength === undefined) return undefined;
  // `=>`
  const from = code === EQUALS && next === 0x3e ? separator + 2 : separator + 1;
  return valueAt(text, valueStart(text, from, code), name.text, strength);
}

interface Name {
  readonly start: number;
  readonly text: string;
}

function nameBefore(text: string, separator: number): Name | undefined {
  let end = separator;
  if (text.charCodeAt(end - 1) === COLON) end -= 1;
  for (let left = 16; left > 0 && isBlank(text.charCodeAt(end - 1)); left -= 1) end -= 1;
  // `"name":`, `\"name\":`, `environ["name"] =`
  for (let left = 12; left > 0 && isAround(text.charCodeAt(end - 1)); left -= 1) end -= 1;
  if (!NAME_END.test(text.slice(Math.max(0, end - 20), end))) return undefined;
  let start = end;
  while (start > 0 && end - start <= MAX_NAME_CHARS && isNameCode(text.charCodeAt(start - 1)))
    start -= 1;
  // What was taken out before is no name of what follows.
  if (text.slice(Math.max(0, start - 10), start) === '[REDACTED:') return undefined;
  // The letter of an escaped line end before a name belongs to the escape.
  if (text.charCodeAt(start - 1) === 0x5c && /[nrt]/.test(text.charAt(start))) start += 1;
  return { start, text: text.slice(start, end).replace(/^[-.]+/, '') };
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
/** `"`, `'`, backquote, backslash, `]` */
const isAround = (code: number): boolean =>
  code === 0x22 || code === 0x27 || code === 0x60 || code === 0x5c || code === 0x5d;
const isNameCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x5f ||
  code === 0x2d ||
  code === 0x2e;

const isParameter = (text: string, { start, text: name }: Name): boolean =>
  /[?&;]/.test(text.charAt(start - 1)) && isSecretParameter(name);

function parameterAt(text: string, start: number): Hit | undefined {
  const end = endOfMatch(PARAMETER, text, start) ?? start;
  const value = text.slice(start, Math.min(end, start + JUDGED_CHARS));
  if (value.length < 4 || holdsPlaceholder(value) || isVariable(value)) return undefined;
  return { start, end, kind: 'url-secret' };
}

function valueStart(text: string, from: number, code: number): number {
  const start = endOfMatch(SPACE, text, from) ?? from;
  if (code !== COLON) return start;
  const typed = endOfMatch(ANNOTATION, text, start);
  if (typed === undefined) return start;
  // A type before it, and not a value that holds the sign.
  return isSecretValue(text.slice(start, typed).replace(/=[ \t]*$/, ''), 'strong') ? start : typed;
}

/** Only what is a secret is read to its end: reading every value would cost the square of the length. */
function valueAt(text: string, at: number, name: string, strength: NameStrength): Hit | undefined {
  const inQuotes = endOfMatch(QUOTE, text, at);
  const start = inQuotes ?? at;
  const quote = text.slice(at, start);
  const limit = start + JUDGED_CHARS;
  const judgedEnd =
    inQuotes === undefined
      ? Math.min(
          limit,
          start + (/^[^\s,;"'`)\]}<>&|\\]*/.exec(text.slice(start, limit))?.[0].length ?? 0),
        )
      : closingQuote(text, start, quote, limit);
  const value = text.slice(start, judgedEnd);
  if (!isSecretValue(value, strength)) return undefined;
  if (inQuotes === undefined && isHandedOn(value, name)) return undefined;
  const end =
    inQuotes === undefined
      ? (endOfMatch(BARE, text, start) ?? judgedEnd)
      : closingQuote(text, start, quote, start + MAX_VALUE_CHARS);
  return { start, end, kind: 'named-secret' };
}

/** `api_key=openai_api_key` hands a variable on. */
const isHandedOn = (value: string, name: string): boolean =>
  value.toLowerCase() === name.toLowerCase() ||
  (/^[A-Za-z_]\w*$/.test(value) && !/\d{3}/.test(value) && strengthOf(value) !== undefined);

/** A quote that was escaped as often as the opening one; a line end closes what nobody closed. */
function closingQuote(text: string, from: number, quote: string, limit: number): number {
  const mark = quote.charCodeAt(quote.length - 1);
  const escapes = quote.length - 1;
  const end = Math.min(text.length, limit);
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) return at;
    if (code !== mark) continue;
    let slashes = 0;
    while (slashes < at - from && text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes === escapes || (escapes === 0 && slashes % 2 === 0)) return at - slashes;
  }
  return end;
}
