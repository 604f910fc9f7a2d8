/** The Hub's own description of its HTTP API: every endpoint with what it takes and gives. */
import * as z from 'zod';
import { isRecord } from '#core/json.ts';
import type { HubContext } from '../context.ts';
import { listOf, optional, optionalFlag, optionalText } from '../lenient.ts';
import { askHub } from '../request.ts';

const DAY_MS = 86_400_000;
const MAX_BYTES = 40 * 1024 * 1024;
const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head'] as const;

export interface ApiParameter {
  readonly name: string;
  readonly place: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly example: string | undefined;
  readonly about: string | undefined;
}

export interface ApiEndpoint {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters: readonly ApiParameter[];
  readonly responses: readonly {
    readonly status: string;
    readonly about: string;
    readonly fields: readonly string[];
  }[];
  readonly needsToken: boolean;
  readonly hasBody: boolean;
}

export interface ApiDescription {
  readonly endpoints: readonly ApiEndpoint[];
  readonly tags: readonly string[];
  /** Set when the Hub did not answer and this is what it said before. */
  readonly staleMs: number | undefined;
}

const schemaPart = z.looseObject({});
const parameterSchema = z.object({
  name: z.string(),
  in: z.string(),
  required: optionalFlag,
  description: optionalText,
  example: optional(z.unknown()),
  schema: optional(schemaPart),
});
const operationSchema = z.object({
  operationId: optionalText,
  summary: optionalText,
  description: optionalText,
  tags: listOf(z.string()),
  parameters: z.array(z.unknown()).catch([]),
  requestBody: optional(z.unknown()),
  responses: optional(z.record(z.string(), z.unknown())),
  security: optional(z.array(z.unknown())),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.unknown()),
  security: optional(z.array(z.unknown())),
});

/** GET `/.well-known/openapi.json`; an older copy when the Hub does not answer. */
export async function getApiDescription(
  hub: HubContext,
  signal: AbortSignal,
): Promise<ApiDescription> {
  const { data, response } = await askHub(
    hub,
    {
      path: '/.well-known/openapi.json',
      schema: documentSchema,
      what: 'the description of its API',
      credentials: 'none',
      cacheMs: DAY_MS,
      mayBeStale: true,
      maxBytes: MAX_BYTES,
    },
    signal,
  );
  const resolve = resolverOf(data);
  const endpoints = Object.entries(data.paths).flatMap(([path, item]) =>
    isRecord(item)
      ? METHODS.flatMap((method) => endpointOf(path, method, item, data.security, resolve))
      : [],
  );
  return {
    endpoints,
    tags: [...new Set(endpoints.flatMap(({ tags }) => tags))].toSorted(),
    staleMs: response.cache.state === 'stale' ? response.cache.ageMs : undefined,
  };
}

type Resolve = (value: unknown) => unknown;

/** Follows `$ref` inside of the document; a few steps, since they may go in circles. */
function resolverOf(document: unknown): Resolve {
  return (value) => {
    let current = value;
    for (let steps = 0; steps < 5 && isRecord(current); steps += 1) {
      const ref = current['$ref'];
      if (typeof ref !== 'string' || !ref.startsWith('#/')) return current;
      current = ref
        .slice(2)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
        .reduce<unknown>((at, part) => (isRecord(at) ? at[part] : undefined), document);
    }
    return current;
  };
}

function endpointOf(
  path: string,
  method: string,
  item: Readonly<Record<string, unknown>>,
  security: readonly unknown[] | undefined,
  resolve: Resolve,
): ApiEndpoint[] {
  const parsed = operationSchema.safeParse(item[method]);
  if (!parsed.success) return [];
  const operation = parsed.data;
  const shared: readonly unknown[] = Array.isArray(item['parameters']) ? item['parameters'] : [];
  const body = bodyOf(resolve(operation.requestBody), resolve);
  const demands = operation.security ?? security ?? [];
  return [
    {
      method: method.toUpperCase(),
      path,
      operationId: operation.operationId ?? '',
      summary: operation.summary ?? '',
      description: operation.description ?? '',
      tags: operation.tags,
      parameters: [
        ...[...shared, ...operation.parameters].flatMap((each) =>
          parameterOf(resolve(each), resolve),
        ),
        ...body,
      ],
      responses: Object.entries(operation.responses ?? {})
        .slice(0, 3)
        .map(([status, response]) => responseOf(status, resolve(response), resolve)),
      // An empty demand among others says that it works without, too.
      needsToken:
        demands.length > 0 &&
        !demands.some((each) => isRecord(each) && Object.keys(each).length === 0),
      hasBody: operation.requestBody !== undefined,
    },
  ];
}

