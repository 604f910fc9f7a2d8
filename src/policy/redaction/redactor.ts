/** The redactor: every pass in its order, over texts and over JSON. */
import { COMMAND_FLAGS } from './command-flags.ts';
import { createKnownSecrets } from './known-secrets.ts';
import { redactNamedValues } from './named-values.ts';
import { redactBlocks } from './secret-blocks.ts';
import { Tally, type SecretCount } from './secret-classes.ts';
import { HEADERS, URL_CREDENTIALS } from './secret-urls.ts';
import { SLACK_HOOKS, TOKEN_SHAPES } from './token-shapes.ts';
import { createScan, type Detector } from './trigger-scan.ts';
import { redactValue } from './walk-json.ts';

export interface Redacted<T> {
  readonly value: T;
  /** What was taken out, by class; never what it was. */
  readonly counts: readonly SecretCount[];
}

/**
 * Takes secrets out of what is about to be stored, shown or sent. Pure: no network, no files, and the input is never changed.
 *
 * The passes, in this order: exact values of secrets that this process knows (in plain, JSON-escaped, URL-encoded and base64),
 * values by the keys they stand under, PEM blocks, tokens by their shape, addresses and headers, named values and flags in
 * text. What is found becomes `[REDACTED:<class>]`. Doing it twice changes nothing more. Time grows linearly with the length
 * of the text, also for a text without a single line end.
 *
 * Best effort: a secret that looks like a word, under a name that says nothing, is not found.
 */
export interface Redactor {
  text(text: string): Redacted<string>;
  /** Objects and arrays of JSON: same structure, same types but for numbers under the name of a password or PIN. */
  json(value: unknown): Redacted<unknown>;
  /** Only exact values, keys and tokens by their shape: for what is no text of people. */
  tokens(text: string): Redacted<string>;
  /** Whether an exact value of a known secret is in the text, in any form. */
  holdsKnown(text: string): boolean;
}

export interface RedactorOptions {
  /** Exact values. Too short ones, words, numbers, paths and plain addresses among them are ignored. */
  readonly known?: Iterable<string>;
  /** Further tokens by their shape, such as `createServiceDetectors`. */
  readonly detectors?: readonly Detector[];
}

/** Far more than any text needs. */
const MAX_ROUNDS = 8;

export function createRedactor({ known = [], detectors = [] }: RedactorOptions = {}): Redactor {
  const exact = createKnownSecrets(known);
  const shapes = createScan([...TOKEN_SHAPES, SLACK_HOOKS, ...detectors]);
  const places = createScan([URL_CREDENTIALS, ...HEADERS, ...COMMAND_FLAGS]);

  const tokens = (text: string, tally: Tally): string => shapes(redactBlocks(text, tally), tally);

  const plain = (text: string, tally: Tally): string =>
    redactNamedValues(places(tokens(text, tally), tally), tally);

  const once = (text: string, tally: Tally): string => {
    const inexact = exact.replace(text, tally);
    return plain(jsonInside(inexact, tally) ?? inexact, tally);
  };

  /** What is taken out can leave the beginning of another secret at the beginning of a word: again, until nothing is found. */
  const anyText = (text: string, tally: Tally): string => {
    if (text.length < 4) return text;
    let safe = text;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const before = safe;
      safe = once(before, tally);
      if (safe === before) break;
    }
    return safe;
  };

  /** A text that is JSON itself is rewritten only when something was found in it. */
  const jsonInside = (text: string, tally: Tally): string | undefined => {
    if (!/^\s*["[{]/.test(text) || !/["\]}]\s*$/.test(text)) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    const inner = new Tally();
    const safe = redactValue(value, { tally: inner, text: (each) => once(each, inner) });
    if (inner.total === 0) return undefined;
    tally.addCounts(inner.counts());
    return JSON.stringify(safe, undefined, indentOf(text));
  };

  return {
    text(text) {
      const tally = new Tally();
      const value = anyText(text, tally);
      return { value, counts: tally.counts() };
    },
    json(value) {
      const tally = new Tally();
      const safe = redactValue(value, { tally, text: (each) => anyText(each, tally) });
      return { value: safe, counts: tally.counts() };
    },
    tokens(text) {
      const tally = new Tally();
      const value = tokens(exact.replace(text, tally), tally);
      return { value, counts: tally.counts() };
    },
    holdsKnown: (text) => exact.isIn(text),
  };
}

/** A file that people read stays readable. */
const indentOf = (text: string): string | undefined => /^\s*[[{]\r?\n([ \t]{1,8})/.exec(text)?.[1];
