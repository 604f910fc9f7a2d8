/** Numbers about the columns of a dataset that can be trusted, and what in them should make one stop. */
import { isRecord } from '#core/json.ts';
import type { ChatLook, Row } from './chat-messages.ts';

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
  readonly rows: readonly Row[];
  readonly chat: ChatLook | undefined;
}

/** Sentences, the gravest first. */
export function redFlags({ statistics, rowCount, rows, chat }: SignalInput): readonly string[] {
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
