/** The parameters of a tool as lines, for a model that got them wrong twice: only those that the operation it meant takes. */
import { isRecord } from '#core/json.ts';
import { normaliseOperation } from '#policy/normalise.ts';
import type { ToolFacts } from './listed-tool.ts';

/** `name (type, required): what it is`, one line each. @param input the arguments as they came */
export function renderParameterTable(
  tool: Pick<ToolFacts, 'name' | 'inputSchema'>,
  input: unknown,
): string {
  const { properties, required } = tool.inputSchema;
  const rows = Object.entries(isRecord(properties) ? properties : {}).flatMap(([name, schema]) =>
    isRecord(schema) ? [{ name, schema }] : [],
  );
  const needed = new Set(Array.isArray(required) ? required : []);
  const operations = enumOf(rows.find(({ name }) => name === 'operation')?.schema);
  const operation = operationIn(input, operations);
  const told = rows.filter(
    ({ schema }) => operation === undefined || isOf(operation, aboutOf(schema), operations),
  );
  const head = operation === undefined ? tool.name : `${tool.name}, operation "${operation}"`;
  return [
    `Parameters of ${head}:`,
    ...told.map(({ name, schema }) => {
      const must = needed.has(name) ? ', required' : '';
      return `  ${name} (${typeOf(schema)}${must}): ${aboutOf(schema)}`.trimEnd();
    }),
  ].join('\n');
}

function operationIn(input: unknown, operations: readonly string[]): string | undefined {
  const given = isRecord(input) ? input['operation'] : undefined;
  if (typeof given !== 'string') return undefined;
  return operations.find((known) => normaliseOperation(known) === normaliseOperation(given));
}

/** A description that begins with names of operations is of those alone; `run` stands for `scheduled run`, too. */
function isOf(operation: string, about: string, operations: readonly string[]): boolean {
  const named = about
    .split(/[:.(]/, 1)
    .flatMap((words) => words.split(','))
    .map((word) => word.trim());
  if (!named.every((word) => operations.includes(word))) return true;
  return named.includes(operation) || named.some((word) => operation.endsWith(` ${word}`));
}

const aboutOf = (schema: Readonly<Record<string, unknown>>): string =>
  typeof schema['description'] === 'string' ? schema['description'] : '';

function enumOf(schema: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const values: unknown = schema?.['enum'];
  return Array.isArray(values) ? values.map(String) : [];
}

function typeOf(schema: Readonly<Record<string, unknown>>): string {
  const words = enumOf(schema);
  if (words.length > 0) return words.join(' | ');
  const { type, items, minimum, maximum } = schema;
  if (type === 'array') return `list of ${isRecord(items) ? typeOf(items) : 'anything'}`;
  const range =
    typeof minimum === 'number' && typeof maximum === 'number' ? ` ${minimum} to ${maximum}` : '';
  return `${typeof type === 'string' ? type : 'any'}${range}`;
}
