/** Numbers about the columns of a dataset that can be trusted, and what in them should make one stop. */
import { isRecord } from '#core/json.ts';
import type { ChatLook, Row } from './chat-messages.ts';
import { isEmpty } from './confirm-fit.ts';
import type { FeatureType } from './feature-types.ts';

/** What the statistics say of one column; only what they really say. */
export interface ColumnStatistics {
  readonly type: string;
  readonly nullShare?: number;
  readonly min?: number | string;
  readonly max?: number | string;
  readonly mean?: number;
  readonly median?: number | string;
  readonly std?: number;
  readonly distinct?: number;
  /** How often each value is there, most first. */
  readonly frequencies?: readonly (readonly [value: string, count: number])[];
  readonly histogram?: { readonly counts: readonly number[]; readonly edges: readonly unknown[] };
}

/** The greatest class may be so many times the least one before it is said. */
const IMBALANCE = 10;
const NULLS = 0.05;

export function parseStatistics(type: string, raw: unknown): ColumnStatistics {
  const given = isRecord(raw) ? raw : {};
  const nullShare = numberIn(given, 'nan_proportion');
  const mean = numberIn(given, 'mean');
  const std = numberIn(given, 'std');
  const distinct = numberIn(given, 'n_unique');
  const frequencies = isRecord(given['frequencies'])
    ? Object.entries(given['frequencies'])
        .flatMap(([value, count]) => (typeof count === 'number' ? [[value, count] as const] : []))
        .toSorted((a, b) => b[1] - a[1])
    : undefined;
  const histogram = isRecord(given['histogram']) ? given['histogram'] : undefined;
  const counts = numbersIn(histogram?.['hist']);
  const edges: unknown = histogram?.['bin_edges'];
  return {
    type,
    ...(nullShare !== undefined && { nullShare }),
    ...valueOf(given, 'min'),
    ...valueOf(given, 'max'),
    ...valueOf(given, 'median'),
    ...(mean !== undefined && { mean }),
    ...(std !== undefined && { std }),
    ...(distinct !== undefined && { distinct }),
    ...(frequencies !== undefined && { frequencies }),
    ...(counts.length > 0 && Array.isArray(edges) && { histogram: { counts, edges: [...edges] } }),
  };
}

