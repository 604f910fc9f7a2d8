/** Pages through all that a run printed, also what the notebook has no room for, by streaming its journal. */
import type { Overflow } from '#notebook/output-collector.ts';
import { createOutputCollector } from '#notebook/output-collector.ts';
import { toPlainText } from '#notebook/render/plain-text.ts';
import {
  pageTranscript,
  renderTranscript,
  type TranscriptPage,
} from '#notebook/render/transcript.ts';
import type { StoredMessage } from './journal.ts';

/** An open line longer than this is taken as it stands. */
const LONGEST_LINE = 1024 * 1024;
/** Read behind the page, so that a long token at its end is recognised. */
const LOOK_AHEAD = 4096;

/**
 * The transcript is that of the outputs in the notebook, and where the notebook's limit was reached it goes on with the rest.
 * Memory is bounded by `maxOutputBytes` however much was printed. Offsets are those of the notebook's transcript up to the
 * limit, and stay valid while a run goes on. Beyond the limit stdout and stderr are not told apart, and pictures are named only.
 */
export async function pageRunOutput(
  messages: AsyncIterable<StoredMessage>,
  options: { readonly maxOutputBytes: number; readonly offset: number; readonly maxChars: number },
): Promise<TranscriptPage> {
  const start = Math.max(0, Math.trunc(options.offset));
  const view = new Window(start, start + options.maxChars + LOOK_AHEAD);
  const collector = createOutputCollector({
    maxBytes: options.maxOutputBytes,
    overflow: new Rest(view, () => collector.outputs),
  });
  for await (const message of messages) collector.add(message);
  return view.page(options.maxChars, collector.outputs);
}

type Outputs = Parameters<typeof renderTranscript>[0];

/** The part of a text that is asked for, while the text goes by. */
class Window {
  readonly #start: number;
  readonly #end: number;
  #length = 0;
  #isLineOpen = false;
  #parts: string[] = [];
  /** Of a line that is not complete. */
  #pending = '';
  /** How many outputs stand before the rest; undefined as long as there is none. */
  #before: number | undefined;

  constructor(start: number, end: number) {
    this.#start = start;
    this.#end = end;
  }

  clear(): void {
    this.#length = 0;
    this.#isLineOpen = false;
    this.#parts = [];
    this.#pending = '';
    this.#before = undefined;
  }

  /** The notebook's part is over. */
  begin(outputs: () => Outputs): void {
    if (this.#before !== undefined) return;
    const before = outputs();
    this.#before = before.length;
    this.#add(renderTranscript(before));
  }

  /** A line is read when it is complete, because later characters may change it. */
  printed(text: string): void {
    this.#pending += text;
    const end =
      this.#pending.length > LONGEST_LINE
        ? this.#pending.length
        : this.#pending.lastIndexOf('\n') + 1;
    if (end === 0) return;
    this.#add(toPlainText(this.#pending.slice(0, end)));
    this.#pending = this.#pending.slice(end);
  }

  /** Something that begins on a line of its own. */
  block(outputs: Outputs): void {
    this.#settle();
    const text = renderTranscript(outputs);
    if (text === '') return;
    this.#add(this.#isLineOpen ? `\n${text}` : text);
    if (this.#isLineOpen) this.#add('\n');
  }

  page(maxChars: number, outputs: Outputs): TranscriptPage {
    this.begin(() => outputs);
    const after = outputs.slice(this.#before);
    if (after.length > 0) this.block(after);
    this.#settle();
    const text = this.#parts.join('');
    const { nextOffset, resumeOffset, ...rest } = pageTranscript(text, 0, maxChars);
    const start = Math.min(this.#start, this.#length);
    const isWhole = start + text.length >= this.#length;
    const next = nextOffset ?? (isWhole ? undefined : resumeOffset);
    return {
      ...rest,
      nextOffset: next === undefined ? undefined : next + start,
      resumeOffset: resumeOffset + start,
      totalChars: this.#length,
    };
  }

  #settle(): void {
    this.#add(toPlainText(this.#pending));
    this.#pending = '';
  }

  #add(text: string): void {
    if (text === '') return;
    const at = this.#length;
    this.#length += text.length;
    this.#isLineOpen = !text.endsWith('\n');
    if (at < this.#end && this.#length > this.#start) {
      this.#parts.push(text.slice(Math.max(0, this.#start - at), this.#end - at));
    }
  }
}

class Rest implements Overflow {
  /** Shown in its place is what was left out. */
  readonly marker = '';
  readonly #view: Window;
  readonly #outputs: () => Outputs;

  constructor(view: Window, outputs: () => Outputs) {
    this.#view = view;
    this.#outputs = outputs;
  }

  text(text: string): void {
    this.#view.begin(this.#outputs);
    this.#view.printed(text);
  }

  bundle(data: Readonly<Record<string, unknown>>): void {
    this.#view.begin(this.#outputs);
    this.#view.block([{ output_type: 'display_data', data, metadata: {} }]);
  }

  clear(): void {
    this.#view.clear();
  }
}
