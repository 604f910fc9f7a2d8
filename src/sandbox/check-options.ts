/** Checks what is asked of a back end, and finds every mistake in one go. */
import type * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { didYouMean } from '#core/nearest.ts';
import { programName, respell } from './spelling.ts';

export interface Mistake {
  /** `models[1].peft.base`, in the names that the caller used. */
  readonly path: string;
  readonly message: string;
  /** The option, as the caller wrote it, where the back end has none of that name. */
  readonly unknown?: string;
}

/** How somebody writes the names of options: as programs do, or as they stand in the schema. */
export type Names = 'program' | 'schema';

/** Somebody who writes one name that way wants to read them all so. */
export const namesIn = (value: unknown): Names =>
  writesLikeAProgram(value) ? 'program' : 'schema';

export type Checked<T> =
  | { readonly data: T; readonly mistakes?: undefined }
  | { readonly mistakes: readonly [Mistake, ...Mistake[]] };

/**
 * Options in either spelling. What concerns several fields at once is checked also when others are wrong, on what is left without
 * those.
 */
export function checkOptions<Schema extends z.ZodObject>(
  schema: Schema,
  raw: unknown,
  names: Names = namesIn(raw),
): Checked<z.output<Schema>> {
  const spelled = respell(schema, raw ?? {});
  const first = schema.safeParse(spelled);
  if (first.success) return { data: first.data };
  const issues = [...first.error.issues];
  let rest = spelled;
  for (let found: readonly z.core.$ZodIssue[] = issues; found.length > 0 && isRecord(rest);) {
    const wrong = new Set(found.flatMap(topNames));
    const left = Object.entries(rest).filter(([name]) => !wrong.has(name));
    if (wrong.size === 0 || left.length === Object.keys(rest).length) break;
    rest = Object.fromEntries(left);
    found = schema.safeParse(rest).error?.issues ?? [];
    issues.push(...found);
  }
  const asWritten = names === 'program' ? programName : (name: string): string => name;
  const known = Object.keys(schema.shape).map(asWritten);
  const [one, ...more] = issues.flatMap((issue) => toMistakes(issue, asWritten, known));
  if (one === undefined) throw new TypeError('A schema refused a value and named no issue.');
  return { mistakes: [one, ...more] };
}

/** One error with all mistakes. */
export function refusal(
  who: string,
  mistakes: readonly Mistake[],
  names: readonly string[],
): GloveboxError {
  const lines = mistakes.map(({ path, message }) =>
    path === '' ? message : `${path}: ${message}`,
  );
  const [only] = lines;
  const text = lines.length === 1 ? ` ${only}` : lines.map((line) => `\n  ${line}`).join('');
  return new GloveboxError('config/invalid', `Options of the ${who} back end:${text}`, {
    hint: `Known options: ${names.join(', ')}. sandbox_options describes them.`,
  });
}

function topNames(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.path.length === 0) return issue.code === 'unrecognized_keys' ? issue.keys : [];
  return [String(issue.path[0])];
}

function toMistakes(
  issue: z.core.$ZodIssue,
  asWritten: (name: string) => string,
  known: readonly string[],
): readonly Mistake[] {
  const place = issue.path.map((step) => (typeof step === 'string' ? asWritten(step) : step));
  if (issue.code !== 'unrecognized_keys')
    return [{ path: pathText(place), message: plainly(issue) }];
  return issue.keys.map((key) => ({
    path: pathText([...place, key]),
    message: `is not an option.${place.length === 0 ? didYouMean(key, known) : ''}`,
    ...(place.length === 0 && { unknown: key }),
  }));
}

function plainly(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'missing';
  if (issue.code === 'invalid_union') {
    const [branch] = issue.errors.toSorted((a, b) => b.length - a.length);
    const reasons = branch?.map((inner) => inner.message) ?? [];
    return [issue.message, ...new Set(reasons)].join(': ');
  }
  return issue.message;
}

const pathText = (steps: readonly PropertyKey[]): string =>
  steps.reduce<string>(
    (text, step) =>
      typeof step === 'number'
        ? `${text}[${step}]`
        : `${text}${text === '' ? '' : '.'}${String(step)}`,
    '',
  );

function writesLikeAProgram(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(writesLikeAProgram);
  if (!isRecord(value)) return false;
  return Object.entries(value).some(
    ([name, item]) => /^[a-z]+[A-Z]/.test(name) || writesLikeAProgram(item),
  );
}
