/** Notices when a model goes in circles: says one line about it, once, and blocks nothing. */
import { createHash } from 'node:crypto';

const REMEMBERED = 30;
const REPEATS = 3;
const LONGEST_PATTERN = 5;
/** To ask again is what they are for, whatever they answer. */
const WAITING: ReadonlySet<string> = new Set(['get_run', 'sandbox_wait', 'ping']);

export interface LoopGuard {
  /** @returns the line to add to the answer, when there is one */
  seen(tool: string, input: unknown, answer: string): string | undefined;
}

/**
 * The same call with the same answer three times in a row, or two to five such calls in turn, three times over. Then silence until
 * something else happens. Asking again and getting another answer is no circle.
 */
export function createLoopGuard(): LoopGuard {
  const calls: string[] = [];
  let told: ReadonlySet<string> = new Set();
  return {
    seen(tool, input, answer) {
      if (WAITING.has(tool)) return undefined;
      const signature = createHash('sha256')
        .update(JSON.stringify([tool, canonical(input), answer]))
        .digest('hex');
      calls.push(signature);
      if (calls.length > REMEMBERED) calls.shift();
      if (told.size > 0 && told.has(signature)) return undefined;
      told = new Set();
      const length = patternLength(calls);
      if (length === 0) return undefined;
      told = new Set(calls.slice(-length));
      return length === 1
        ? `[Same call, same result, ${REPEATS} times: change the approach.]`
        : `[The same ${length} calls with the same results, ${REPEATS} times over: change the approach.]`;
    },
  };
}

/** 0: no circle. */
function patternLength(calls: readonly string[]): number {
  for (let length = 1; length <= LONGEST_PATTERN; length += 1) {
    const tail = calls.slice(-length * REPEATS);
    if (tail.length < length * REPEATS) return 0;
    if (tail.every((signature, at) => signature === tail[at % length])) return length;
  }
  return 0;
}

/** Keys in one order; lists keep theirs. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
}
