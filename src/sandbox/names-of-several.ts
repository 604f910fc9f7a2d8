/** How many sandboxes one call starts, and what they are called. Apart from what starts them: a hook reads it before every call. */
import { GloveboxError } from '#core/errors.ts';

/** One call starts no more: what many machines cost is seldom meant. */
export const MAX_SEVERAL = 16;

/** `probe-1` to `probe-3` for three times `probe`. */
export function namesOfSeveral(base: string, count: number): readonly string[] {
  const names = Array.from({ length: count }, (_, at) => `${base}-${at + 1}`);
  const last = names.at(-1) ?? '';
  if (last.length <= 63) return names;
  throw new GloveboxError(
    'config/invalid',
    `name: with its number, "${last}" has more than 63 characters.`,
  );
}
