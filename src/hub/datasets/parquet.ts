/** Reads schema, count and first rows of a Parquet file by byte ranges, without fetching all of it. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { SchemaTree } from 'hyparquet';
import type { FilePart } from '../repos/read-range.ts';
import type { Row } from './chat-messages.ts';
import { parseFeatureType, type FeatureType } from './feature-types.ts';

/** More than this is not fetched to show a few rows. */
const MAX_ROW_BYTES = 24 * 1024 * 1024;
const MAX_FOOTER_BYTES = 16 * 1024 * 1024;

export interface ParquetLook {
  readonly types: ReadonlyMap<string, FeatureType>;
  readonly rowCount: number;
  readonly rows: readonly Row[];
  /** Why there are no rows, or not all columns. */
  readonly note?: string;
}

/** `end` is exclusive. */
export type ReadBytes = (start: number, end: number) => Promise<FilePart>;

/** @throws GloveboxError `remote/failed` for what is no Parquet file; what `read` throws. */
export async function lookAtParquet(
  read: ReadBytes,
  rowStart: number,
  rowCount: number,
): Promise<ParquetLook> {
  // Loaded on use: start-up is a feature.
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const { totalBytes } = await read(0, 4);
  const file = {
    byteLength: totalBytes,
    slice: async (start: number, end: number = totalBytes): Promise<ArrayBuffer> => {
      if (end - start > Math.max(MAX_ROW_BYTES, MAX_FOOTER_BYTES))
        throw new GloveboxError('http/too-large', 'A part of the file is too large to be read.');
      const { bytes } = await read(start, end);
      return new Uint8Array(bytes).buffer;
    },
  };
  const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
    if (isGloveboxError(error)) throw error;
    throw new GloveboxError(
      'remote/failed',
      `It is no readable Parquet file: ${messageOf(error)}.`,
      {
        cause: error,
      },
    );
  });
  const told = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const types = toldTypes(told) ?? schemaTypes(parquetSchema(metadata));
  const look = { types, rowCount: Number(metadata.num_rows) };
  const cheap = cheapColumns(metadata.row_groups, rowStart);
  if (cheap.columns.length === 0) {
    return { ...look, rows: [], note: 'Its row groups are too large to fetch some rows of them.' };
  }
  const found = await parquetReadObjects({
    file,
    metadata,
    compressors,
    columns: [...cheap.columns],
    rowStart,
    rowEnd: Math.min(look.rowCount, rowStart + rowCount),
  });
  const rows = found.map((row) => plainRow(row));
  return cheap.left.length === 0
    ? { ...look, rows }
    : {
        ...look,
        rows,
        note: `Too large to be fetched, so not in the sample: ${cheap.left.join(', ')}.`,
      };
}

interface RowGroupSize {
  readonly num_rows: bigint;
  readonly columns: readonly {
    readonly meta_data?: {
      readonly path_in_schema: readonly string[];
      readonly total_compressed_size: bigint;
    };
  }[];
}

/** The columns whose part in the row group fits together into the limit, the small ones first. */
function cheapColumns(
  groups: readonly RowGroupSize[],
  rowStart: number,
): { readonly columns: readonly string[]; readonly left: readonly string[] } {
  let passed = 0;
  const group = groups.find(({ num_rows: rows }) => {
    passed += Number(rows);
    return passed > rowStart;
  });
  const sizes = new Map<string, number>();
  for (const { meta_data: data } of group?.columns ?? []) {
    const name = data?.path_in_schema[0];
    if (name === undefined) continue;
    sizes.set(name, (sizes.get(name) ?? 0) + Number(data?.total_compressed_size ?? 0));
  }
  let left = MAX_ROW_BYTES;
  const columns: string[] = [];
  for (const [name, bytes] of [...sizes].toSorted((a, b) => a[1] - b[1])) {
    left -= bytes;
    if (left >= 0) columns.push(name);
  }
  return { columns, left: [...sizes.keys()].filter((name) => !columns.includes(name)) };
}

/** Files that the datasets library wrote say their types themselves. */
function toldTypes(text: string | undefined): ReadonlyMap<string, FeatureType> | undefined {
  if (text === undefined) return undefined;
  try {
    const told: unknown = JSON.parse(text);
    const info = isRecord(told) ? told['info'] : undefined;
    const features = isRecord(info) ? info['features'] : undefined;
    if (!isRecord(features)) return undefined;
    return new Map(Object.entries(features).map(([name, raw]) => [name, parseFeatureType(raw)]));
  } catch {
    return undefined;
  }
}

const schemaTypes = (root: SchemaTree): ReadonlyMap<string, FeatureType> =>
  new Map(root.children.map((child) => [child.element.name, typeOf(child)]));

function typeOf(node: SchemaTree): FeatureType {
  const { element, children } = node;
  const isList = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
  const [child] = children;
  if (isList && child !== undefined) {
    const [inner] = child.children;
    const isWrapper = child.element.repetition_type === 'REPEATED' && child.children.length === 1;
    const of = isWrapper && inner !== undefined ? typeOf(inner) : typeOf(child);
    return { kind: 'list', of, isColumnar: false };
  }
  if (children.length > 0) {
    return {
      kind: 'struct',
      fields: new Map(children.map((part) => [part.element.name, typeOf(part)])),
    };
  }
  return { kind: 'value', dtype: dtypeOf(element) };
}

const PHYSICAL: Readonly<Record<string, string>> = {
  BOOLEAN: 'bool',
  INT32: 'int32',
  INT64: 'int64',
  INT96: 'timestamp',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  BYTE_ARRAY: 'binary',
  FIXED_LEN_BYTE_ARRAY: 'binary',
};

function dtypeOf({
  type,
  converted_type: converted,
  logical_type: logical,
}: SchemaTree['element']): string {
  if (converted === 'UTF8' || logical?.type === 'STRING') return 'string';
  if (logical?.type === 'INTEGER') return `${logical.isSigned ? '' : 'u'}int${logical.bitWidth}`;
  if (converted !== undefined && /^U?INT_\d+$/.test(converted))
    return converted.toLowerCase().replace('_', '');
  if (logical !== undefined) return logical.type.toLowerCase();
  return PHYSICAL[type ?? ''] ?? 'unknown';
}

/** Values as JSON has them, so that rows of every source look the same. */
function plainRow(row: Readonly<Record<string, unknown>>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  }
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (Array.isArray(value)) return value.map(plain);
  if (isRecord(value)) return plainRow(value);
  return value;
}
