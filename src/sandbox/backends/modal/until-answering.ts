/** Waits for the Jupyter server of a machine that was just rented. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import type { Attempt } from './attempt.ts';
import { addressOf, checkHealth, endpointAt } from './endpoint.ts';
import { logTail } from './log.ts';
import type { ModalRecord } from './record.ts';

const HEALTH_EVERY_MS = 250;
const POLL_EVERY_MS = 2000;
const ONE_ANSWER_MS = 5000;

/** @throws `sandbox/start-failed` with the end of the log, as soon as its main process has ended. */
export async function untilAnswering(attempt: Attempt, record: ModalRecord): Promise<void> {
  const { context, connection } = attempt;
  const { signal } = context;
  const { clock } = connection;
  const address = addressOf(record, {});
  if (address === undefined) throw new GloveboxError('internal', 'A rented sandbox without id.');
  const sdk = await connection.sdk();
  const limitMs = (record.startLimitMs ?? 0) - clock.now();
  const deadline = clock.monotonic() + limitMs;
  context.report({ message: `waiting for Jupyter in ${address.modalId}` });
  let lookedMs = clock.monotonic();
  while (clock.monotonic() < deadline) {
    const endpoint = await endpointAt(address, connection, signal).catch((error: unknown) => {
      if (isGloveboxError(error, 'server/unreachable')) return undefined;
      throw error;
    });
    const health =
      endpoint === undefined ? 'silent' : await checkHealth(endpoint, ONE_ANSWER_MS, signal);
    if (health === 'ours') return;
    if (clock.monotonic() - lookedMs >= POLL_EVERY_MS) {
      lookedMs = clock.monotonic();
      const code = await sdk.poll(address.modalId, signal);
      if (code !== 'running')
        throw await failed(attempt, address.modalId, `ended (${code}) before it answered`);
    }
    await sleep(clock, HEALTH_EVERY_MS, signal);
  }
  const why = `did not answer within ${Math.round(limitMs / 1000)} s`;
  throw await failed(attempt, address.modalId, why);
}

async function failed(
  { connection, context }: Attempt,
  modalId: string,
  how: string,
): Promise<GloveboxError> {
  const tail = await logTail(modalId, connection, context.signal);
  const text = tail.length === 0 ? [] : ['The end of its log:', ...tail];
  return new GloveboxError(
    'sandbox/start-failed',
    [`The Jupyter server in Modal sandbox ${modalId} ${how}.`, ...text].join('\n'),
    { hint: 'Nothing runs any more. keep_on_error leaves the next one running, to look into it.' },
  );
}
