/** Ended runs that are still at hand, for late output and quick answers; others are read from the journal. */
import type { Run } from './run.ts';

const MAX_RUNS = 50;
const MAX_BYTES = 8 * 1024 * 1024;

export class RecentRuns {
  readonly #runs = new Map<string, Run>();

  get(runId: string): Run | undefined {
    return this.#runs.get(runId);
  }

  /** The run whose request had this message id. */
  ofRequest(msgId: string): Run | undefined {
    return [...this.#runs.values()].find(({ record }) => record.msgId === msgId);
  }

  /** Keeps a run at hand, and lets the oldest go that have ended, beyond fifty of them or 8 MiB of output. */
  add(run: Run): void {
    this.#runs.set(run.id, run);
    let bytes = 0;
    for (const known of this.#runs.values()) bytes += known.collector.heldBytes;
    for (const [id, old] of this.#runs) {
      if (this.#runs.size <= MAX_RUNS && bytes <= MAX_BYTES) break;
      if (!old.isFinal) continue;
      this.#runs.delete(id);
      bytes -= old.collector.heldBytes;
    }
  }
}
