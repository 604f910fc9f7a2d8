/** Finds a chart in a mime bundle, in its own type or inside a script, and sums it up in about 300 characters. */
import { isRecord } from '#core/json.ts';
import type { MimeBundle } from '#notebook/contract.ts';
import { summarizeBokeh } from './bokeh.ts';
import { summarizePlotly } from './plotly.ts';
import { summarizeVega } from './vega.ts';

export interface PlotSummary {
  readonly mime: string;
  readonly text: string;
}

const MAX_SUMMARY_CHARS = 600;
/** Charts in scripts are only looked for in this much text. */
const MAX_SCRIPT_CHARS = 16_000_000;

type Summarize = (value: unknown) => string | undefined;
const TYPES: readonly (readonly [pattern: RegExp, summarize: Summarize])[] = [
  [/^application\/vnd\.plotly\.v\d+[+.]json$/, summarizePlotly],
  [/^application\/vnd\.vega(lite)?\.v\d+[+.]json$/, summarizeVega],
];
/** How to find the JSON in the scripts these libraries write. */
const SCRIPTS: readonly ((script: string) => string | undefined)[] = [
  (script) => {
    const data = jsonAt(script, endOf(/Plotly\.newPlot\(\s*["'][\w-]+["'],\s*(?=\[)/g, script, 0));
    const layout = data === undefined ? undefined : jsonAt(script, script.indexOf('{', data.end));
    return summarizePlotly({ data: data?.value, layout: layout?.value });
  },
  (script) => {
    const library = script.indexOf('vegaEmbed');
    if (library === -1) return undefined;
    return summarizeVega(jsonAt(script, endOf(/\}\)\(\s*(?=\{)/g, script, library))?.value);
  },
  (script) => summarizeBokeh(jsonAt(script, endOf(/docs_json\s*=\s*(?=\{)/g, script, 0))?.value),
];

export function summarizePlot(data: MimeBundle): PlotSummary | undefined {
  for (const [mime, value] of Object.entries(data)) {
    for (const [pattern, summarize] of TYPES) {
      const text = pattern.test(mime) ? summarize(parsed(value)) : undefined;
      if (text !== undefined) return { mime, text: limit(text) };
    }
  }
  for (const mime of ['application/javascript', 'text/html']) {
    const script = data[mime];
    if (typeof script !== 'string' || script.length > MAX_SCRIPT_CHARS) continue;
    for (const read of SCRIPTS) {
      const text = read(script);
      if (text !== undefined) return { mime, text: limit(text) };
    }
  }
  return undefined;
}

function limit(text: string): string {
  return text.length <= MAX_SUMMARY_CHARS
    ? text
    : `${text.slice(0, MAX_SUMMARY_CHARS).toWellFormed()}...`;
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** Where the first match at or after `from` ends; -1 when there is none. */
function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text) === null ? -1 : pattern.lastIndex;
}

/** Parses the one JSON value that starts at `start`, whatever follows it. */
function jsonAt(
  text: string,
  start: number,
): { readonly value: unknown; readonly end: number } | undefined {
  if (start < 0) return undefined;
  let depth = 0;
  const mark = /["[\]{}]/g;
  mark.lastIndex = start;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] === '"') {
      let close = text.indexOf('"', match.index + 1);
      while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
      if (close === -1) return undefined;
      mark.lastIndex = close + 1;
      continue;
    }
    depth += match[0] === '[' || match[0] === '{' ? 1 : -1;
    if (depth > 0) continue;
    const end = match.index + 1;
    const value = parsed(text.slice(start, end));
    return isRecord(value) || Array.isArray(value) ? { value, end } : undefined;
  }
  return undefined;
}

function isEscaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text[quote - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}
