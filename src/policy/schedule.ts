/** How often a schedule fires, so that what it costs can be said before it is made. Pure; five fields of cron, or a word for them. */
import { GloveboxError } from '#core/errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const DAYS = 'sun mon tue wed thu fri sat'.split(' ');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export interface Firing {
  readonly nextMs: number | undefined;
  /** In the 24 hours from now: what a day's budget has to carry. At least 1. */
  readonly firstDay: number;
  /** In the 30 days from now. At least 1. */
  readonly thirtyDays: number;
}

/** Times are UTC. @throws GloveboxError `input/invalid`. */
export function firingsOf(schedule: string, nowMs: number): Firing {
  const text = schedule.trim().toLowerCase().replaceAll(/\s+/g, ' ');
  const fields = (WORDS[text] ?? text).split(' ');
  const [minute, hour, day, month, weekday] = fields;
  if (
    fields.length !== 5 ||
    minute === undefined ||
    hour === undefined ||
    day === undefined ||
    month === undefined ||
    weekday === undefined
  )
    throw invalid(schedule);
  const minutes = valuesOf(minute, 0, 59, [], schedule);
  const hours = valuesOf(hour, 0, 23, [], schedule);
  const days = valuesOf(day, 1, 31, [], schedule);
  const months = valuesOf(month, 1, 12, ['', ...MONTHS], schedule);
  const weekdays = new Set([...valuesOf(weekday, 0, 7, DAYS, schedule)].map((value) => value % 7));
  // Where both are given, cron fires on either.
  const isEither = !day.startsWith('*') && !weekday.startsWith('*');
  const isDay = (date: Date): boolean => {
    const byMonth = days.has(date.getUTCDate());
    const byWeek = weekdays.has(date.getUTCDay());
    return months.has(date.getUTCMonth() + 1) && (isEither ? byMonth || byWeek : byMonth && byWeek);
  };
  let nextMs: number | undefined;
  let firstDay = 0;
  let thirtyDays = 0;
  const beginMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  for (
    let dayMs = Math.floor(beginMs / DAY_MS) * DAY_MS;
    dayMs < beginMs + 30 * DAY_MS;
    dayMs += DAY_MS
  ) {
    if (!isDay(new Date(dayMs))) continue;
    for (const h of hours) {
      for (const m of minutes) {
        const atMs = dayMs + (h * 60 + m) * MINUTE_MS;
        if (atMs < beginMs || atMs >= beginMs + 30 * DAY_MS) continue;
        nextMs = Math.min(nextMs ?? atMs, atMs);
        thirtyDays += 1;
        if (atMs < beginMs + DAY_MS) firstDay += 1;
      }
    }
  }
  return { nextMs, firstDay: Math.max(1, firstDay), thirtyDays: Math.max(1, thirtyDays) };
}

function valuesOf(
  field: string,
  min: number,
  max: number,
  names: readonly string[],
  schedule: string,
): ReadonlySet<number> {
  const numberOf = (word: string): number => {
    const named = word === '' ? -1 : names.indexOf(word);
    const value = named >= 0 ? named : /^\d+$/.test(word) ? Number(word) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw invalid(schedule);
  };
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', stepText] = part.split('/');
    const step =
      stepText === undefined ? 1 : Number(/^[1-9]\d*$/.exec(stepText)?.[0] ?? Number.NaN);
    if (Number.isNaN(step) || part.split('/').length > 2) throw invalid(schedule);
    const [from = '', to] = range.split('-');
    const first = range === '*' ? min : numberOf(from);
    const last =
      range === '*'
        ? max
        : to === undefined
          ? stepText === undefined
            ? first
            : max
          : numberOf(to);
    if (last < first) throw invalid(schedule);
    for (let value = first; value <= last; value += step) found.add(value);
  }
  return found;
}

const invalid = (schedule: string): GloveboxError =>
  new GloveboxError('input/invalid', `"${schedule.slice(0, 80)}" is not a schedule.`, {
    hint: 'Write five fields of cron, such as "0 3 * * *", or @hourly, @daily, @weekly, @monthly.',
  });
