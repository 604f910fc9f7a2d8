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

const isRented = ({ id, sharesHost }: Backend): boolean => !sharesHost && id !== 'slurm';

/** Files of `src/library/`, by name: what back ends share is written once, and what lies in a list or an object has a name. */
export function renderConfigTypes(backends: readonly Backend[]): Readonly<Record<string, string>> {
  const shapes = new Shapes();
  // The first one of a shape gives it its name: those that rent mean the same by most of them.
  const inOrder = [
    ...backends.filter(isRented).toReversed(),
    ...backends.filter((backend) => !isRented(backend)),
  ];
  const fieldsOfBackend = new Map(
    inOrder.map((backend) => [
      backend.id,
      fieldsOf(schemaOf(backend), shapes, capital(backend.id)),
    ]),
  );
  const all = backends.map((backend) => ({
    backend,
    fields: fieldsOfBackend.get(backend.id) ?? [],
  }));
  const inAll = sharedBy(all.map(({ fields }) => fields));
  const rented = all.filter(({ backend }) => isRented(backend));
  const inRented = sharedBy(rented.map(({ fields }) => fields)).filter(
    (shared) => !inAll.includes(shared),
  );
  const interfaces = all.map(({ backend, fields: own }) => {
    const inherited = [...inAll, ...(isRented(backend) ? inRented : [])];
    return renderInterface({
      about: `${backend.summary}.`,
      name: typeName(backend.id),
      base: isRented(backend) ? 'RentedConfig' : 'CommonConfig',
      fields: [
        renderField({
          name: 'backend',
          type: `'${backend.id}'`,
          about: 'Default: the one of the settings, else `local`.',
          isNeeded: false,
        }).replace(' | undefined', ''),
        ...own.filter((field) => !inherited.includes(field)),
      ],
    });
  });
  const configs = [
    `export type BackendName = ${backends.map(({ id }) => `'${id}'`).join(' | ')};`,
    [
      '/** What a sandbox is asked for; unknown names are errors. */',
      `export type SandboxConfig = ${backends.map(({ id }) => typeName(id)).join(' | ')};`,
    ].join('\n'),
    renderInterface({
      about: 'What every back end takes.',
      name: 'CommonConfig',
      fields: [...COMMON.map((field) => renderField({ ...field, isNeeded: false })), ...inAll],
    }),
    renderInterface({
      about: 'What every back end takes that rents machines.',
      name: 'RentedConfig',
      base: 'CommonConfig',
      fields: inRented,
    }),
    ...interfaces,
  ].join('\n\n');
  const parts = shapes.render().join('\n\n');
  const used = shapes.names().filter((name) => new RegExp(`\\b${name}\\b`).test(configs));
  return {
    'sandbox-config.ts': [
      '/** What `Sandbox.create` takes, made by `npm run gen` from the options of the back ends. Do not edit. */',
      `import type { ${used.join(', ')} } from './sandbox-config-parts.ts';\n\n${configs}\n`,
    ].join('\n'),
    'sandbox-config-parts.ts': `/** What lies in lists and objects of a \`SandboxConfig\`, made by \`npm run gen\`. Do not edit. */\n\n${parts}\n`,
  };
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
      inlineType(recordOf(schema)),
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

const capital = (word: string): string => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
const typeName = (id: string): string => `${capital(id)}Config`;

interface Field {
  readonly name: string;
  readonly type: string;
  readonly about: string;
  readonly isNeeded: boolean;
}

interface Interface {
  readonly about?: string;
  readonly name: string;
  readonly base?: string;
  readonly fields: readonly string[];
}

function renderInterface({ about, name, base, fields }: Interface): string {
  const comment = about === undefined ? '' : `/** ${about} */\n`;
  const inherits = base === undefined ? '' : ` extends ${base}`;
  return [`${comment}export interface ${name}${inherits} {`, ...fields, '}'].join('\n');
}

function renderField({ name, type, about, isNeeded }: Field): string {
  const comment = about === '' ? '' : `  /** ${about.replaceAll('*/', '* /')} */\n`;
  const missing = isNeeded ? '' : ' | undefined';
  return `${comment}  readonly ${name}${isNeeded ? '' : '?'}: ${type}${missing};`;
}

/** Those that are the same in every list, to the letter. */
const sharedBy = ([first = [], ...others]: readonly (readonly string[])[]): readonly string[] =>
  first.filter((field) => others.every((fields) => fields.includes(field)));

/** The interfaces of what lies inside: the same one where two back ends mean the same. */
class Shapes {
  readonly #bodies = new Map<string, readonly string[]>();

  /** @param wanted its name, unless another shape has that; then the owner stands before it */
  name(wanted: string, owner: string, fields: readonly string[]): string {
    for (const [name, known] of this.#bodies)
      if (name.endsWith(wanted) && known.join() === fields.join()) return name;
    for (const name of [wanted, `${owner}${wanted}`]) {
      if (this.#bodies.has(name)) continue;
      this.#bodies.set(name, fields);
      return name;
    }
    throw new Error(`two shapes of ${owner} have the name ${wanted}`);
  }

  names(): readonly string[] {
    return [...this.#bodies.keys()];
  }

  render(): readonly string[] {
    return [...this.#bodies].map(([name, fields]) => renderInterface({ name, fields }));
  }
}

function fieldsOf(schema: Schema, shapes: Shapes, owner: string): readonly string[] {
  const needed = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(recordOf(schema['properties'])).map(([name, raw]) => {
    const inner = recordOf(raw);
    return renderField({
      name: programName(name),
      type: typeOf(inner, (object) => nameOf(object, programName(name), shapes, owner)),
      about: textOf(inner['description']),
      isNeeded: needed.includes(name),
    });
  });
}

/** `models` has elements of the type `ModelConfig`; one of several is called after what tells it from the others. */
function nameOf(schema: Schema, property: string, shapes: Shapes, owner: string): string {
  const kind = Object.values(recordOf(schema['properties']))
    .map((inner) => recordOf(inner)['const'])
    .find((value) => typeof value === 'string');
  const word = capital(property.replace(/s$/, ''));
  const wanted = `${typeof kind === 'string' ? capital(kind) : ''}${word}Config`;
  return shapes.name(wanted, owner, fieldsOf(schema, shapes, owner));
}

/** @param nameObject how an object with named fields is written */
function typeOf(schema: Schema, nameObject: (object: Schema) => string): string {
  if (Array.isArray(schema['enum']))
    return schema['enum'].map((value) => literal(value)).join(' | ');
  if ('const' in schema) return literal(schema['const']);
  for (const key of ['anyOf', 'oneOf']) {
    const branches = schema[key];
    if (!Array.isArray(branches)) continue;
    return [...new Set(branches.map((branch) => typeOf(recordOf(branch), nameObject)))].join(' | ');
  }
  switch (schema['type']) {
    case 'array': {
      const item = typeOf(recordOf(schema['items']), nameObject);
      return `readonly ${/[ |{]/.test(item) ? `(${item})` : item}[]`;
    }
    case 'object': {
      if (isRecord(schema['properties'])) return nameObject(schema);
      const value = typeOf(recordOf(schema['additionalProperties']), nameObject);
      return `Readonly<Record<string, ${value}>>`;
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

/** In a table, where there is no room for names. */
function inlineType(schema: Schema): string {
  return typeOf(schema, (object) => {
    const needed = Array.isArray(object['required']) ? object['required'] : [];
    const fields = Object.entries(recordOf(object['properties'])).map(([name, inner]) => {
      const mark = needed.includes(name) ? '' : '?';
      return `${programName(name)}${mark}: ${inlineType(recordOf(inner))}`;
    });
    return `{ ${fields.join('; ')} }`;
  });
}

const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : JSON.stringify(value);

const recordOf = (value: unknown): Schema => (isRecord(value) ? value : {});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
