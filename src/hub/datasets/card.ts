/** What the card of a dataset declares about its parts and columns; all of it optional, none of it proven. */
import { isRecord } from '#core/json.ts';
import { parseFeatureType, type FeatureType } from './feature-types.ts';

export interface CardPart {
  readonly config: string;
  readonly split: string;
  readonly rows?: number;
  readonly bytes?: number;
}

export interface DatasetCard {
  readonly parts: readonly CardPart[];
  /** Columns by configuration. */
  readonly types: ReadonlyMap<string, ReadonlyMap<string, FeatureType>>;
}

const listOf = (raw: unknown): readonly unknown[] =>
  Array.isArray(raw) ? raw : raw === undefined || raw === null ? [] : [raw];
const textIn = (raw: Readonly<Record<string, unknown>>, key: string): string | undefined => {
  const value = raw[key];
  return typeof value === 'string' ? value : undefined;
};
const numberIn = (raw: Readonly<Record<string, unknown>>, key: string): number | undefined => {
  const value = raw[key];
  return typeof value === 'number' ? value : undefined;
};

const configOf = (raw: Readonly<Record<string, unknown>>): string =>
  textIn(raw, 'config_name') ?? 'default';

/** @param card the YAML head of the README, as the Hub parsed it. */
export function parseCard(card: Readonly<Record<string, unknown>>): DatasetCard {
  const infos = listOf(card['dataset_info']).filter(isRecord);
  const counted = infos.flatMap((info) =>
    listOf(info['splits'])
      .filter(isRecord)
      .flatMap((split): readonly CardPart[] => {
        const name = textIn(split, 'name');
        const rows = numberIn(split, 'num_examples');
        const bytes = numberIn(split, 'num_bytes');
        if (name === undefined) return [];
        return [
          {
            config: configOf(info),
            split: name,
            ...(rows !== undefined && { rows }),
            ...(bytes !== undefined && { bytes }),
          },
        ];
      }),
  );
  const declared = listOf(card['configs'])
    .filter(isRecord)
    .flatMap((config) =>
      listOf(config['data_files']).map((entry): CardPart => ({
        config: configOf(config),
        split: (isRecord(entry) ? textIn(entry, 'split') : undefined) ?? 'train',
      })),
    );
  const types = infos.flatMap((info) => {
    const features = listOf(info['features']).filter(isRecord);
    return features.length === 0 ? [] : [[configOf(info), fieldsOf(features)] as const];
  });
  const isNew = ({ config, split }: CardPart): boolean =>
    !counted.some((other) => other.config === config && other.split === split);
  return { parts: [...counted, ...declared.filter(isNew)], types: new Map(types) };
}

function fieldsOf(
  features: readonly Readonly<Record<string, unknown>>[],
): ReadonlyMap<string, FeatureType> {
  return new Map(
    features.map((feature) => [textIn(feature, 'name') ?? '(unnamed)', cardType(feature)]),
  );
}

/** YAML has its own spelling: `dtype`, or one key that names the kind of container. */
function cardType(raw: Readonly<Record<string, unknown>>): FeatureType {
  for (const key of ['list', 'sequence', 'large_list'] as const) {
    if (key in raw) {
      const of = innerType(raw[key]);
      return { kind: 'list', of, isColumnar: key === 'sequence' && of.kind === 'struct' };
    }
  }
  if ('struct' in raw) return innerType(raw['struct']);
  const { dtype } = raw;
  if (typeof dtype === 'string') return plainType(dtype);
  const label = isRecord(dtype) ? dtype['class_label'] : undefined;
  if (isRecord(label)) return parseFeatureType({ _type: 'ClassLabel', names: label['names'] });
  return { kind: 'unknown', raw };
}

function innerType(raw: unknown): FeatureType {
  if (typeof raw === 'string') return plainType(raw);
  if (Array.isArray(raw)) {
    const items: readonly unknown[] = raw;
    return { kind: 'struct', fields: fieldsOf(items.filter(isRecord)) };
  }
  return isRecord(raw) ? cardType(raw) : { kind: 'unknown', raw };
}

const plainType = (name: string): FeatureType =>
  ['image', 'audio', 'video', 'pdf'].includes(name)
    ? { kind: 'named', name: `${name.charAt(0).toUpperCase()}${name.slice(1)}` }
    : { kind: 'value', dtype: name };