function parameterOf(value: unknown, resolve: Resolve): ApiParameter[] {
  const parsed = parameterSchema.safeParse(value);
  if (!parsed.success) return [];
  const { name, in: place, required, description, schema, example } = parsed.data;
  const type = resolve(schema);
  const shown = example ?? (isRecord(type) ? (type['example'] ?? type['default']) : undefined);
  return [
    {
      name,
      place,
      type: typeOf(type, resolve),
      isRequired: required ?? place === 'path',
      example: shown === undefined ? undefined : JSON.stringify(shown),
      about: description,
    },
  ];
}

function bodyOf(body: unknown, resolve: Resolve): ApiParameter[] {
  const schema = contentSchema(body, resolve);
  const fields = isRecord(schema) && isRecord(schema['properties']) ? schema['properties'] : {};
  const required: readonly unknown[] =
    isRecord(schema) && Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(fields).map(([name, field]) => {
    const type = resolve(field);
    const example = isRecord(type) ? (type['example'] ?? type['default']) : undefined;
    const about = isRecord(type) ? type['description'] : undefined;
    return {
      name,
      place: 'body',
      type: typeOf(type, resolve),
      isRequired: required.includes(name),
      example: example === undefined ? undefined : JSON.stringify(example),
      about: typeof about === 'string' ? about : undefined,
    };
  });
}

function contentSchema(holder: unknown, resolve: Resolve): unknown {
  if (!isRecord(holder) || !isRecord(holder['content'])) return undefined;
  const { content } = holder;
  const media = content['application/json'] ?? Object.values(content)[0];
  return isRecord(media) ? resolve(media['schema']) : undefined;
}

function responseOf(
  status: string,
  value: unknown,
  resolve: Resolve,
): ApiEndpoint['responses'][number] {
  const about =
    isRecord(value) && typeof value['description'] === 'string' ? value['description'] : '';
  let schema = contentSchema(value, resolve);
  const isList = isRecord(schema) && schema['type'] === 'array';
  if (isRecord(schema) && isList) schema = resolve(schema['items']);
  const fields = isRecord(schema) && isRecord(schema['properties']) ? schema['properties'] : {};
  const named = Object.entries(fields).map(
    ([name, field]) => `${name}: ${typeOf(resolve(field), resolve)}`,
  );
  return { status, about, fields: isList && named.length > 0 ? ['list of:', ...named] : named };
}

/** `string`, `"a" | "b"`, `integer[]`. */
function typeOf(schema: unknown, resolve: Resolve, depth = 0): string {
  if (!isRecord(schema) || depth > 2) return 'any';
  if (Array.isArray(schema['enum'])) {
    const values: readonly unknown[] = schema['enum'];
    const shown = values.slice(0, 8).map((value) => JSON.stringify(value));
    return [...shown, ...(values.length > 8 ? ['…'] : [])].join(' | ');
  }
  for (const key of ['oneOf', 'anyOf']) {
    const branches = schema[key];
    if (Array.isArray(branches))
      return [...new Set(branches.map((each) => typeOf(resolve(each), resolve, depth + 1)))].join(
        ' | ',
      );
  }
  const { type } = schema;
  if (type === 'array') return `${typeOf(resolve(schema['items']), resolve, depth + 1)}[]`;
  return typeof type === 'string' ? type : Array.isArray(type) ? type.join(' | ') : 'any';
}
