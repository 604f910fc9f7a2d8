/** Finds what was given to an operation that does not read it: nothing that somebody asked for is dropped in silence. */
import { GloveboxError } from '#core/errors.ts';

/** Which fields each operation reads; those that every one reads are left out. */
export type FieldsOf<Operation extends string> = Readonly<Record<Operation, readonly string[]>>;

/** What means the same as nothing, for models that fill in every field. */
const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === false ||
  value === 0 ||
  value === '' ||
  (Array.isArray(value) && value.length === 0);

/** @param always fields that are no concern of the operation, with the values that are the default anyway */
export function unreadFields<Operation extends string>(
  operation: Operation,
  input: object,
  reads: FieldsOf<Operation>,
  always: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(input).flatMap(([name, value]) => {
    if (isNothing(value) || reads[operation].includes(name)) return [];
    return name in always && (always[name] === undefined || always[name] === value) ? [] : [name];
  });
}

/** `date_from does nothing in operation "trending"; it belongs to search, snippet_search.` */
export const unreadWords = <Operation extends string>(
  operation: Operation,
  name: string,
  reads: FieldsOf<Operation>,
): string => {
  const readers = Object.entries<readonly string[]>(reads).flatMap(([other, names]) =>
    names.includes(name) ? [other] : [],
  );
  return `${name} does nothing in operation "${operation}"; it belongs to ${readers.join(', ')}.`;
};

/**
 * For calls that change something: what was meant by a field that is not read may be the very thing that must not go wrong.
 *
 * @throws GloveboxError `input/invalid` that names what the operation takes.
 */
export function refuseUnread<Operation extends string>(
  operation: Operation,
  input: object,
  reads: FieldsOf<Operation>,
  always: Readonly<Record<string, unknown>>,
): void {
  const unread = unreadFields(operation, input, reads, always);
  if (unread.length === 0) return;
  throw new GloveboxError(
    'input/invalid',
    `${unread.map((name) => unreadWords(operation, name, reads)).join(' ')} Nothing was changed.`,
    { hint: `operation "${operation}" takes ${reads[operation].join(', ')}.` },
  );
}
