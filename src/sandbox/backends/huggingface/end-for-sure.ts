/** Cancels Jobs and makes sure that they are gone: asked for, looked at, and asked for again. */
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import { LABEL } from './labels.ts';
import type { HuggingfaceContext } from './settings.ts';

/** What may run: by its id, and by the label of the request that may have made it without telling. */
export interface Wanted {
  readonly namespace: string;
  readonly op?: string | undefined;
  readonly jobId?: string | undefined;
  /** For the text of a failure. */
  readonly usdPerHour?: number | undefined;
}

const LIMIT_MS = 45_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 4000;

/** @throws `sandbox/stop-failed` when it cannot be seen to be gone within the limit; `cancelled`. */
export async function endForSure(
  wanted: Wanted,
  huggingface: HuggingfaceContext,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<void> {
  const { clock } = huggingface;
  const deadline = clock.monotonic() + limitMs;
  const known = new Set(wanted.jobId === undefined ? [] : [wanted.jobId]);
  let trouble: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.6, MAX_PAUSE_MS)) {
    try {
      if (await isGone(wanted, known, huggingface, signal)) return;
      trouble = undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      trouble = error;
    }
    if (clock.monotonic() >= deadline) throw notSeenToEnd(wanted, [...known], trouble, huggingface);
    await sleep(clock, pauseMs, signal);
  }
}

async function isGone(
  { namespace, op }: Wanted,
  known: Set<string>,
  { hub }: HuggingfaceContext,
  signal: AbortSignal,
): Promise<boolean> {
  if (op !== undefined)
    for (const { id } of await hub.list(namespace, { [LABEL.op]: op }, signal)) known.add(id);
  let running = 0;
  for (const id of known) {
    const place = { namespace, id };
    const isOver = async (): Promise<boolean> => {
      try {
        return (await hub.get(place, signal)).isFinal;
      } catch (error) {
        if (isGloveboxError(error, 'remote/not-found')) return true;
        throw error;
      }
    };
    if (await isOver()) continue;
    await hub.cancel(place, signal);
    if (!(await isOver())) running += 1;
  }
  return running === 0;
}

function notSeenToEnd(
  { namespace, usdPerHour }: Wanted,
  ids: readonly string[],
  trouble: unknown,
  { settings }: HuggingfaceContext,
): GloveboxError {
  const price = usdPerHour === undefined ? '' : ` and may cost $${usdPerHour.toFixed(2)} per hour`;
  const what =
    ids.length === 0 ? 'What was asked of the Hub' : `The Job ${namespace}/${ids.join(', ')}`;
  const why = trouble === undefined ? 'it still runs' : messageOf(trouble);
  return new GloveboxError(
    'sandbox/stop-failed',
    `${what} could not be seen to end${price}: ${why}`,
    {
      hint: `Glovebox goes on trying. End it at ${settings().hubUrl}/jobs/${namespace}, or call sandbox_stop again.`,
      cause: trouble,
    },
  );
}
