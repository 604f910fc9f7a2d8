/** Walks a JSON value and takes secrets out by the keys they stand under; the shape stays, the input is not touched. */
import { isRecord } from '#core/json.ts';
import { isSecretFlag } from './command-flags.ts';
import { holdsPlaceholder, type Tally } from './secret-classes.ts';
import {
  isHeaderName,
  isNumericSecretName,
  normaliseName,
  strengthOf,
  type NameStrength,
} from './secret-names.ts';
import { redactHeaderValue } from './secret-urls.ts';
import { isSecretValue } from './secret-values.ts';

export interface Walk {
  readonly tally: Tally;
  /** All passes over a text without a name. */
  readonly text: (text: string) => string;
}

/** Deeper ones are no data of anybody; they are replaced by nothing rather than walked. */
const MAX_DEPTH = 200;

/** Objects and arrays are copied, everything else is returned or replaced. */
export function redactValue(value: unknown, walk: Walk, depth = 0): unknown {
  if (typeof value === 'string') return walk.text(value);
  if (depth > MAX_DEPTH) return typeof value === 'object' ? null : value;
  if (Array.isArray(value)) return redactList(value, walk, depth);
  return isRecord(value) ? redactRecord(value, walk, depth) : value;
}

function redactRecord(
  record: Readonly<Record<string, unknown>>,
  walk: Walk,
  depth: number,
): Record<string, unknown> {
  const label = labelOf(record);
  const entries = Object.entries(record).map(([key, value]): [string, unknown] => {
    const name = label !== undefined && key === 'value' ? label : key;
    return [walk.text(key), underName(name, value, walk, depth + 1)];
  });
  return Object.fromEntries(entries);
}

/** `{"name": "Authorization", "value": ...}`: the name of the value is a value itself. */
function labelOf(record: Readonly<Record<string, unknown>>): string | undefined {
  if (!('value' in record)) return undefined;
  return [record['name'], record['key'], record['Name'], record['Key']].find(
    (label) => typeof label === 'string',
  );
}

function underName(name: string, value: unknown, walk: Walk, depth: number): unknown {
  if (typeof value === 'number')
    return isNumericSecretName(name) ? walk.tally.take('named-secret') : value;
  if (typeof value === 'string') {
    if (isHeaderName(name)) return redactHeaderValue(value, walk.tally);
    const strength = strengthOf(name);
    return strength === undefined ? walk.text(value) : namedText(value, strength, walk);
  }
  // The secrets of a job: their own names say nothing more.
  if (isRecord(value) && /(?:^|_)SECRETS$/.test(normaliseName(name))) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]): [string, unknown] => [
        walk.text(key),
        typeof each === 'string' ? namedText(each, 'strong', walk) : redactValue(each, walk, depth),
      ]),
    );
  }
  if (Array.isArray(value) && strengthOf(name.replace(/s$/i, '')) === 'strong') {
    return value.map((each: unknown) =>
      typeof each === 'string' ? namedText(each, 'strong', walk) : redactValue(each, walk, depth),
    );
  }
  return redactValue(value, walk, depth);
}

function namedText(value: string, strength: NameStrength, { tally, text }: Walk): string {
  if (holdsPlaceholder(value) || !isSecretValue(value, strength)) return text(value);
  return tally.take('named-secret');
}

/** Arguments of a command: what follows a flag belongs to it. */
function redactList(list: readonly unknown[], walk: Walk, depth: number): unknown[] {
  const program = programOf(list);
  return list.map((value, index) => {
    const before = list[index - 1];
    if (typeof value !== 'string' || typeof before !== 'string')
      return redactValue(value, walk, depth + 1);
    if (isSecretFlag(before) && !value.startsWith('-')) return namedText(value, 'strong', walk);
    if (program === 'docker' && before === '-p') return namedText(value, 'strong', walk);
    const colon = value.indexOf(':');
    if (program === 'curl' && (before === '-u' || before === '--user') && colon > 0)
      return `${value.slice(0, colon + 1)}${namedText(value.slice(colon + 1), 'strong', walk)}`;
    return redactValue(value, walk, depth + 1);
  });
}

function programOf(list: readonly unknown[]): 'docker' | 'curl' | undefined {
  if (list.includes('docker') && list.includes('login')) return 'docker';
  return list.includes('curl') ? 'curl' : undefined;
}
