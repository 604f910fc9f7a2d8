/** Asks a Python kernel how its last execution ended, when the reply was missed, and says whether that was ours. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ExecuteReply, KernelMessage } from '#jupyter/contract.ts';
import { pythonText } from './python-text.ts';
import type { RunRecord } from './contract.ts';

/** The type under which `python/recall_execution.py` publishes its answer. */
const MIME = 'application/vnd.glovebox.execution+json';

const recalled = z.object({
  /** The kernel's counter for it. */
  count: z.number(),
  /** Of the code as it was sent. */
  sha256: z.string(),
  error: z
    .object({ name: z.string(), value: z.string(), traceback: z.array(z.string()) })
    .nullable(),
});
export type Recalled = z.output<typeof recalled>;

/**
 * One statement for a silent request, which makes no name in the kernel.
 *
 * @param source the text of `python/recall_execution.py`.
 */
export const recallCode = (source: string): string =>
  `exec(${pythonText(source)}, {"__name__": "glovebox"})`;

/** What one message of the request tells; undefined when it is no answer. */
export function readRecalled({ header, content }: KernelMessage): Recalled | undefined {
  if (header.msg_type !== 'display_data') return undefined;
  const { data } = content;
  const text: unknown = typeof data === 'object' && data !== null && Reflect.get(data, MIME);
  if (typeof text !== 'string') return undefined;
  try {
    return recalled.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * The reply that was missed, as far as it can be made again; undefined when it is not certain that the kernel tells of this very
 * run: the code has to be the same, and the counter one more than after our last run, so that nobody else ran anything meanwhile.
 */
export function replyOf(
  told: Recalled | undefined,
  { code, storeHistory }: RunRecord,
  countBefore: number | undefined,
): ExecuteReply | undefined {
  if (told === undefined || !storeHistory || countBefore === undefined) return undefined;
  if (told.count !== countBefore + 1) return undefined;
  if (told.sha256 !== createHash('sha256').update(code).digest('hex')) return undefined;
  return {
    status: told.error === null ? 'ok' : 'error',
    executionCount: told.count,
    payload: [],
    ...(told.error !== null && { error: told.error }),
  };
}
