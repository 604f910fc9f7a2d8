/** Parameters that say the narrow type and take the wide one: models write "20" for 20, JSON for lists, and "" for nothing. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { didYouMean } from '#core/nearest.ts';
import { normaliseOperation } from '#policy/normalise.ts';

/** Nothing was meant: null, or blanks. */
const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

type Read = (value: unknown) => unknown;

/** Bad values stay as they are, and the schema behind says what it expected. */
const orAbsent =
  (read: Read): Read =>
  (value) =>
    isNothing(value) ? undefined : read(value);

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

const expected =
  (what: string) =>
  (issue: { readonly input?: unknown }): string =>
    `must be ${what}, not ${shown(issue.input)}`;

interface Range {
  readonly min: number;
  readonly max?: number;
}

/** `20`, `"20"`, `" 20 "`, `20.0`. What is out of range is clamped by `clamp`, with a note, and is no error. */
export function wideInt(about: string, range?: Range) {
  const read = orAbsent((value) =>
    typeof value === 'string' && /^\s*[+-]?\d+(\.0*)?\s*$/.test(value) ? Number(value) : value,
  );
  const bounds = range && {
    minimum: range.min,
    ...(range.max !== undefined && { maximum: range.max }),
  };
  const error = expected('a whole number');
  return z
    .preprocess(
      read,
      z
        .int({ error })
        .meta(bounds ?? {})
        .optional(),
    )
    .optional()
    .describe(about);
}

/** `true`, `"true"`, `"False"`. */
export function wideBoolean(about: string) {
  const read = orAbsent((value) => {
    const word = typeof value === 'string' ? value.trim().toLowerCase() : value;
    return word === 'true' ? true : word === 'false' ? false : value;
  });
  return z
    .preprocess(read, z.boolean({ error: expected('true or false') }).optional())
    .optional()
    .describe(about);
}

/** A text; blank is absent. */
export function wideText(about: string) {
  const read = orAbsent((value) => (typeof value === 'string' ? value.trim() : value));
  return z
    .preprocess(read, z.string({ error: expected('a text') }).optional())
    .optional()
    .describe(about);
}

/** A list of texts, the same as JSON, or one text with commas. */
export function wideList(about: string) {
  const read = orAbsent((value) => (typeof value === 'string' ? listFrom(value) : value));
  const error = expected('a list of texts');
  return z
    .preprocess(read, z.array(z.string({ error }), { error }).optional())
    .optional()
    .describe(about);
}

function listFrom(text: string): unknown {
  if (text.trim().startsWith('[')) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** One of a few words, however it is capitalised; blanks and hyphens count as underscores. */
export function wideChoice<const T extends string>(values: readonly T[], about: string) {
  return z
    .preprocess(orAbsent(normaliserFor(values)), choiceOf(values).optional())
    .optional()
    .describe(about);
}

/** As `wideChoice`, and it has to be there. */
export function requiredChoice<const T extends string>(values: readonly T[], about: string) {
  return z.preprocess(normaliserFor(values), choiceOf(values)).describe(about);
}

function choiceOf<const T extends string>(values: readonly T[]) {
  return z.enum(values, {
    error: ({ input }) => {
      const guess = typeof input === 'string' ? didYouMean(input, values) : '';
      return `must be one of ${values.join(', ')}${input === undefined ? '' : `, not ${shown(input)}`}.${guess}`;
    },
  });
}

/** `List PRs` and `list-prs` are `list_prs`; a value with capitals in the list is found without regard to them. */
function normaliserFor(values: readonly string[]): Read {
  return (value) => {
    if (typeof value !== 'string') return value;
    const word = normaliseOperation(value);
    return values.find((known) => normaliseOperation(known) === word) ?? value;
  };
}

/** Collects what an answer has to say beside its content. */
export type Notes = string[];

/** Within the bounds; what was changed is noted. */
export function clamp(
  name: string,
  value: number | undefined,
  { fallback, min, max }: { readonly fallback: number; readonly min: number; readonly max: number },
  notes: Notes,
): number {
  if (value === undefined) return fallback;
  const clamped = Math.min(max, Math.max(min, value));
  if (clamped !== value) notes.push(`${name}=${value} is out of range: ${clamped} was used.`);
  return clamped;
}

/** @throws GloveboxError `input/invalid` that lists all that is missing at once. */
export function requireFields<T extends object, K extends keyof T & string>(
  operation: string,
  input: T,
  names: readonly K[],
): T & { readonly [N in K]-?: NonNullable<T[N]> } {
  if (hasFields(input, names)) return input;
  const missing = names.filter((name) => input[name] === undefined);
  throw new GloveboxError(
    'input/invalid',
    `operation "${operation}" needs ${missing.join(' and ')}.`,
    { hint: `call it again with operation="${operation}" and ${missing.join(', ')}.` },
  );
}

function hasFields<T extends object, K extends keyof T & string>(
  input: T,
  names: readonly K[],
): input is T & { readonly [N in K]-?: NonNullable<T[N]> } {
  return names.every((name) => input[name] !== undefined);
}
