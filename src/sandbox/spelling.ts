/** Takes names as programs write them (`gpuCount`, `memoryMiB`) for the names of a schema (`gpu_count`, `memory_mib`), at every depth. */
import * as z from 'zod';
import { isRecord } from '#core/json.ts';

/** `maxLifetimeSeconds` of `max_lifetime_seconds`; a unit keeps its own spelling. */
export const programName = (name: string): string =>
  name
    .replace(/_mib\b/g, 'MiB')
    .replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());

/** The same value in the names of the schema. What fits no name stays as it is, for the schema to refuse. */
export function respell(schema: z.core.$ZodType, value: unknown): unknown {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodExactOptional
  )
    return respell(schema.unwrap(), value);
  if (schema instanceof z.ZodArray)
    return Array.isArray(value) ? value.map((item) => respell(schema.element, item)) : value;
  if (schema instanceof z.ZodUnion) return respellUnion(schema.options, value);
  if (schema instanceof z.ZodObject && isRecord(value)) return respellObject(schema, value);
  return value;
}

function respellObject(
  { shape }: z.ZodObject,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = new Map(Object.keys(shape).map((name) => [programName(name), name]));
  return Object.fromEntries(
    Object.entries(value).map(([given, item]) => {
      const meant = names.get(given);
      // Given in both spellings, the second one stays a stranger.
      const name = meant === undefined || Object.hasOwn(value, meant) ? given : meant;
      const known = shape[name];
      return [name, known === undefined ? item : respell(known, item)];
    }),
  );
}

function respellUnion(options: readonly z.core.$ZodType[], value: unknown): unknown {
  const tried = options.map((option) => ({ option, item: respell(option, value) }));
  const fits = tried.find(({ option, item }) => z.safeParse(option, item).success);
  return (fits ?? tried.find(({ option }) => option instanceof z.ZodObject))?.item ?? value;
}

/** The same value in the names of programs: what a schema gave back, for somebody who writes programs. */
export function inProgramNames(schema: z.core.$ZodType, value: unknown): unknown {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodExactOptional
  )
    return inProgramNames(schema.unwrap(), value);
  if (schema instanceof z.ZodArray)
    return Array.isArray(value) ? value.map((item) => inProgramNames(schema.element, item)) : value;
  if (schema instanceof z.ZodUnion) {
    const fits = schema.options.find((option) => z.safeParse(option, value).success);
    return fits === undefined ? value : inProgramNames(fits, value);
  }
  if (!(schema instanceof z.ZodObject) || !isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const known = schema.shape[name];
      return known === undefined ? [name, item] : [programName(name), inProgramNames(known, item)];
    }),
  );
}
