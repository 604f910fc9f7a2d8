/** Remembers where in the journal of a run which part of its transcript begins, so that a later page need not read all before it. */
import type { WindowState } from './transcript-window.ts';

/** So many characters of the transcript lie between two places at least. */
const STEP_CHARS = 256 * 1024;
/** An open line of more is not worth remembering. */
const LONGEST_OPEN = 64 * 1024;
/** Runs that somebody pages through at the same time. */
const MOST_RUNS = 16;

/** A place behind the notebook's limit, where nothing but the state of the window counts. */
export interface Place {
  /** In the journal, in bytes. */
  readonly at: number;
  readonly state: WindowState;
}

export class PageIndex {
  #places: Place[] = [];

  get last(): Place | undefined {
    return this.#places.at(-1);
  }

  /** The last place that does not lie behind an offset of the transcript. */
  before(offset: number): Place | undefined {
    return this.#places.findLast(({ state }) => state.length <= offset);
  }

  note(place: Place): void {
    const known = this.last?.state.length ?? Number.NEGATIVE_INFINITY;
    if (place.state.length < known + STEP_CHARS || place.state.pending.length > LONGEST_OPEN)
      return;
    this.#places.push(place);
  }

  /** The output was cleared: nothing before counts any more. */
  clear(): void {
    this.#places = [];
  }
}

/** The indexes of the runs that were asked for last. */
export class PageIndexes {
  readonly #indexes = new Map<string, PageIndex>();

  /** @param maxOutputBytes which decides where the notebook's part ends */
  of(runId: string, maxOutputBytes: number): PageIndex {
    const key = `${runId} ${maxOutputBytes}`;
    const index = this.#indexes.get(key) ?? new PageIndex();
    this.#indexes.delete(key);
    this.#indexes.set(key, index);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= MOST_RUNS) break;
      this.#indexes.delete(oldest);
    }
    return index;
  }
}
