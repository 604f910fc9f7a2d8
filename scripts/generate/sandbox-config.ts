/** Makes the types and the reference of what a sandbox can be asked for, from the options of the back ends. */
import * as z from 'zod';
import { isRecord } from '#core/json.ts';
import type { Backend } from '#sandbox/backend.ts';
import { programName } from '#sandbox/spelling.ts';

type Schema = Readonly<Record<string, unknown>>;

const COMMON = [
  {
    name: 'name',
    type: 'string',
    about:
      'A name of your own, unique among the sandboxes that live: letters, digits, dots, underscores, hyphens, at most 63. Default: one is made.',
  },
  {
    name: 'profile',
    type: 'string',
    about: 'Options from [sandbox.NAME] of a glovebox.toml; those that stand beside it win.',
  },
];

/** `src/library/sandbox-config.ts`. */
export function renderConfigTypes(backends: readonly Backend[]): string {
  const interfaces = backends.map((backend) => {
    const fields = fieldsOf(schemaOf(backend), '  ');
    return [
      `/** ${backend.summary}. */`,
      `export interface ${typeName(backend.id)} extends CommonConfig {`,
      `  /** Default: the one of the settings, else \`local\`. */`,
      `  readonly backend?: '${backend.id}';`,
      ...fields,
      '}',
    ].join('\n');
  });
  return [
    '/** What `Sandbox.create` takes, made by `npm run gen` from the options of the back ends. Do not edit. */',
    `export type BackendName = ${backends.map(({ id }) => `'${id}'`).join(' | ')};`,
    [
      '/** What every back end takes. */',
      'interface CommonConfig {',
      ...COMMON.flatMap(({ name, type, about }) => field('  ', name, type, about)),
      '}',
    ].join('\n'),
    ...interfaces,
    [
      '/** What a sandbox is asked for; unknown names are errors. */',
      `export type SandboxConfig = ${backends.map(({ id }) => typeName(id)).join(' | ')};`,
    ].join('\n'),
  ].join('\n\n');
}

/** `docs/reference/sandbox-config.md`. */
export function renderConfigReference(
  backends: readonly Backend[],
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const parts = backends.map((backend) => {
    const properties = recordOf(schemaOf(backend)['properties']);
    const rows = Object.entries(properties).map(([name, schema]) => [
      `\`${name}\``,
      programName(name) === name ? '' : `\`${programName(name)}\``,
      typeOf(recordOf(schema), '').replaceAll(/\s+/g, ' '),
      textOf(recordOf(schema)['description']),
    ]);
    return [
      `## Back end \`${backend.id}\``,
      `${backend.summary}.`,
      table(['option', 'in programs', 'type', 'meaning'], rows),
    ].join('\n\n');
  });
  return [
    '# What a sandbox can be asked for',
    'The same names everywhere: `options` of the tool `sandbox_create`, flags of `glovebox start`, profiles `[sandbox.NAME]` in ' +
      '`glovebox.toml`, JSON files of `glovebox start --config`, and `Sandbox.create` of the library. Programs write them as in the ' +
      'second column; both spellings are taken everywhere. Every mistake is told at once, with its path.',
    `Every back end takes ${COMMON.map(({ name }) => `\`${name}\``).join(' and ')} beside \`backend\`.`,
    ...parts,
  ].join('\n\n');
}

const schemaOf = ({ optionsSchema }: Backend): Schema =>
  recordOf(z.toJSONSchema(optionsSchema, { io: 'input', unrepresentable: 'any' }));

const typeName = (id: string): string => `${id.slice(0, 1).toUpperCase()}${id.slice(1)}Config`;

function fieldsOf(schema: Schema, indent: string): readonly string[] {
  const needed = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(recordOf(schema['properties'])).flatMap(([name, raw]) => {
    const inner = recordOf(raw);
    const isNeeded = needed.includes(name);
    return field(
      indent,
      programName(name),
      typeOf(inner, indent),
      textOf(inner['description']),
      isNeeded,
    );
  });
}

function field(
  indent: string,
  name: string,
  type: string,
  about: string,
  isNeeded = false,
): readonly string[] {
  const comment = about === '' ? [] : [`${indent}/** ${about.replaceAll('*/', '* /')} */`];
  const missing = isNeeded ? '' : ' | undefined';
  return [...comment, `${indent}readonly ${name}${isNeeded ? '' : '?'}: ${type}${missing};`];
}

function typeOf(schema: Schema, indent: string): string {
  if (Array.isArray(schema['enum']))
    return schema['enum'].map((value) => literal(value)).join(' | ');
  if ('const' in schema) return literal(schema['const']);
  for (const key of ['anyOf', 'oneOf']) {
    const branches = schema[key];
    if (!Array.isArray(branches)) continue;
    return [...new Set(branches.map((branch) => typeOf(recordOf(branch), indent)))].join(' | ');
  }
  switch (schema['type']) {
    case 'array': {
      const item = typeOf(recordOf(schema['items']), indent);
      return `readonly ${/[ |{]/.test(item) ? `(${item})` : item}[]`;
    }
    case 'object': {
      if (!isRecord(schema['properties']))
        return `Readonly<Record<string, ${typeOf(recordOf(schema['additionalProperties']), indent)}>>`;
      return ['{', ...fieldsOf(schema, `${indent}  `), `${indent}}`].join('\n');
    }
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema['type'];
    default:
      return 'unknown';
  }
}

const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : JSON.stringify(value);

const recordOf = (value: unknown): Schema => (isRecord(value) ? value : {});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
