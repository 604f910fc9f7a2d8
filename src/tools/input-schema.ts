/** The JSON Schema of a tool's arguments as clients get it. */
import * as z from 'zod';
import type { Tool } from './define-tool.ts';

type JsonSchema = Record<string, unknown>;

const made = new WeakMap<Tool, JsonSchema>();

/** Made on first use and kept: start-up pays only for what is asked for. */
export function inputSchemaOf(tool: Tool): JsonSchema {
  const known = made.get(tool);
  if (known !== undefined) return known;
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema }) => dropIntegerBounds(jsonSchema),
  });
  made.set(tool, schema);
  return schema;
}

/** zod states the bounds of a double's integers, which tells a model nothing. */
function dropIntegerBounds(schema: JsonSchema): void {
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
}
