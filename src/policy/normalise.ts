/** The one normaliser: what a call is, in one spelling, for the hook, the server and the command line. Pure. */
import { createHash } from 'node:crypto';
import { isRecord } from '#core/json.ts';

/** The one spelling of an operation, `scheduled_run` for `Scheduled  RUN` and `scheduled-run`. */
export const normaliseOperation = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, '_');

/** Arguments that only say how long to wait, or how much to show: another value is the same call. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['wait_s', 'max_chars']);

export interface NormalCall {
  /** The tool's own name: without the prefix that a host puts before it. */
  readonly tool: string;
  /** Empty when the call names none. */
  readonly operation: string;
  /** Nothing but what means something: no blanks, no nulls, nothing about waiting. */
  readonly args: Readonly<Record<string, unknown>>;
  /** SHA-256 over tool, operation and arguments: equal for every way to write the same call. */
  readonly argsHash: string;
}

/** @returns undefined for what is no call: no name, or arguments that are no object. */
export function normaliseCall(name: unknown, input: unknown): NormalCall | undefined {
  if (typeof name !== 'string' || name.trim() === '' || !isRecord(input)) return undefined;
  const tool = toolName(name);
  const { operation: rawOperation, ...rest } = input;
  if (isOdd(rawOperation)) return undefined;
  const operation = typeof rawOperation === 'string' ? normaliseOperation(rawOperation) : '';
  const args = Object.fromEntries(
    Object.entries(rest)
      .filter(([key, value]) => !WITHOUT_EFFECT.has(key) && !isNothing(value))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const text = JSON.stringify([tool, operation, canonical(args)]);
  return { tool, operation, args, argsHash: sha256(text) };
}

/** What a host puts before the name of a tool: `mcp__glovebox__`, or the plugin's and the server's name. */
const HOST_PREFIX = /^mcp__(?:plugin_glovebox_\w+?|glovebox)__/;

/** `hf_jobs` of `mcp__plugin_glovebox_glovebox__hf_jobs`, and of itself. A name may have `__` in it. */
export const toolName = (name: string): string =>
  name.trim().replace(HOST_PREFIX, '').toLowerCase();

export const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** Keys in one order at every depth; lists keep theirs. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
}

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

const isOdd = (operation: unknown): boolean =>
  !isNothing(operation) && typeof operation !== 'string';
