/** Follows the log of a Job over broken connections, and tells every line once. */
import { isGloveboxError } from '#core/errors.ts';
import { sleep, type Clock } from '#platform/clock.ts';
import type { HubContext } from '../context.ts';
import { getJob } from './get-job.ts';
import { readJobLogs, type LogLine } from './job-logs.ts';
import { isFinal, type Job, type JobRef } from './job.ts';
import { compareMoments } from './moments.ts';

/** Where a reader is: after so many lines of the last moment. Survives its process. */
export interface LogPosition {
  readonly timestamp: string;
  /** Lines with just this timestamp that were told. */
  readonly count: number;
}

export interface FollowOptions {
  /** Lines of the past to begin with; all without it. Not together with `after`. */
  readonly tail?: number | undefined;
  readonly after?: LogPosition | undefined;
  readonly onLine: (line: LogLine) => void;
  readonly clock: Clock;
}

const PAUSE_MS = 100;
const MAX_PAUSE_MS = 5000;
/** Without a single new line between them. */
const MAX_TROUBLES = 20;
const PASSING = [
  'http/failed',
  'timeout',
  'remote/failed',
  'remote/rate-limited',
  'remote/not-ready',
] as const;

/** Lets each line through once, whatever is sent again. */
export class LogReader {
  #position: LogPosition | undefined;
  /** Of the lines with the timestamp of the position, those that this connection sent again. */
  #again = 0;
  /** Of the line before, in this connection: that of a line which has none. */
  #last = '';

  constructor(position: LogPosition | undefined) {
    this.#position = position;
  }

  get position(): LogPosition | undefined {
    return this.#position;
  }

  /** To be called before each connection. */
  begin(): void {
    this.#again = 0;
    this.#last = '';
  }

  isNew(line: LogLine): boolean {
    const timestamp = line.timestamp === '' ? this.#last : line.timestamp;
    this.#last = timestamp;
    const { timestamp: last = '', count = 0 } = this.#position ?? {};
    const order = compareMoments(timestamp, last);
    if (order < 0) return false;
    if (order > 0) {
      this.#position = { timestamp, count: 1 };
      this.#again = Number.POSITIVE_INFINITY;
      return true;
    }
    if (this.#again < count) {
      this.#again += 1;
      return false;
    }
    this.#position = { timestamp, count: count + 1 };
    this.#again = Number.POSITIVE_INFINITY;
    return true;
  }
}

/**
 * Resolves with the Job when it has reached a final stage and its log was read to the end. A connection that breaks, and an end of the
 * stream while the Job runs, are no end: it connects again.
 *
 * @throws GloveboxError `cancelled` when the signal fires, `remote/not-found`, `remote/auth-required`, `remote/forbidden`; what the Hub
 *   fails with when it does so for long.
 */
export async function followLogs(
  hub: HubContext,
  ref: JobRef,
  { tail, after, onLine, clock }: FollowOptions,
  signal: AbortSignal,
): Promise<Job> {
  const reader = new LogReader(after);
  let troubles = 0;
  for (;;) {
    reader.begin();
    const from = reader.position === undefined ? tail : undefined;
    const tell = (line: LogLine): void => {
      if (!reader.isNew(line)) return;
      troubles = 0;
      onLine(line);
    };
    try {
      // Asked before the log is read: whatever a Job wrote that has ended by then is in it.
      const job = await getJob(hub, ref, signal);
      await readJobLogs(hub, ref, { tail: from, onLine: tell }, signal);
      if (isFinal(job.status.stage)) return job;
    } catch (error) {
      if (!isPassing(error) || troubles >= MAX_TROUBLES) throw error;
    }
    troubles += 1;
    await sleep(clock, Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** Math.min(troubles, 8)), signal);
  }
}

/** Trouble of the moment; before a Job runs, its log may not be there. */
const isPassing = (error: unknown): boolean => PASSING.some((code) => isGloveboxError(error, code));
