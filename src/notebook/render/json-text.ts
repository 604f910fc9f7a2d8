/** Shows a JSON value: whole when it is short, else its keys, lengths and types. */
import { isRecord } from '#core/json.ts';

const WHOLE_CHARS = 500;
const MAX_KEYS = 40;

export function renderJson(value: unknown): string {
  const size = estimate(value, WHOLE_CHARS * 2);
  if (size <= WHOLE_CHARS * 2) {
    const pretty = JSON.stringify(value, undefined, 2) ?? 'null';
    if (pretty.length <= WHOLE_CHARS) return pretty;
  }
  return describe(value, 2).slice(0, WHOLE_CHARS).toWellFormed();
}

/** A lower bound of the length of the text, given up above `limit`: a huge value is not written out to be measured. */
function estimate(value: unknown, limit: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || limit < 0) return 1;
  let sum = 2;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.entries(value);
  for (const item of items) {
    sum += 1 + estimate(item, limit - sum);
    if (sum > limit) return sum;
  }
  return sum;
}

function describe(value: unknown, depth: number): string {
  if (typeof value === 'string') return `string of ${value.length} characters`;
  if (Array.isArray(value)) {
    const types = [...new Set(value.slice(0, 100).map(typeName))];
    return `array of ${value.length}${types.length === 0 ? '' : ` (${types.join(', ')})`}`;
  }
  if (!isRecord(value)) return String(value);
  const keys = Object.keys(value);
  if (depth === 0) return `object of ${keys.length} keys`;
  const shown = keys.slice(0, MAX_KEYS).map((key) => `${key}: ${describe(value[key], depth - 1)}`);
  const rest = keys.length > MAX_KEYS ? ['...'] : [];
  const heading = `object of ${keys.length} keys`;
  return depth === 2
    ? [heading, ...shown.map((line) => `- ${line}`), ...rest].join('\n')
    : `${heading} {${[...shown, ...rest].join(', ')}}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
