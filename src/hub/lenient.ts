/** Schemas for answers of services: a field that is missing or of another type is absent, and spoils nothing else. */
import * as z from 'zod';

const orUndefined = <T>(schema: z.ZodType<T>) =>
  schema
    .nullish()
    .transform((value) => value ?? undefined)
    .catch(undefined);

export const optionalText = orUndefined(z.string());
export const optionalNumber = orUndefined(z.number());
export const optionalFlag = orUndefined(z.boolean());
export const optional = orUndefined;

/** The items that have the shape; others are left out, and so is a list that is none. */
export function listOf<T>(item: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .catch([])
    .transform((values) =>
      values.flatMap((value) => {
        const parsed = item.safeParse(value);
        return parsed.success ? [parsed.data] : [];
      }),
    );
}

/** As `listOf`, but something that is no list at all is an error: it is no answer. */
export function listAnswer<T>(item: z.ZodType<T>) {
  return z.array(z.unknown()).pipe(listOf(item));
}
