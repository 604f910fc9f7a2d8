/** Sums up a Plotly figure: title, and per trace its type, name, number of points and ranges. */
import { isRecord } from '#core/json.ts';
import { clip, rangeOf } from './field-range.ts';

const MAX_TRACES = 4;
const FIELDS = [
  'x',
  'y',
  'z',
  'values',
  'labels',
  'r',
  'theta',
  'lat',
  'lon',
  'locations',
  'open',
  'close',
];

/** @returns undefined when this is no figure */
export function summarizePlotly(figure: unknown): string | undefined {
  if (!isRecord(figure) || !Array.isArray(figure['data'])) return undefined;
  const layout = isRecord(figure['layout']) ? figure['layout'] : {};
  const traces: unknown[] = figure['data'];
  const title = titleOf(layout['title']);
  const axes = ['xaxis', 'yaxis'].map((axis) => {
    const settings = layout[axis];
    return isRecord(settings) ? titleOf(settings['title']) : '';
  });
  const named = axes.some((axis) => axis !== '')
    ? `; axes ${axes.map((axis) => axis || '-').join(', ')}`
    : '';
  const lines = traces.slice(0, MAX_TRACES).map(summarizeTrace);
  if (traces.length > MAX_TRACES) lines.push(`... ${traces.length - MAX_TRACES} more traces`);
  const heading = `plotly figure${title === '' ? '' : ` "${title}"`}, ${traces.length} ${traces.length === 1 ? 'trace' : 'traces'}${named}`;
  return [heading, ...lines.map((line) => `- ${line}`)].join('\n');
}

function summarizeTrace(trace: unknown): string {
  if (!isRecord(trace)) return 'unknown';
  const type = typeof trace['type'] === 'string' ? trace['type'] : 'scatter';
  const mode = typeof trace['mode'] === 'string' ? ` ${trace['mode']}` : '';
  const name =
    typeof trace['name'] === 'string' && trace['name'] !== ''
      ? ` "${clip(trace['name'], 30)}"`
      : '';
  let points = 0;
  const ranges: string[] = [];
  for (const field of FIELDS) {
    const found = rangeOf(trace[field]);
    if (found === undefined) continue;
    points = Math.max(points, found.count);
    if (found.range !== '' && ranges.length < 3) ranges.push(`${field} ${found.range}`);
  }
  return `${type}${mode}${name}: ${points} points${ranges.length === 0 ? '' : `, ${ranges.join(', ')}`}`;
}

function titleOf(title: unknown): string {
  const text = isRecord(title) ? title['text'] : title;
  return typeof text === 'string' ? clip(text, 60) : '';
}
