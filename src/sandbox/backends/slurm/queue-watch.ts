/** Asks the scheduler about all jobs that anybody waits for at once, and no more often than is polite. */
import { abandonOn } from '#core/abort.ts';
import { messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Host } from '#platform/host.ts';
import { parseSqueue, saysUnknownJob, SQUEUE_FORMAT, type QueueRow } from './parse-squeue.ts';
import type { Job } from './record.ts';
import { lastWords, schedulerCommand } from './scheduler-command.ts';

/**
 * - `row`: what it said, and when.
 * - `missing`: it does not know the job, which counts only when it says so again 5 s later; `absent`: it did.
 * - `silent`: it does not answer. Says nothing about the job.
 */
export type QueueAnswer =
  | { readonly kind: 'row'; readonly row: QueueRow; readonly atMs: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'silent'; readonly sinceMs: number; readonly message: string };

/**
 * `urgent`: something is about to change, or does not answer. `patient`: it waits in the queue. `calm`: its server answers, so
 * only time limit and neighbours are of interest.
 */
export type Haste = 'urgent' | 'patient' | 'calm';

const PATIENT_MAX_MS = 30_000;
const CALM_MS = 60_000;
/** Where the server itself answers, nobody waits long for a scheduler that may be down. */
const CALM_LIMIT_MS = 5000;
const LIMIT_MS = 20_000;
const CONFIRM_MS = 5000;
const GROWTH = 1.5;
const JITTER = 0.2;
/** A job that nobody asked for so long is left out of the question. */
const FORGET_MS = 600_000;

interface Watched {
  readonly job: Job;
  answer?: QueueAnswer;
  askedAt: number;
  wantedAt: number;
  /** Of the patient. */
  intervalMs: number;
  missingAt?: number;
  /** Drawn anew with every answer, so that several processes do not ask in step. */
  jitter: number;
}

export interface QueueWatchOptions {
  readonly host: () => Promise<Host>;
  readonly clock: Clock;
  readonly pollMinMs: () => number;
}

export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(options: QueueWatchOptions) {
    this.#options = options;
  }

  /** What is known of a job, asked anew when it is time to. @throws `backend/unavailable`, `cancelled`. */
  async ask(job: Job, haste: Haste, signal: AbortSignal): Promise<QueueAnswer> {
    const { clock, pollMinMs } = this.#options;
    const key = keyOf(job);
    const watched = this.#watched.get(key) ?? {
      job,
      askedAt: Number.NEGATIVE_INFINITY,
      wantedAt: 0,
      intervalMs: pollMinMs(),
      jitter: 1,
    };
    this.#watched.set(key, watched);
    watched.wantedAt = clock.monotonic();
    if (watched.answer !== undefined && clock.monotonic() < this.#dueAt(watched, haste))
      return watched.answer;
    for (;;) {
      const before = watched.askedAt;
      await abandonOn(this.#askOnce(job.cluster, haste), signal);
      // A question that was already on its way may not have been about this job.
      if (watched.answer !== undefined && watched.askedAt !== before) return watched.answer;
    }
  }

  /** Its story is over. */
  forget(job: Job): void {
    this.#watched.delete(keyOf(job));
  }

  #dueAt({ askedAt, intervalMs, answer, jitter }: Watched, haste: Haste): number {
    const floor = this.#options.pollMinMs();
    if (answer?.kind === 'missing') return askedAt + CONFIRM_MS;
    if (answer?.kind === 'silent') return askedAt + intervalMs * jitter;
    const wanted = haste === 'calm' ? CALM_MS : haste === 'patient' ? intervalMs : floor;
    return askedAt + Math.max(floor, wanted * jitter);
  }

  /** Everybody who asks meanwhile waits for the same answer. */
  #askOnce(cluster: string | undefined, haste: Haste): Promise<void> {
    const key = cluster ?? '';
    const running = this.#asking.get(key);
    if (running !== undefined) return running;
    // A turn later, so that all who ask in this one are in the same question.
    const asking = Promise.resolve()
      .then(() => this.#query(cluster, haste === 'calm' ? CALM_LIMIT_MS : LIMIT_MS))
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #query(cluster: string | undefined, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const oldest = clock.monotonic() - FORGET_MS;
    const jobs = [...this.#watched.values()].filter(
      ({ job, wantedAt }) => job.cluster === cluster && wantedAt >= oldest,
    );
    // What it says is at least as new as the question.
    const atMs = clock.now();
    const outcome = await this.#squeue(
      jobs.map(({ job }) => job.id),
      cluster,
      timeoutMs,
    );
    for (const watched of jobs) this.#settle(watched, outcome, atMs);
  }

  async #squeue(
    ids: readonly string[],
    cluster: string | undefined,
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, QueueRow> | string> {
    const { host } = this.#options;
    const argv = ['squeue', '-h', '-t', 'all', '-j', ids.join(','), '-o', SQUEUE_FORMAT];
    const words = cluster === undefined ? argv : [...argv, '-M', cluster];
    try {
      // Several callers wait for it, so no single one ends it.
      const { signal } = new AbortController();
      const result = await schedulerCommand(await host(), words, { signal, timeoutMs });
      if (result.code !== 0 && !saysUnknownJob(result.stderr)) return lastWords(result);
      return new Map(parseSqueue(result.stdout).map((row) => [row.jobId, row]));
    } catch (error) {
      return messageOf(error);
    }
  }

  #settle(watched: Watched, outcome: ReadonlyMap<string, QueueRow> | string, atMs: number): void {
    const { clock, pollMinMs } = this.#options;
    const before = watched.answer;
    watched.askedAt = clock.monotonic();
    watched.jitter = 1 - JITTER + Math.random() * 2 * JITTER;
    const grown = Math.min(PATIENT_MAX_MS, Math.max(watched.intervalMs * GROWTH, pollMinMs()));
    if (typeof outcome === 'string') {
      const sinceMs = before?.kind === 'silent' ? before.sinceMs : clock.now();
      watched.answer = { kind: 'silent', sinceMs, message: outcome };
      watched.intervalMs = grown;
      return;
    }
    const row = outcome.get(watched.job.id);
    if (row === undefined) {
      watched.missingAt ??= clock.monotonic();
      const isSure = clock.monotonic() - watched.missingAt >= CONFIRM_MS;
      watched.answer = { kind: isSure ? 'absent' : 'missing' };
      return;
    }
    delete watched.missingAt;
    const isNews =
      before?.kind !== 'row' || before.row.word !== row.word || before.row.reason !== row.reason;
    watched.intervalMs = isNews ? pollMinMs() : grown;
    watched.answer = { kind: 'row', row, atMs };
  }
}

const keyOf = ({ id, cluster }: Job): string => `${cluster ?? ''};${id}`;
