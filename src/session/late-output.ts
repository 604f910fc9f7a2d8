/** Output that comes when its run has ended, as threads print it: into the run at hand, or into the one that the journal still has. */
import { messageOf } from '#core/errors.ts';
import type { KernelMessage } from '#jupyter/contract.ts';
import type { Log } from '#platform/log.ts';
import { isFinal, type RunRecord } from './contract.ts';
import type { RunJournal } from './journal.ts';
import type { RecentRuns } from './recent-runs.ts';
import type { Run } from './run.ts';

/** Requests that turned out to be no run's, or of one that is gone. */
const MOST_UNKNOWN = 100;

export interface LateOutputOptions {
  readonly sessionId: string;
  readonly recent: RecentRuns;
  readonly journal: Pick<RunJournal, 'ofSession' | 'messages'>;
  readonly log: Log;
  /** A run object for a record. */
  readonly createRun: (record: RunRecord) => Run;
  /** Called in the order in which the messages came. */
  readonly onOutput: (run: Run, message: KernelMessage) => void;
}

export class LateOutput {
  readonly #options: LateOutputOptions;
  /** While a run is read from the journal: ends when all that came meanwhile is in it. */
  readonly #reading = new Map<string, Promise<void>>();
  readonly #unknown = new Set<string>();

  constructor(options: LateOutputOptions) {
    this.#options = options;
  }

  /** @param requestId of the message that the run sent */
  receive(requestId: string, message: KernelMessage): void {
    const reading = this.#reading.get(requestId);
    const run = reading === undefined ? this.#options.recent.ofRequest(requestId) : undefined;
    if (run !== undefined) this.#options.onOutput(run, message);
    else if (!this.#unknown.has(requestId)) this.#receiveLater(requestId, message, reading);
  }

  #receiveLater(requestId: string, message: KernelMessage, before = Promise.resolve()): void {
    const work = this.#deliver(requestId, message, before).finally(() => {
      if (this.#reading.get(requestId) === work) this.#reading.delete(requestId);
    });
    this.#reading.set(requestId, work);
  }

  async #deliver(requestId: string, message: KernelMessage, before: Promise<void>): Promise<void> {
    const { recent, onOutput, log } = this.#options;
    await before;
    try {
      const run = recent.ofRequest(requestId) ?? (await this.#readRun(requestId));
      if (run !== undefined) onOutput(run, message);
    } catch (error) {
      log.warn(`late output: ${messageOf(error)}`);
    }
  }

  async #readRun(requestId: string): Promise<Run | undefined> {
    const { sessionId, journal, recent, createRun } = this.#options;
    if (this.#unknown.has(requestId)) return undefined;
    const records = await journal.ofSession(sessionId);
    const record = records.find(({ msgId }) => msgId === requestId);
    if (record === undefined || !isFinal(record.state)) {
      if (this.#unknown.size >= MOST_UNKNOWN) this.#unknown.clear();
      this.#unknown.add(requestId);
      return undefined;
    }
    const run = createRun(record);
    for await (const message of journal.messages(record.id)) run.replay(message);
    recent.add(run);
    return run;
  }
}
