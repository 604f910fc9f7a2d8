/** Watches a Job for a while: its log line by line, until it has ended, has nothing more to say, or the while is over. */
import { isGloveboxError } from '#core/errors.ts';
import type { HubContext } from '../context.ts';
import { followLogs, LogReader, type LogPosition } from './follow-logs.ts';
import { getJob } from './get-job.ts';
import type { LogLine } from './job-logs.ts';
import type { Job, JobRef } from './job.ts';

export interface WatchOptions {
  /** The longest that this may take. */
  readonly waitMs: number;
  /** Ends it as soon as there was no new line for so long: for whoever wants what is there. */
  readonly quietMs?: number;
  readonly tail?: number | undefined;
  readonly after?: LogPosition | undefined;
  readonly onLine: (line: LogLine) => void;
}

export interface Watched {
  /** As it was at the end of the watch. */
  readonly job: Job;
  /** For the next watch, which then tells nothing twice; undefined when no line is known. */
  readonly position: LogPosition | undefined;
}

/** The first answer takes longer than the next line of a log that is being sent. */
const FIRST_FACTOR = 5;
const NOTHING = (): void => undefined;

/** The Job goes on whatever becomes of the watch. @throws GloveboxError `cancelled`, and what `followLogs` throws. */
export async function watchJob(
  hub: HubContext,
  ref: JobRef,
  { waitMs, quietMs, tail, after, onLine }: WatchOptions,
  signal: AbortSignal,
): Promise<Watched> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const reader = new LogReader(after);
  let cancelQuiet = NOTHING;
  const expectLineWithin = (ms: number): void => {
    cancelQuiet();
    cancelQuiet = hub.clock.after(ms, end);
  };
  if (quietMs !== undefined) expectLineWithin(quietMs * FIRST_FACTOR);
  const cancelLimit = hub.clock.after(waitMs, end);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const tell = (line: LogLine): void => {
    if (quietMs !== undefined) expectLineWithin(quietMs);
    onLine(line);
  };
  try {
    const options = { tail, reader, onLine: tell, clock: hub.clock };
    const job = await followLogs(hub, ref, options, stop.signal);
    return { job, position: reader.position };
  } catch (error) {
    if (signal.aborted || !isGloveboxError(error, 'cancelled')) throw error;
    return { job: await getJob(hub, ref, signal), position: reader.position };
  } finally {
    cancelQuiet();
    cancelLimit();
    signal.removeEventListener('abort', end);
  }
}
