/** Pages through all that a run printed, also what the notebook has no room for, by streaming its journal. */
import type { DisplayOutput, ResultOutput } from '#notebook/contract.ts';
import {
  createOutputCollector,
  type OutputCollector,
  type Overflow,
} from '#notebook/output-collector.ts';
import type { TranscriptPage } from '#notebook/render/transcript.ts';
import type { PlacedMessage } from './journal.ts';
import { PageIndex, type Place } from './page-index.ts';
import { TranscriptWindow } from './transcript-window.ts';

export interface PageRequest {
  /** The messages of the run from a byte of its journal on. */
  readonly read: (start: number) => AsyncIterable<PlacedMessage>;
  readonly maxOutputBytes: number;
  readonly offset: number;
  readonly maxChars: number;
  /** What earlier pages of the run found out; it is added to. */
  readonly index?: PageIndex;
}

/**
 * The transcript is that of the outputs in the notebook, and where the notebook's limit was reached it goes on with the rest.
 * Memory is bounded by `maxOutputBytes` however much was printed. Offsets are those of the notebook's transcript up to the
 * limit, and stay valid while a run goes on. Beyond the limit stdout and stderr are not told apart, and pictures are named only.
 *
 * With an index each part of the journal beyond the limit is read once, and then only what a page shows and what is new.
 */
export async function pageRunOutput(request: PageRequest): Promise<TranscriptPage> {
  const { index = new PageIndex(), offset, maxChars } = request;
  const window = new TranscriptWindow(offset, maxChars);
  let from = index.before(offset);
  do {
    // Two at most: up to the end of the page, and what is new.
    // oxlint-disable-next-line no-await-in-loop
    from = await readOn(request, window, index, from);
  } while (from !== undefined);
  return window.page(maxChars);
}

/** Lets the transcript go by from a place on. @returns where to go on, when it is known how everything in between ends */
async function readOn(
  { read, maxOutputBytes }: PageRequest,
  window: TranscriptWindow,
  index: PageIndex,
  from: Place | undefined,
): Promise<Place | undefined> {
  const rest = new Rest(window, index, from !== undefined, () => collector);
  const collector = createOutputCollector({
    maxBytes: maxOutputBytes,
    overflow: rest,
    isFull: from !== undefined,
  });
  if (from !== undefined) window.skipTo(from.state);
  for await (const { message, end } of read(from?.at ?? 0)) {
    collector.add(message);
    if (!rest.hasBegun) continue;
    rest.showKept();
    if (end > 0) index.note({ at: end, state: window.state });
    const { last } = index;
    if (window.isComplete && last !== undefined && last.at > end) return last;
  }
  rest.begin();
  return undefined;
}

/** What comes when the notebook's part is over: the rest of the text, and the displays and errors that are kept all the same. */
class Rest implements Overflow {
  /** Shown in its place is what was left out. */
  readonly marker = '';
  readonly #window: TranscriptWindow;
  readonly #index: PageIndex;
  readonly #collector: () => OutputCollector;
  /** Of the outputs in the collector; undefined as long as everything is the notebook's. */
  #shown: number | undefined;
  #changed = -1;

  constructor(
    window: TranscriptWindow,
    index: PageIndex,
    hasBegun: boolean,
    collector: () => OutputCollector,
  ) {
    this.#window = window;
    this.#index = index;
    this.#collector = collector;
    this.#shown = hasBegun ? 0 : undefined;
  }

  get hasBegun(): boolean {
    return this.#shown !== undefined;
  }

  begin(): void {
    if (this.#shown !== undefined) return;
    const { outputs } = this.#collector();
    this.#shown = outputs.length;
    this.#window.begin(outputs);
  }

  text(text: string): void {
    this.begin();
    this.#window.printed(text);
  }

  display(output: DisplayOutput | ResultOutput): void {
    this.begin();
    this.#window.block([output]);
  }

  /** What the collector kept since the last time, in its place. */
  showKept(): void {
    const { changed } = this.#collector();
    if (changed === this.#changed) return;
    this.#changed = changed;
    const { outputs } = this.#collector();
    const fresh = outputs.slice(this.#shown);
    this.#shown = outputs.length;
    if (fresh.length > 0) this.#window.block(fresh);
  }

  clear(): void {
    this.#window.clear();
    this.#index.clear();
    this.#shown = undefined;
  }
}
