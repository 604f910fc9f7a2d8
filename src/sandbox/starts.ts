/** Carries on starts in the background, so that the end of a wait, or of a call, ends no start. */
import { cancelled } from '#core/abort.ts';
import { GloveboxError, isGloveboxError, messageOf } from '#core/errors.ts';
import type { Clock } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import type { RecordStore } from '#platform/records.ts';
import type { Backend, Progress, SandboxStatus, StartContext } from './backend.ts';
import { toHandle, withStatus, type SandboxRecord } from './records.ts';

/** How often other processes learn of progress, through the record. */
const RECORD_PROGRESS_MS = 1000;
const LOG_LINES = 40;

/** One start that this process carries on. */
export interface RunningStart {
  /** Resolves when the start is over, however it ended. Never rejects. */
  readonly over: Promise<void>;
  readonly progress: Progress | undefined;
  /** Why it failed, as it was thrown; only after `over`. */
  readonly failure: GloveboxError | undefined;
  /** Calls back with every further progress; the returned function ends that. */
  listen(report: (progress: Progress) => void): () => void;
}

export interface StartsOptions {
  readonly records: RecordStore<SandboxRecord>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Starts {
  readonly #options: StartsOptions;
  readonly #running = new Map<string, { start: Start; abort: AbortController }>();

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  running(id: string): RunningStart | undefined {
    return this.#running.get(id)?.start;
  }

  /** Starts what the record asks for. The caller has just claimed the record. */
  begin(backend: Backend, record: SandboxRecord): RunningStart {
    const abort = new AbortController();
    const start = new Start(backend, record, abort, this.#options);
    this.#running.set(record.id, { start, abort });
    void start.over.finally(() => {
      if (this.#running.get(record.id)?.start === start) this.#running.delete(record.id);
    });
    return start;
  }

  /** Gives up a start of this process and resolves when it is over. */
  async cancel(id: string): Promise<void> {
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.start.over;
  }

  /** Gives up all of them; whoever asks next for one of these sandboxes takes the start over. */
  close(): void {
    for (const { abort } of this.#running.values()) abort.abort();
  }
}

class Start implements RunningStart {
  readonly over: Promise<void>;
  progress: Progress | undefined;
  failure: GloveboxError | undefined;
  readonly #listeners = new Set<(progress: Progress) => void>();
  readonly #backend: Backend;
  readonly #claimed: SandboxRecord;
  readonly #abort: AbortController;
  readonly #options: StartsOptions;
  #recordedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    backend: Backend,
    claimed: SandboxRecord,
    abort: AbortController,
    options: StartsOptions,
  ) {
    this.#backend = backend;
    this.#claimed = claimed;
    this.#abort = abort;
    this.#options = options;
    this.over = this.#run().catch((error: unknown) => {
      options.log.error(`Start of sandbox ${claimed.id}: ${messageOf(error)}`);
      this.failure ??= toFailure(error);
    });
  }

  listen(report: (progress: Progress) => void): () => void {
    this.#listeners.add(report);
    if (this.progress !== undefined) report(this.progress);
    return () => this.#listeners.delete(report);
  }

  async #run(): Promise<void> {
    const { id, projectDir, options } = this.#claimed;
    const context: StartContext = {
      id,
      projectDir,
      signal: this.#abort.signal,
      report: (progress) => this.#report(progress),
      remember: async (data) => {
        await this.#change((current) => ({ ...current, data: { ...current.data, ...data } }));
      },
    };
    let status: SandboxStatus;
    try {
      status = await this.#backend.start(options, context);
    } catch (error) {
      return this.#fail(toFailure(error));
    }
    const isOurs = await this.#change((current) => withStatus(current, status)).then(
      () => true,
      (error: unknown) => {
        if (isGloveboxError(error, 'cancelled') || isGloveboxError(error, 'record/missing'))
          return false;
        throw error;
      },
    );
    if (isOurs) return undefined;
    // Somebody stopped it at the same moment: what came into being after that must not stay.
    await this.#backend.stop(
      toHandle({ ...this.#claimed, generation: status.generation }),
      new AbortController().signal,
    );
    this.failure = cancelled(this.#abort.signal);
    return undefined;
  }

  async #fail(failure: GloveboxError): Promise<void> {
    this.failure = failure;
    // Given up by this process: the record says that it was starting, and who was, so that it can be taken over.
    if (this.#abort.signal.aborted) return;
    const { clock, records } = this.#options;
    const record = (await records.read(this.#claimed.id)) ?? this.#claimed;
    const logTail = await this.#backend
      .logs(toHandle(record), LOG_LINES, this.#abort.signal)
      .catch(() => []);
    const { code, message, hint } = failure;
    // Only of one failure it is not certain that nothing runs: then the back end is asked again, by whoever looks next.
    const isGone = code !== 'sandbox/stop-failed';
    const end = {
      cause: 'start-failed' as const,
      message,
      atMs: clock.now(),
      logTail: [...logTail],
    };
    await this.#change(({ detail: _detail, ...current }) => ({
      ...current,
      state: isGone ? 'ended' : 'stopping',
      isStarting: false,
      ...(isGone && { end }),
      failure: { code, message, ...(hint !== undefined && { hint }) },
      changedMs: clock.now(),
    })).catch((error: unknown) => {
      if (!isGloveboxError(error, 'cancelled')) throw error;
    });
  }

  #report(progress: Progress): void {
    this.progress = progress;
    for (const report of this.#listeners) report(progress);
    const { clock, log } = this.#options;
    if (clock.monotonic() - this.#recordedAtMs < RECORD_PROGRESS_MS) return;
    this.#recordedAtMs = clock.monotonic();
    this.#change((current) =>
      current.isStarting ? { ...current, detail: progress.message } : current,
    ).catch((error: unknown) =>
      log.debug(`Progress of sandbox ${this.#claimed.id}: ${messageOf(error)}`),
    );
  }

  /** Changes the record as long as the claim is ours. @throws `cancelled` when it is not any more. */
  async #change(change: (current: SandboxRecord) => SandboxRecord): Promise<void> {
    await this.#options.records.update(this.#claimed.id, (current) => {
      if (current.claim === this.#claimed.claim) return change(current);
      this.#abort.abort();
      throw new GloveboxError('cancelled', `The start of sandbox ${current.id} was given up.`);
    });
  }
}

function toFailure(error: unknown): GloveboxError {
  if (isGloveboxError(error)) return error;
  return new GloveboxError('internal', `The sandbox could not be started: ${messageOf(error)}`, {
    cause: error,
  });
}
