/** Reads how long a Job may run. */
import { GloveboxError } from '#core/errors.ts';

export const DEFAULT_TIME_LIMIT = '30m';
const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/**
 * A number of seconds, or decimals with d, h, m, s in falling order: `90s`, `1.5h`, `1h 30m`.
 *
 * @returns whole seconds, rounded up. @throws GloveboxError `input/invalid`.
 */
export function parseTimeLimitS(text: string): number {
  const compact = text.trim().toLowerCase();
  const amount = String.raw`(\d+(?:\.\d+)?)`;
  const compound = new RegExp(`^${UNITS.map(([unit]) => `(?:${amount}${unit}\\s*)?`).join('')}$`);
  const plain = /^\d+(\.\d+)?$/.test(compact) ? Number(compact) : undefined;
  const parts = compact === '' ? null : compound.exec(compact);
  const total =
    plain ??
    parts
      ?.slice(1)
      .reduce((sum, part, at) => sum + Number(part ?? 0) * (UNITS[at]?.[1] ?? 0), 0) ??
    Number.NaN;
  if (total > 0 && Number.isFinite(total)) return Math.ceil(total);
  throw new GloveboxError('input/invalid', `timeout: "${text}" is no length of time above 0.`, {
    hint: 'write it as 90s, 30m, 2h, 1h30m, 2d4h or a number of seconds.',
  });
}
