/** Ends machines at Modal and makes sure that they are gone: asked for, looked at, and asked for again. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { ModalSdk } from './sdk.ts';
import { TAG } from './tags.ts';

/** What may run: by its id, and by the tag of the request that may have made it without telling. */
export interface Wanted {
  readonly op?: string | undefined;
  readonly modalId?: string | undefined;
  /** For the text of a failure. */
  readonly usdPerHour?: number | undefined;
}

export interface EndOptions {
  readonly sdk: ModalSdk;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly limitMs?: number | undefined;
}

const LIMIT_MS = 45_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 4000;

/** @throws `sandbox/stop-failed` when it cannot be seen to be gone within the limit; `cancelled`. */
export async function endForSure(wanted: Wanted, options: EndOptions): Promise<void> {
  const { clock, signal, limitMs = LIMIT_MS } = options;
  const deadline = clock.monotonic() + limitMs;
  const known = new Set(wanted.modalId === undefined ? [] : [wanted.modalId]);
  let trouble: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.6, MAX_PAUSE_MS)) {
    try {
      if (await isGone(wanted, known, options)) return;
      trouble = undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      trouble = error;
    }
    if (clock.monotonic() >= deadline) throw notSeenToEnd(wanted, [...known], trouble);
    await sleep(clock, pauseMs, signal);
  }
}

async function isGone(
  { op }: Wanted,
  known: Set<string>,
  { sdk, signal }: EndOptions,
): Promise<boolean> {
  if (op !== undefined)
    for (const { id } of await sdk.list({ [TAG.op]: op }, signal)) known.add(id);
  let running = 0;
  for (const id of known) {
    if ((await sdk.poll(id, signal)) !== 'running') continue;
    await sdk.terminate(id, signal);
    if ((await sdk.poll(id, signal)) === 'running') running += 1;
  }
  return running === 0;
}

function notSeenToEnd(wanted: Wanted, ids: readonly string[], trouble: unknown): GloveboxError {
  const price =
    wanted.usdPerHour === undefined
      ? ''
      : ` and may cost $${wanted.usdPerHour.toFixed(2)} per hour`;
  const what = ids.length === 0 ? 'What was asked of Modal' : `Modal sandbox ${ids.join(', ')}`;
  const why = trouble === undefined ? 'it still runs' : messageOf(trouble);
  return new GloveboxError(
    'sandbox/stop-failed',
    `${what} could not be seen to end${price}: ${why}`,
    {
      hint: 'Glovebox goes on trying. End it at https://modal.com/apps, or call sandbox_stop again.',
      cause: trouble,
    },
  );
}
