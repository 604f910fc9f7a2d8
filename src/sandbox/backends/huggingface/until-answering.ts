/** Waits until a Job has hardware, and then until the Jupyter server in it answers. */
import { GloveboxError, isGloveboxError } from '#core/errors.ts';
import { sleep } from '#platform/clock.ts';
import type { Attempt } from './attempt.ts';
import { addressOf, checkHealth, endpointOf } from './endpoint.ts';
import type { HubJob } from './hub-jobs.ts';
import { logTail } from './log.ts';
import type { JobRecord } from './record.ts';

const LOOK_EVERY_MS = 2000;
const HEALTH_EVERY_MS = 500;
const ONE_ANSWER_MS = 5000;
/** Of failing to ask the Hub, one after the other. */
const MAX_TROUBLES = 15;

/** So that many starts do not all ask at once. */
const jittered = (ms: number): number => ms * (0.9 + Math.random() * 0.2);

/** @throws `sandbox/no-capacity`, `sandbox/start-failed` with the end of the log, at once when the Job has ended. */
export async function untilAnswering(attempt: Attempt, record: JobRecord): Promise<HubJob> {
  const { context, huggingface, options } = attempt;
  const { signal, report, id } = context;
  const { hub, clock, limits = {} } = huggingface;
  const { answerMs = ONE_ANSWER_MS, everyMs = HEALTH_EVERY_MS } = limits;
  const address = addressOf(record, {});
  if (address === undefined) throw new GloveboxError('internal', 'A Job without an id.');
  const place = { namespace: address.namespace, id: address.jobId };
  const capacityEnd = clock.monotonic() + options.capacity_timeout_seconds * 1000;
  let startEnd: number | undefined;
  let lookAt = 0;
  let job: HubJob | undefined;
  let troubles = 0;
  for (;;) {
    if (clock.monotonic() >= lookAt) {
      lookAt = clock.monotonic() + jittered(LOOK_EVERY_MS);
      try {
        job = await hub.get(place, signal);
        troubles = 0;
      } catch (error) {
        troubles += 1;
        if (signal.aborted || !isPassing(error) || troubles > MAX_TROUBLES) throw error;
      }
    }
    if (job?.isFinal === true) {
      const why = job.message === undefined ? '' : `: ${job.message}`;
      throw await failed(attempt, place, `ended as ${job.stage}${why}, before it answered`);
    }
    if (job === undefined || job.stage === 'SCHEDULING') {
      report({ message: `waiting for ${record.flavor ?? 'hardware'} (${place.id})` });
      if (clock.monotonic() >= capacityEnd)
        throw new GloveboxError(
          'sandbox/no-capacity',
          `The Hub had no ${record.flavor ?? 'hardware'} within ${options.capacity_timeout_seconds} s.`,
          { hint: 'Ask for other hardware, or raise capacity_timeout_seconds. Nothing runs.' },
        );
    } else {
      startEnd ??= clock.monotonic() + options.start_timeout_seconds * 1000;
      report({ message: `waiting for Jupyter in ${place.id} (${job.stage})` });
      if (job.exposeUrls.length > 0) {
        const endpoint = await endpointOf(id, address, job, huggingface);
        if ((await checkHealth(endpoint, answerMs, signal)) === 'ours') return job;
      }
      if (clock.monotonic() >= startEnd)
        throw await failed(
          attempt,
          place,
          `did not answer within ${options.start_timeout_seconds} s`,
        );
    }
    await sleep(clock, everyMs, signal);
  }
}

const PASSING = ['http/failed', 'timeout', 'remote/failed', 'remote/rate-limited'] as const;
const isPassing = (error: unknown): boolean => PASSING.some((code) => isGloveboxError(error, code));

async function failed(
  { huggingface, context }: Attempt,
  place: { readonly namespace: string; readonly id: string },
  how: string,
): Promise<GloveboxError> {
  const tail = await logTail(place, huggingface, context.signal);
  const text = tail.length === 0 ? [] : ['The end of its log:', ...tail];
  return new GloveboxError(
    'sandbox/start-failed',
    [`The Job ${place.namespace}/${place.id} ${how}.`, ...text].join('\n'),
    { hint: 'Nothing runs any more. keep_on_error leaves the next one running, to look into it.' },
  );
}
