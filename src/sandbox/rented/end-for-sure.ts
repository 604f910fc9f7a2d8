/** Ends rented machines and makes sure that they are gone: asked for, looked at, and asked for again. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import type { Trace } from './lease.ts';
import type { Provider } from './provider.ts';

const LIMIT_MS = 45_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 4000;

/**
 * What may run is known by its id, and by the mark of the request that may have made it without telling.
 *
 * @throws `sandbox/stop-failed` when it cannot be seen to be gone within the limit; `cancelled`.
 */
export async function endForSure(
  wanted: Trace,
  provider: Provider,
  signal: AbortSignal,
): Promise<void> {
  const { clock, limits } = provider;
  const deadline = clock.monotonic() + (limits.endMs ?? LIMIT_MS);
  const known = new Set(wanted.machineId === undefined ? [] : [wanted.machineId]);
  let trouble: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.6, MAX_PAUSE_MS)) {
    try {
      if (await isGone(wanted, known, provider, signal)) return;
      trouble = undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      trouble = error;
    }
    if (clock.monotonic() >= deadline) throw notSeenToEnd(wanted, [...known], trouble, provider);
    await sleep(clock, pauseMs, signal);
  }
}

async function isGone(
  wanted: Trace,
  known: Set<string>,
  provider: Provider,
  signal: AbortSignal,
): Promise<boolean> {
  const { op, account } = wanted;
  if (op !== undefined) for (const id of await provider.madeBy(op, wanted, signal)) known.add(id);
  let running = 0;
  for (const id of known) {
    const machine = { id, account };
    const isOver = async (): Promise<boolean> => (await provider.look(machine, signal)).isOver;
    if (await isOver()) continue;
    await provider.end(machine, signal);
    if (!(await isOver())) running += 1;
  }
  return running === 0;
}

function notSeenToEnd(
  { account, usdPerHour }: Trace,
  ids: readonly string[],
  trouble: unknown,
  provider: Provider,
): GloveboxError {
  const price = usdPerHour === undefined ? '' : ` and may cost $${usdPerHour.toFixed(2)} per hour`;
  const what =
    ids.length === 0
      ? `What was asked of ${provider.name}`
      : ids.map((id) => provider.words({ id, account })).join(', ');
  const why = trouble === undefined ? 'it still runs' : messageOf(trouble);
  return new GloveboxError(
    'sandbox/stop-failed',
    `${what} could not be seen to end${price}: ${why}`,
    {
      hint: `Glovebox goes on trying. End it at ${provider.page(account)}, or call sandbox_stop again.`,
      cause: trouble,
    },
  );
}
