/** The part of a transcript that somebody asked for, cut out while the transcript goes by. */
import type { CellOutput } from '#notebook/contract.ts';
import { toPlainText } from '#notebook/render/plain-text.ts';
import {
  pageTranscript,
  renderTranscript,
  type TranscriptPage,
} from '#notebook/render/transcript.ts';

/** An open line longer than this is taken as it stands. */
const LONGEST_LINE = 1024 * 1024;
/** Read behind the page, so that a long token at its end is recognised. */
const LOOK_AHEAD = 4096;

/** Everything that the text to come depends on. */
export interface WindowState {
  /** Characters gone by. */
  readonly length: number;
  readonly isLineOpen: boolean;
  /** Printed text of a line that is not complete. */
  readonly pending: string;
}

const BEGIN: WindowState = { length: 0, isLineOpen: false, pending: '' };

export class TranscriptWindow {
  readonly #start: number;
  readonly #end: number;
  #state = BEGIN;
  #parts: string[] = [];

  constructor(start: number, maxChars: number) {
    this.#start = Math.max(0, Math.trunc(start));
    this.#end = this.#start + maxChars + LOOK_AHEAD;
  }

  get state(): WindowState {
    return this.#state;
  }

  /** All that was asked for has gone by. */
  get isComplete(): boolean {
    return this.#state.length >= this.#end;
  }

  /** Leaves out everything up to a place where this transcript has been before. */
  skipTo(state: WindowState): void {
    this.#state = state;
  }

  clear(): void {
    this.#state = BEGIN;
    this.#parts = [];
  }

  /** A line is read when it is complete, because later characters may change it. */
  printed(text: string): void {
    const pending = this.#state.pending + text;
    const end = pending.length > LONGEST_LINE ? pending.length : pending.lastIndexOf('\n') + 1;
    this.#state = { ...this.#state, pending: pending.slice(end) };
    if (end > 0) this.#add(toPlainText(pending.slice(0, end)));
  }

  /** Outputs that begin on a line of their own. */
  block(outputs: readonly CellOutput[]): void {
    const text = renderTranscript(outputs);
    if (text === '') return;
    this.#settle();
    this.#add(this.#state.isLineOpen ? `\n${text}` : text);
    if (this.#state.isLineOpen) this.#add('\n');
  }

  /** What stands in front of everything else, as it is. */
  begin(outputs: readonly CellOutput[]): void {
    this.#add(renderTranscript(outputs));
  }

  page(maxChars: number): TranscriptPage {
    this.#settle();
    const { length } = this.#state;
    const text = this.#parts.join('');
    const { nextOffset, resumeOffset, ...rest } = pageTranscript(text, 0, maxChars);
    const start = Math.min(this.#start, length);
    const isWhole = start + text.length >= length;
    const next = nextOffset ?? (isWhole ? undefined : resumeOffset);
    return {
      ...rest,
      nextOffset: next === undefined ? undefined : next + start,
      resumeOffset: resumeOffset + start,
      totalChars: length,
    };
  }

  #settle(): void {
    const { pending } = this.#state;
    this.#state = { ...this.#state, pending: '' };
    this.#add(toPlainText(pending));
  }

  #add(text: string): void {
    if (text === '') return;
    const at = this.#state.length;
    const length = at + text.length;
    this.#state = { ...this.#state, length, isLineOpen: !text.endsWith('\n') };
    if (at < this.#end && length > this.#start) {
      this.#parts.push(text.slice(Math.max(0, this.#start - at), this.#end - at));
    }
  }
}
