/** The JSON Schema of a tool's arguments as clients get it. */
import * as z from 'zod';
import type { Tool } from './define-tool.ts';

type JsonSchema = Record<string, unknown>;

const made = new WeakMap<Tool, JsonSchema>();

/** Made on first use and kept: start-up pays only for what is asked for. */
export function inputSchemaOf(tool: Tool): JsonSchema {
  const known = made.get(tool);
  if (known !== undefined) return known;
  if (tool.publishedSchema !== undefined) return { ...tool.publishedSchema };
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => dropIntegerBounds(jsonSchema),
  });
  made.set(tool, schema);
  return schema;
}

const MACHINE_MINIMA = new Set<unknown>([Number.MIN_SAFE_INTEGER, -(2 ** 31)]);
const MACHINE_MAXIMA = new Set<unknown>([Number.MAX_SAFE_INTEGER, 2 ** 31 - 1]);

/** zod states the bounds of the machine's integers, which tell a model nothing. */
function dropIntegerBounds(schema: JsonSchema): void {
  if (MACHINE_MINIMA.has(schema['minimum'])) delete schema['minimum'];
  if (MACHINE_MAXIMA.has(schema['maximum'])) delete schema['maximum'];
}
