/** The types of a dataset's columns, read from every form in which the Hub writes them, and written as one line. */
import { isRecord } from '#core/json.ts';

export type FeatureType =
  | { readonly kind: 'value'; readonly dtype: string }
  | { readonly kind: 'class'; readonly names: readonly string[] }
  | {
      readonly kind: 'list';
      readonly of: FeatureType;
      /** Rows hold one list for each field instead of a list of structs: what `Sequence` means around a struct. */
      readonly isColumnar: boolean;
    }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, FeatureType> }
  | { readonly kind: 'named'; readonly name: string }
  /** Something newer than this program: shown as it is. */
  | { readonly kind: 'unknown'; readonly raw: unknown };

const MAX_NAMES = 5;
const LISTS: ReadonlySet<unknown> = new Set(['List', 'LargeList', 'Sequence']);

/** Never fails: what cannot be read is `unknown`, and the rest of the schema stays. */
export function parseFeatureType(raw: unknown): FeatureType {
  if (Array.isArray(raw)) {
    const items: readonly unknown[] = raw;
    return items.length === 1
      ? { kind: 'list', of: parseFeatureType(items[0]), isColumnar: false }
      : { kind: 'unknown', raw };
  }
  if (!isRecord(raw)) return { kind: 'unknown', raw };
  const type = raw['_type'];
  if (LISTS.has(type) && 'feature' in raw) {
    const of = parseFeatureType(raw['feature']);
    return { kind: 'list', of, isColumnar: type === 'Sequence' && of.kind === 'struct' };
  }
  if (type === 'ClassLabel') return { kind: 'class', names: namesOf(raw['names']) };
  const { dtype } = raw;
  if ((type === 'Value' || type === undefined) && typeof dtype === 'string') {
    return { kind: 'value', dtype };
  }
  if (typeof type === 'string') {
    return typeof dtype === 'string' && Array.isArray(raw['shape'])
      ? { kind: 'named', name: `${type}(${raw['shape'].join('×')}, ${dtype})` }
      : { kind: 'named', name: type };
  }
  const fields = Object.entries(raw);
  if (fields.length === 0) return { kind: 'unknown', raw };
  return {
    kind: 'struct',
    fields: new Map(fields.map(([name, field]) => [name, parseFeatureType(field)])),
  };
}

/** ClassLabel names are a list, or an object from index to name. */
function namesOf(raw: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(raw)
    ? raw
    : isRecord(raw)
      ? Object.values(raw)
      : [];
  return values.map(String);
}

/** `string`, `list<{role: string, content: string}>`, `class(neg, pos)`. */
export function renderFeatureType(type: FeatureType): string {
  if (type.kind === 'value') return type.dtype;
  if (type.kind === 'named') return type.name;
  if (type.kind === 'list') return `list<${renderFeatureType(type.of)}>`;
  if (type.kind === 'struct') {
    const fields = [...type.fields].map(([name, field]) => `${name}: ${renderFeatureType(field)}`);
    return `{${fields.join(', ')}}`;
  }
  if (type.kind === 'unknown') return JSON.stringify(type.raw) ?? 'nothing';
  const { names } = type;
  return names.length > 0 && names.length <= MAX_NAMES
    ? `class(${names.join(', ')})`
    : `class(${names.length} names)`;
}

const TEXT: ReadonlySet<string> = new Set(['string', 'large_string', 'str', 'utf8']);
const WHOLE = /^u?int(8|16|32|64)$/;

export const isText = (type: FeatureType | undefined): boolean =>
  type?.kind === 'value' && TEXT.has(type.dtype);
export const isBoolean = (type: FeatureType | undefined): boolean =>
  type?.kind === 'value' && type.dtype.startsWith('bool');
export const isWhole = (type: FeatureType | undefined): boolean =>
  type?.kind === 'value' && WHOLE.test(type.dtype);

/** The fields of the struct in a list of structs. */
export function fieldsOfList(
  type: FeatureType | undefined,
): ReadonlyMap<string, FeatureType> | undefined {
  return type?.kind === 'list' && type.of.kind === 'struct' ? type.of.fields : undefined;
}
