/** Reads when a scheduled Job runs: five fields of cron, or a word. */
import { GloveboxError } from '#core/errors.ts';

export interface Schedule {
  /** As the Hub takes it. */
  readonly text: string;
  /** On a day on which it runs at all. */
  readonly runsPerDay: number;
}

const WORDS: Readonly<Record<string, number>> = {
  '@hourly': 24,
  '@daily': 1,
  '@weekly': 1,
  '@monthly': 1,
  '@annually': 1,
  '@yearly': 1,
};

const FIELDS = [
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day of the month', 1, 31],
  ['month', 1, 12],
  ['day of the week', 0, 7],
] as const;

/** @throws GloveboxError `input/invalid`. */
export function parseSchedule(text: string): Schedule {
  const plain = text.trim().toLowerCase().replaceAll(/\s+/g, ' ');
  const perDay = WORDS[plain];
  if (perDay !== undefined) return { text: plain, runsPerDay: perDay };
  const fields = plain.split(' ');
  if (fields.length !== FIELDS.length || plain.startsWith('@'))
    throw refused(text, `it must be one of ${Object.keys(WORDS).join(', ')} or five fields`);
  const counts = FIELDS.map(([name, min, max], at) => {
    const values = expand(fields[at] ?? '', min, max);
    if (values === undefined) throw refused(text, `"${fields[at]}" is no ${name}`);
    return values.size;
  });
  return { text: plain, runsPerDay: (counts[0] ?? 0) * (counts[1] ?? 0) };
}

function refused(text: string, why: string): GloveboxError {
  return new GloveboxError('input/invalid', `schedule: "${text}" cannot be read: ${why}.`, {
    hint: 'write it as minute hour day month weekday, such as 0 6 * * 1, or as @daily. Times are UTC.',
  });
}

const NAMES: Readonly<Record<string, number>> = Object.fromEntries([
  ...'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ').map((name, at) => [name, at + 1]),
  ...'sun mon tue wed thu fri sat'.split(' ').map((name, at) => [name, at]),
]);

function expand(field: string, min: number, max: number): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
    if (match === null) return undefined;
    const [, first, last, every] = match;
    const from = first === undefined ? min : valueOf(first);
    const to = first === undefined || (last === undefined && every !== undefined) ? max : valueOf(last ?? first);
    const step = every === undefined ? 1 : Number(every);
    if (!(from >= min && to <= max && from <= to && step > 0)) return undefined;
    for (let value = from; value <= to; value += step) found.add(value);
  }
  return found;
}

const valueOf = (word: string): number => NAMES[word] ?? (/^\d+$/.test(word) ? Number(word) : Number.NaN);
