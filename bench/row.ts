/** One line of the result: a measure, what it should be, what it is, and the floor it is compared with. */
import { median, medianRatio, quantile } from './samples.ts';

export type Unit = 'ms' | 'MB' | 'tokens' | 'characters' | 'calls';

/** `most` is the highest value that meets the bar; of a ratio, or of the median itself. */
export type Bar =
  | { readonly of: 'ratio'; readonly most: number }
  | { readonly of: 'median'; readonly most: number }
  | { readonly of: 'nothing' };

export interface Finding {
  readonly measure: string;
  readonly unit: Unit;
  readonly bar: Bar;
  readonly ours: readonly number[];
  readonly floor?: { readonly name: string; readonly samples: readonly number[] };
  /** Why nothing was measured: what is not on this machine. */
  readonly missing?: string;
}

export const COLUMNS = [
  'measure',
  'bar',
  'median',
  'p95',
  'floor',
  'floor median',
  'ratio',
  'met',
] as const;
export type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** Fewer samples have no p95 worth its name. */
const ENOUGH_FOR_P95 = 20;
const NOTHING = '-';

export function toRow(finding: Finding): Row {
  if (finding.missing !== undefined) return missingRow(finding.measure, finding.missing);
  const { measure, unit, bar, ours, floor } = finding;
  const middle = median(ours);
  const ratio = floor === undefined ? undefined : medianRatio(ours, floor.samples);
  return {
    measure,
    bar: barText(finding),
    median: amount(middle, unit),
    p95: ours.length < ENOUGH_FOR_P95 ? NOTHING : amount(quantile(ours, 0.95), unit),
    floor: floor?.name ?? NOTHING,
    'floor median': floor === undefined ? NOTHING : amount(median(floor.samples), unit),
    ratio: ratio === undefined ? NOTHING : ratio.toFixed(2),
    met: verdict(bar, middle, ratio),
  };
}

function missingRow(measure: string, why: string): Row {
  const rest = { bar: NOTHING, p95: NOTHING, floor: NOTHING, 'floor median': NOTHING };
  return { measure, ...rest, median: `not measured: ${why}`, ratio: NOTHING, met: NOTHING };
}

function verdict(bar: Bar, middle: number, ratio: number | undefined): string {
  if (bar.of === 'nothing') return NOTHING;
  const value = bar.of === 'median' ? middle : ratio;
  return value !== undefined && value <= bar.most ? 'yes' : 'NO';
}

function barText({ bar, unit }: Finding): string {
  if (bar.of === 'nothing') return 'none';
  return bar.of === 'ratio' ? `<= ${bar.most} x the floor` : `<= ${amount(bar.most, unit)}`;
}

function amount(value: number, unit: Unit): string {
  const digits = unit === 'ms' && value < 100 ? 1 : 0;
  const [whole = '', fraction] = value.toFixed(digits).split('.');
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${fraction === undefined ? grouped : `${grouped}.${fraction}`} ${unit}`;
}
