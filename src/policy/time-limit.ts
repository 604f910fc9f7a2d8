/** Reads a time limit as people and models write one, into whole seconds. */
import { GloveboxError } from '#core/errors.ts';

/** What Hugging Face gives a job that names no limit; it is always sent, so that everybody knows it. */
export const DEFAULT_TIME_LIMIT_S = 1800;

const UNITS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 };
const ORDER = Object.keys(UNITS);

/**
 * Seconds as a number or as text, or parts with d, h, m and s in falling order, each once: `1.5h`, `1h30m`, `2d 4h`. Absent or
 * blank is `DEFAULT_TIME_LIMIT_S`. Parts of a second count as a whole one.
 *
 * @throws GloveboxError `input/invalid` for everything else: nothing, negative, no unit after a part, a list, a truth value.
 */
export function parseTimeLimitS(value: unknown): number {
  if (value === undefined || value === null) return DEFAULT_TIME_LIMIT_S;
  if (typeof value === 'string' && value.trim() === '') return DEFAULT_TIME_LIMIT_S;
  const seconds = Math.ceil(secondsIn(value) ?? Number.NaN);
  if (Number.isSafeInteger(seconds) && seconds > 0) return seconds;
  const shown = (JSON.stringify(value) ?? typeof value).slice(0, 60);
  throw new GloveboxError('input/invalid', `${shown} is not a time limit.`, {
    hint: 'Write seconds, or 90s, 30m, 1.5h, 1h30m, 2d.',
  });
}

function secondsIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?[dhms]\s*)+$/.test(text)) return undefined;
  let total = 0;
  let last = -1;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)([dhms])/g)) {
    const place = ORDER.indexOf(unit);
    if (place <= last) return undefined;
    last = place;
    total += Number(amount) * (UNITS[unit] ?? Number.NaN);
  }
  return total;
}
