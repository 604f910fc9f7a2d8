/** Sums up a Vega or Vega-Lite chart: title, marks, encoded fields, number of rows and ranges. */
import { isRecord } from '#core/json.ts';
import { clip, rangeOf } from './field-range.ts';

const MAX_MARKS = 4;
const MAX_DATA = 3;
const CONTAINERS = ['layer', 'concat', 'hconcat', 'vconcat'];

/** @returns undefined when this is no chart */
export function summarizeVega(spec: unknown): string | undefined {
  if (!isRecord(spec)) return undefined;
  const views: Record<string, unknown>[] = [];
  collectViews(spec, views);
  const datasets = collectData(spec, views);
  if (views.length === 0 && datasets.length === 0) return undefined;
  const schema = typeof spec['$schema'] === 'string' ? spec['$schema'] : '';
  const kind = schema.includes('/vega/') || Array.isArray(spec['marks']) ? 'vega' : 'vega-lite';
  const title = titleOf(spec['title']);
  const rows = datasets.flatMap(({ values }) => values).filter(isRecord);
  const lines = views.slice(0, MAX_MARKS).map((view) => summarizeView(view, rows));
  if (views.length > MAX_MARKS) lines.push(`... ${views.length - MAX_MARKS} more marks`);
  const sizes = datasets
    .slice(0, MAX_DATA)
    .map(({ name, values, url }) =>
      url === undefined ? `${name} ${values.length} rows` : `${name} from ${clip(url, 60)}`,
    );
  const data = sizes.length === 0 ? '' : `; data: ${sizes.join(', ')}`;
  const heading = `${kind} chart${title === '' ? '' : ` "${title}"`}${data}`;
  return [heading, ...lines.map((line) => `- ${line}`)].join('\n');
}

/** Vega-Lite views have `mark`; Vega has a list of `marks`. */
function collectViews(spec: Record<string, unknown>, views: Record<string, unknown>[]): void {
  if (spec['mark'] !== undefined) views.push(spec);
  if (isRecord(spec['spec'])) collectViews(spec['spec'], views);
  for (const key of CONTAINERS) {
    const children = spec[key];
    if (Array.isArray(children)) {
      for (const child of children) if (isRecord(child)) collectViews(child, views);
    }
  }
  const marks = spec['marks'];
  if (Array.isArray(marks)) {
    for (const mark of marks) if (isRecord(mark)) views.push({ mark: mark['type'] });
  }
}

interface Dataset {
  readonly name: string;
  readonly values: readonly unknown[];
  readonly url?: string;
}

function collectData(
  spec: Record<string, unknown>,
  views: readonly Record<string, unknown>[],
): Dataset[] {
  const found: Dataset[] = [];
  const named = isRecord(spec['datasets']) ? spec['datasets'] : {};
  for (const values of Object.values(named)) {
    if (Array.isArray(values)) found.push({ name: 'table', values });
  }
  const listed: unknown[] = Array.isArray(spec['data']) ? spec['data'] : [];
  for (const data of new Set([spec['data'], ...listed, ...views.map((view) => view['data'])])) {
    if (!isRecord(data)) continue;
    const name = typeof data['name'] === 'string' ? clip(data['name'], 20) : 'table';
    if (Array.isArray(data['values'])) found.push({ name, values: data['values'] });
    else if (typeof data['url'] === 'string') found.push({ name, values: [], url: data['url'] });
  }
  return found;
}

function summarizeView(
  view: Record<string, unknown>,
  rows: readonly Record<string, unknown>[],
): string {
  const mark = isRecord(view['mark']) ? view['mark']['type'] : view['mark'];
  const encoding = isRecord(view['encoding']) ? view['encoding'] : {};
  const fields = Object.entries(encoding).flatMap(([channel, definition]) => {
    if (!isRecord(definition)) return [];
    const { field, aggregate, type } = definition;
    const name = typeof field === 'string' ? clip(field, 30) : '';
    const shown = typeof aggregate === 'string' ? `${aggregate}(${name})` : name;
    if (shown === '') return [];
    const values =
      typeof field === 'string'
        ? rows.map((row) => row[field]).filter((cell) => cell !== undefined)
        : [];
    const range = rangeOf(values)?.range ?? '';
    const kind = typeof type === 'string' ? ` ${type}` : '';
    return [`${channel} = ${shown}${kind}${range === '' ? '' : ` ${range}`}`];
  });
  return `${typeof mark === 'string' ? mark : 'mark'}${fields.length === 0 ? '' : `: ${fields.slice(0, 6).join(', ')}`}`;
}

function titleOf(title: unknown): string {
  const text = isRecord(title) ? title['text'] : title;
  const line = Array.isArray(text) ? text.join(' ') : text;
  return typeof line === 'string' ? clip(line, 60) : '';
}
