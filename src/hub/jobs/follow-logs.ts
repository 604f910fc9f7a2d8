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
  /** Lines of the past to begin with, where the reader has no position; all without it. */
  readonly tail?: number | undefined;
  /** Knows afterwards where the log was left. */
  readonly reader: LogReader;
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
  /** What this connection sends was never told; until then it sends again what came before the position. */
  #isBeyond = false;
  /** Of the line before, for one without a timestamp. */
  #before = '';

  constructor(position: LogPosition | undefined) {
    this.#position = position;
  }

  get position(): LogPosition | undefined {
    return this.#position;
  }

  /** To be called before each connection. */
  begin(): void {
    this.#again = 0;
    this.#isBeyond = false;
    this.#before = '';
  }

  isNew({ timestamp: given }: LogLine): boolean {
    const { timestamp: last = '', count = 0 } = this.#position ?? {};
    const timestamp = given === '' ? this.#before : given;
    this.#before = timestamp;
    const order = compareMoments(timestamp, last);
    if (!this.#isBeyond && this.#position !== undefined) {
      if (order < 0) return false;
      if (order === 0 && this.#again < count) {
        this.#again += 1;
        return false;
      }
    }
    this.#isBeyond = true;
    if (order > 0 || this.#position === undefined) this.#position = { timestamp, count: 1 };
    else if (order === 0) this.#position = { timestamp: last, count: count + 1 };
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
  { tail, reader, onLine, clock }: FollowOptions,
  signal: AbortSignal,
): Promise<Job> {
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