const numberIn = (given: Readonly<Record<string, unknown>>, key: string): number | undefined => {
  const value = given[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
};
const numbersIn = (raw: unknown): readonly number[] => {
  const values: readonly unknown[] = Array.isArray(raw) ? raw : [];
  return values.filter((value) => typeof value === 'number');
};
function valueOf(
  given: Readonly<Record<string, unknown>>,
  key: 'min' | 'max' | 'median',
): {
  readonly min?: number | string;
  readonly max?: number | string;
  readonly median?: number | string;
} {
  const value = given[key];
  return typeof value === 'number' || typeof value === 'string' ? { [key]: value } : {};
}

/** Lengths of texts are in characters, those of lists in items. */
export const measures = (type: string): 'characters' | 'items' | undefined =>
  type === 'string_text' ? 'characters' : type === 'list' ? 'items' : undefined;

export interface SignalInput {
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly rowCount: number | undefined;
  /** Those that are there with all their cells; none when some were shortened. */
  readonly rows: readonly Row[];
  /** All, without the cells that were shortened. */
  readonly cells: readonly Row[];
  readonly chat: ChatLook | undefined;
}

/** Sentences, the gravest first. */
export function redFlags({
  statistics,
  rowCount,
  rows,
  cells,
  chat,
}: SignalInput): readonly string[] {
  const columns = [...statistics];
  const nulls = columns.flatMap(([name, { nullShare = 0 }]) =>
    nullShare >= NULLS ? [`${name}: ${percent(nullShare)} of the values are missing.`] : [],
  );
  const constant = columns.flatMap(([name, found]) =>
    isConstant(found) && (rowCount ?? 2) > 1 ? [`${name}: the same value in every row.`] : [],
  );
  return [
    ...nulls,
    ...columns.flatMap(([name, found]) => imbalance(name, found)),
    ...columns.flatMap(([name, found]) => lengths(name, found)),
    ...constant,
    ...samePairs(cells),
    ...emptyTexts(statistics, cells),
    ...duplicates(rows),
    ...chatFlags(chat),
  ];
}

function isConstant({ distinct, min, max, nullShare = 0, type }: ColumnStatistics): boolean {
  if (nullShare === 1) return true;
  if (distinct !== undefined) return distinct === 1;
  return (type === 'int' || type === 'float') && min !== undefined && min === max;
}

function imbalance(name: string, { frequencies = [] }: ColumnStatistics): readonly string[] {
  const most = frequencies[0];
  const least = frequencies.findLast(([, count]) => count > 0);
  if (most === undefined || least === undefined || frequencies.length < 2) return [];
  const ratio = most[1] / least[1];
  if (ratio <= IMBALANCE) return [];
  return [
    `${name}: unbalanced, "${most[0]}" is there ${most[1].toLocaleString('en-US')} times and "${least[0]}" ${least[1].toLocaleString('en-US')} times (${Math.round(ratio).toLocaleString('en-US')} to 1).`,
  ];
}

/** One text that is far longer than the others decides about max_length. */
function lengths(name: string, { type, median, max, min }: ColumnStatistics): readonly string[] {
  const unit = measures(type);
  if (unit === undefined || typeof median !== 'number' || typeof max !== 'number') return [];
  const long =
    max > 20 * Math.max(1, median) && max > (unit === 'items' ? 100 : 20_000)
      ? [
          `${name}: half of the values have at most ${median.toLocaleString('en-US')} ${unit}, the longest has ${max.toLocaleString('en-US')}.`,
        ]
      : [];
  const empty = min === 0 ? [`${name}: some values are empty.`] : [];
  return [...long, ...empty];
}

/** Nothing can be learnt from a preference between equal answers. */
function samePairs(rows: readonly Row[]): readonly string[] {
  const pairs = rows.filter((row) => 'chosen' in row && 'rejected' in row);
  const same = pairs.filter(
    ({ chosen, rejected }) => JSON.stringify(chosen) === JSON.stringify(rejected),
  ).length;
  return same === 0
    ? []
    : [`chosen and rejected are the same in ${same} of ${pairs.length} sampled rows.`];
}

/** Columns that are trained on. What statistics say of the whole split is said elsewhere. */
function emptyTexts(
  statistics: ReadonlyMap<string, ColumnStatistics>,
  rows: readonly Row[],
): readonly string[] {
  return ['prompt', 'completion', 'chosen', 'rejected', 'text'].flatMap((name) => {
    const cells = rows.filter((row) => name in row).map((row) => row[name]);
    const empty = cells.filter(isEmpty).length;
    return empty === 0 || statistics.has(name)
      ? []
      : [`${name} is empty in ${empty} of ${cells.length} sampled rows.`];
  });
}

const MEDIA: ReadonlySet<string> = new Set(['Image', 'Audio', 'Video', 'Pdf']);

/** Verdicts are about texts; what is beside them is left out by a trainer of text models. */
export function mediaFlags(types: ReadonlyMap<string, FeatureType>): readonly string[] {
  const found = [...types].flatMap(([name, type]) => {
    const medium = mediumIn(type);
    return medium === undefined ? [] : [`${name} (${medium})`];
  });
  return found.length === 0
    ? []
    : [
        `${found.join(', ')}: the verdicts are about the texts; to train with the media takes a model and a processor for them, and messages whose content names them.`,
      ];
}

function mediumIn(type: FeatureType): string | undefined {
  if (type.kind === 'named') return MEDIA.has(type.name) ? type.name : undefined;
  if (type.kind === 'list') return mediumIn(type.of);
  if (type.kind !== 'struct') return undefined;
  return [...type.fields.values()].map(mediumIn).find((medium) => medium !== undefined);
}

function duplicates(rows: readonly Row[]): readonly string[] {
  const seen = new Set(rows.map((row) => JSON.stringify(row)));
  const double = rows.length - seen.size;
  return double === 0
    ? []
    : [`${double} of the ${rows.length} sampled rows are exact duplicates of others.`];
}

function chatFlags(chat: ChatLook | undefined): readonly string[] {
  if (chat === undefined || chat.conversations === 0) return [];
  const { conversations: all, column } = chat;
  // Nobody has answered a prompt yet.
  if (column === 'prompt') return [];
  return [
    ...(chat.withoutAssistant > 0
      ? [
          `${column}: ${chat.withoutAssistant} of ${all} sampled conversations have no answer of the assistant.`,
        ]
      : []),
    ...(chat.endsElsewhere > chat.withoutAssistant
      ? [
          `${column}: ${chat.endsElsewhere} of ${all} sampled conversations do not end with the assistant.`,
        ]
      : []),
    ...(chat.minMessages === 0 ? [`${column}: some sampled conversations are empty.`] : []),
  ];
}

export const percent = (share: number): string =>
  share > 0 && share < 0.001 ? '<0.1 %' : `${Number((share * 100).toFixed(1))} %`;
