/** The record of a session as this process has it, and the news that its next answer begins with. */
import { GloveboxError, messageOf } from '#core/errors.ts';
import type { Log } from '#platform/log.ts';
import type { SessionRecord } from './contract.ts';
import { isSelf } from './lease.ts';
import { lossHint, withoutLog } from './loss.ts';

export interface LiveRecordOptions {
  readonly record: SessionRecord;
  readonly log: Log;
  /** Changes the record on disk and answers it as it is then. */
  updateRecord(change: Partial<SessionRecord>): Promise<SessionRecord>;
}

export class LiveRecord {
  readonly #options: LiveRecordOptions;
  #value: SessionRecord;
  #notices: string[] = [];

  constructor(options: LiveRecordOptions) {
    this.#options = options;
    this.#value = options.record;
  }

  get value(): SessionRecord {
    return this.#value;
  }

  async update(change: Partial<SessionRecord>): Promise<void> {
    this.#value = { ...this.#value, ...change };
    this.#value = await this.#options.updateRecord(change);
  }

  /** As `update`, without waiting for the disk: for what a later process finds out by itself. */
  updateSoon(change: Partial<SessionRecord>): void {
    this.#value = { ...this.#value, ...change };
    this.#options
      .updateRecord(change)
      .catch((error: unknown) =>
        this.#options.log.warn(`session ${this.#value.id}: ${messageOf(error)}`),
      );
  }

  /**
   * Notes that a new kernel process takes over, of which nothing is known yet.
   *
   * @param connectionId of this process from now on; the one on record is the owner's, who would be thrown out by a second client of
   * that name
   */
  renewKernel(connectionId: string, change: Partial<SessionRecord>): Promise<void> {
    return this.update({
      ...change,
      ...(isSelf(this.#value.owner) && { connectionId }),
      loss: null,
      process: null,
      generation: this.#value.generation + 1,
    });
  }

  /** A sentence that the next answer begins with. */
  notify(text: string): void {
    this.#notices.push(text);
  }

  /** Each sentence is told once. */
  takeNotices(): readonly string[] {
    if (typeof this.#value.news === 'string') this.updateSoon({ news: null });
    return this.#notices.splice(0);
  }

  /** Why nothing can run, and what to do about it; undefined when something can. */
  blocked(): string | undefined {
    const { loss } = this.#value;
    return loss === null
      ? undefined
      : `${withoutLog(loss.message)} ${lossHint(this.#value, loss.class)}`;
  }

  /** @throws `session/ended`. */
  refuseWhenEnded(): void {
    const { id, endedMs, notebookPath } = this.#value;
    if (endedMs === undefined) return;
    throw new GloveboxError('session/ended', `Session ${id} was shut down.`, {
      hint: `start_notebook(notebook_path="${notebookPath}") opens the notebook again.`,
    });
  }
}
