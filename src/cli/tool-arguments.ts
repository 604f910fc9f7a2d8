/** Turns `--key value` words into the input of a tool or the options of a back end, guided by their schema. */
import * as z from 'zod';
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import { didYouMean } from '#core/nearest.ts';

/** What one property takes, as far as words on a command line need to know. */
interface Property {
  readonly types: ReadonlySet<string>;
  readonly itemTypes: ReadonlySet<string>;
  readonly about: string;
  readonly isRequired: boolean;
  readonly choices: readonly string[];
}

export function propertiesOf(schema: z.ZodObject): ReadonlyMap<string, Property> {
  const json: unknown = z.toJSONSchema(schema, { io: 'input' });
  const properties = isRecord(json) && isRecord(json['properties']) ? json['properties'] : {};
  const required = isRecord(json) && Array.isArray(json['required']) ? json['required'] : [];
  const found = new Map<string, Property>();
  for (const [name, property] of Object.entries(properties)) {
    if (!isRecord(property)) continue;
    found.set(name, {
      types: typesOf(property),
      itemTypes: isRecord(property['items']) ? typesOf(property['items']) : new Set(),
      about: typeof property['description'] === 'string' ? property['description'] : '',
      isRequired: required.includes(name),
      choices: Array.isArray(property['enum']) ? property['enum'].map(String) : [],
    });
  }
  return found;
}

/** `--session-id` for `session_id`. */
export const flagOf = (name: string): string => `--${name.replaceAll('_', '-')}`;

/**
 * Numbers, booleans, lists (`--cells 1 --cells 2` or JSON) and objects (JSON) are made of words where the schema wants them;
 * the schema itself checks them later. A value of `-` is replaced by what `readStdin` gives.
 *
 * @throws `input/invalid` for a word that is no flag, a flag that the schema does not know, or one without its value.
 */
export async function parseFlags(
  tokens: readonly string[],
  schema: z.ZodObject,
  readStdin: () => Promise<string>,
): Promise<Record<string, unknown>> {
  const properties = propertiesOf(schema);
  const input: Record<string, unknown> = {};
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? '';
    const match = /^--(no-)?([^=]+)(?:=(.*))?$/s.exec(token);
    if (match === null) throw usage(`"${token}" is not expected here.`, properties);
    const [, no, word = '', inline] = match;
    const plain = word.replaceAll('-', '_');
    const negated = `${no ?? ''}${word}`.replaceAll('-', '_');
    const isNegated = no !== undefined && !properties.has(negated);
    const name = isNegated ? plain : negated;
    const property = properties.get(name);
    if (property === undefined)
      throw usage(`There is no ${token.split('=')[0]}.`, properties, name);
    if (property.types.has('boolean') && inline === undefined) {
      const next = tokens[at + 1];
      const isValue = !isNegated && (next === 'true' || next === 'false');
      if (isValue) at += 1;
      input[name] = isValue ? next === 'true' : !isNegated;
      continue;
    }
    const text = inline ?? tokens[(at += 1)];
    if (text === undefined || isNegated) throw usage(`${flagOf(name)} needs a value.`, properties);
    const value = text === '-' ? await readStdin() : text;
    const before = input[name];
    if (property.types.has('array') && !value.startsWith('[')) {
      input[name] = [...(Array.isArray(before) ? before : []), convert(value, property.itemTypes)];
    } else input[name] = convert(value, property.types);
  }
  return input;
}

/** One line per parameter, for the help of a tool. */
export function describeFlags(schema: z.ZodObject): string {
  const lines = [...propertiesOf(schema)].map(
    ([name, { types, itemTypes, about, isRequired, choices }]) => {
      const kind = types.has('boolean')
        ? ''
        : ` <${choices.length > 0 ? choices.join('|') : kindOf(types, itemTypes)}>`;
      return `  ${flagOf(name)}${kind}${isRequired ? '  (required)' : ''}${about === '' ? '' : `\n      ${about}`}`;
    },
  );
  return lines.length === 0 ? '  (no parameters)' : lines.join('\n');
}

function kindOf(types: ReadonlySet<string>, itemTypes: ReadonlySet<string>): string {
  if (types.has('array')) return `${[...itemTypes].join('|') || 'value'}, repeatable`;
  return [...types].map((type) => (type === 'object' ? 'json' : type)).join('|') || 'json';
}

function typesOf(property: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const types = new Set<string>();
  const add = (schema: unknown): void => {
    if (!isRecord(schema)) return;
    const { type, anyOf, oneOf } = schema;
    for (const name of Array.isArray(type) ? type : [type])
      if (typeof name === 'string') types.add(name);
    for (const branch of [anyOf, oneOf])
      if (Array.isArray(branch)) for (const each of branch) add(each);
    if (type === undefined && Array.isArray(schema['enum'])) types.add('string');
  };
  add(property);
  return types;
}

function convert(text: string, types: ReadonlySet<string>): unknown {
  if (types.has('integer') || types.has('number')) {
    if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  }
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.has('string')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

function usage(
  problem: string,
  properties: ReadonlyMap<string, Property>,
  name?: string,
): GloveboxError {
  const names = [...properties.keys()];
  const guess =
    name === undefined
      ? ''
      : didYouMean(name, names).replace(/"(.*)"/, (_, found: string) => flagOf(found));
  return new GloveboxError('input/invalid', problem + guess, {
    hint:
      names.length === 0
        ? 'It takes no parameters.'
        : `Parameters: ${names.map(flagOf).join(', ')}.`,
  });
}
