/** Gathers what a kernel sends for one cell into the outputs that a notebook stores. */
import { isRecord } from '#core/json.ts';
import { renderBytes } from '#core/units.ts';
import type { CellOutput, DisplayOutput, ErrorOutput, ResultOutput } from './contract.ts';
import { joinLines, toBundle, toCount, toText } from './output-json.ts';
import { isEmptyStream, toStream } from './growing-text.ts';
import { standsForOthers } from './not-kept.ts';
import { TerminalText } from './terminal-text.ts';

/** One message of the output channel. */
export interface OutputMessage {
  /** `stream`, `display_data`, `update_display_data`, `execute_result`, `error`, `clear_output`; others are left alone. */
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/**
 * The outputs of one cell, as they grow.
 *
 * Streams are merged and read as a terminal would (see `TerminalText`). Bundles are kept whole; `transient` is not stored.
 * Beyond `maxBytes` of printed text the rest of it is counted and left out, and an output says so there. Displays have
 * `DISPLAY_SHARE` times as much of their own, so that a plot is not lost behind much text; errors are always kept, and so
 * is what a server says of output that it did not keep. A message that makes no sense is left alone.
 */
export interface OutputCollector {
  add(message: OutputMessage): void;
  /** In the order they came. The same array as long as nothing changed, with the same objects for what did not change. */
  readonly outputs: readonly CellOutput[];
  /** Where in `outputs` the displays with an id stand. */
  readonly displays: ReadonlyMap<string, readonly number[]>;
  /** Another number whenever `outputs` may be different, and the same as long as all that comes is left out. */
  readonly changed: number;
  /** Of the streams in `outputs`, in UTF-8. */
  readonly textBytes: number;
  /** About the memory that the outputs take. */
  readonly heldBytes: number;
  /** What was left out. */
  readonly droppedBytes: number;
}

/** Where a collector puts what it leaves out. */
export interface Overflow {
  /** Stands in the notebook in the place of what was left out; it does not change while output goes on. */
  readonly marker: string;
  text(text: string): void;
  display(output: DisplayOutput | ResultOutput): void;
  /** Text that stands in the notebook too. */
  note?(text: string): void;
  /** All output of the cell was cleared. */
  clear(): void;
}

export interface CollectorOptions {
  /** Of printed text per cell; no limit without it. */
  readonly maxBytes?: number;
  /** Takes what is left out, in order. */
  readonly overflow?: Overflow;
  /** Goes on where text is left out already. */
  readonly isFull?: boolean;
}

export function createOutputCollector(options: CollectorOptions = {}): OutputCollector {
  return new Collector(options);
}

/** The outputs of an earlier cell after an `update_display_data` for those of them at `indexes`. */
export function applyDisplayUpdate(
  outputs: readonly CellOutput[],
  indexes: readonly number[],
  data: Readonly<Record<string, unknown>>,
  metadata: Readonly<Record<string, unknown>>,
): readonly CellOutput[] {
  return outputs.map((output, index) =>
    indexes.includes(index) ? withBundle(output, data, metadata) : output,
  );
}

/** Displays of one cell may be so many times as large as its text: one picture can have megabytes. */
export const DISPLAY_SHARE = 5;

type Name = 'stdout' | 'stderr';

interface StreamEntry {
  readonly kind: 'stream';
  readonly name: Name;
  readonly terminal: TerminalText;
  /** What `outputs` showed last. */
  output: CellOutput | undefined;
}
interface FixedEntry {
  readonly kind: 'fixed';
  readonly displayId: string | undefined;
  output: CellOutput;
  bytes: number;
}
/** Stands where output was left out first. */
interface MarkerEntry {
  readonly kind: 'marker';
}
type Entry = StreamEntry | FixedEntry | MarkerEntry;

class Collector implements OutputCollector {
  changed = 0;
  droppedBytes = 0;
  readonly #maxBytes: number;
  readonly #overflow: Overflow | undefined;
  #entries: Entry[] = [];
  /** Of all streams but the one that still grows. */
  #settledText = 0;
  #displayBytes = 0;
  /** Of what is kept without a limit. */
  #errorBytes = 0;
  /** Something was left out: text that comes later is too, or there would be holes. */
  #isFull: boolean;
  #clearsNext = false;
  #shown: { readonly outputs: CellOutput[]; readonly displays: Map<string, number[]> } | undefined;

  constructor(options: CollectorOptions) {
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.#overflow = options.overflow;
    this.#isFull = options.isFull ?? false;
  }

  get outputs(): readonly CellOutput[] {
    return this.#show().outputs;
  }

  get displays(): ReadonlyMap<string, readonly number[]> {
    return this.#show().displays;
  }

  get textBytes(): number {
    return this.#settledText + (this.#growing?.terminal.byteLength ?? 0);
  }

  get heldBytes(): number {
    return this.textBytes + this.#displayBytes + this.#errorBytes;
  }

  add(message: OutputMessage): void {
    const { type, content } = message;
    switch (type) {
      case 'stream':
        return this.#addStream(content, standsForOthers(message));
      case 'display_data':
      case 'execute_result':
        return this.#addBundle(type, content);
      case 'error':
        return this.#addError(content);
      case 'update_display_data':
        return this.#update(content);
      case 'clear_output':
        if (content['wait'] === true) this.#clearsNext = true;
        else this.#clear();
        return;
      default:
    }
  }

  #touch(): void {
    this.changed += 1;
    this.#shown = undefined;
  }

  #clear(): void {
    this.#entries = [];
    this.#settledText = 0;
    this.#displayBytes = 0;
    this.#errorBytes = 0;
    this.#isFull = false;
    this.droppedBytes = 0;
    this.#overflow?.clear();
    this.#clearsNext = false;
    this.#touch();
  }

  get #growing(): StreamEntry | undefined {
    const last = this.#entries.at(-1);
    return last?.kind === 'stream' ? last : undefined;
  }

  #push(entry: Entry): void {
    this.#settledText += this.#growing?.terminal.byteLength ?? 0;
    this.#entries.push(entry);
  }

  #addStream(content: OutputMessage['content'], isAlwaysKept: boolean): void {
    const text = joinLines(content['text']);
    if (text === undefined || text === '') return;
    if (this.#clearsNext) this.#clear();
    const bytes = Buffer.byteLength(text);
    const room = this.#isFull ? 0 : Math.max(0, this.#maxBytes - this.textBytes);
    if (bytes > room && isAlwaysKept) return this.#addNote(text, bytes);
    const fits = bytes <= room ? text : cutAt(text, room);
    if (fits !== '') {
      this.#touch();
      this.#stream(content['name'] === 'stderr' ? 'stderr' : 'stdout').write(fits);
    }
    if (fits.length < text.length) {
      this.#drop(bytes - Buffer.byteLength(fits));
      this.#overflow?.text(text.slice(fits.length));
    }
  }

  #addNote(text: string, bytes: number): void {
    this.#touch();
    const output: CellOutput = { output_type: 'stream', name: 'stderr', text };
    this.#push({ kind: 'fixed', displayId: undefined, output, bytes });
    this.#errorBytes += bytes;
    if (this.#isFull) this.#overflow?.note?.(text);
  }

  #stream(name: Name): TerminalText {
    const growing = this.#growing;
    if (growing?.name === name) {
      growing.output = undefined;
      return growing.terminal;
    }
    const terminal = new TerminalText();
    this.#push({ kind: 'stream', name, terminal, output: undefined });
    return terminal;
  }

  #addBundle(type: 'display_data' | 'execute_result', content: OutputMessage['content']): void {
    if (!isRecord(content['data'])) return;
    if (this.#clearsNext) this.#clear();
    const data = toBundle(content['data']);
    const metadata = recordOf(content['metadata']);
    const bytes = sizeOf(data);
    const output: DisplayOutput | ResultOutput =
      type === 'display_data'
        ? { output_type: type, data, metadata }
        : {
            output_type: type,
            data,
            metadata,
            execution_count: toCount(content['execution_count']),
          };
    if (this.#displayBytes + bytes > this.#maxBytes * DISPLAY_SHARE) {
      this.#drop(bytes);
      this.#overflow?.display(output);
      return;
    }
    this.#touch();
    const displayId = displayIdOf(content);
    this.#push({ kind: 'fixed', displayId, output, bytes });
    this.#displayBytes += bytes;
  }

  #addError(content: OutputMessage['content']): void {
    if (this.#clearsNext) this.#clear();
    this.#touch();
    const { traceback } = content;
    const output: ErrorOutput = {
      output_type: 'error',
      ename: toText(content['ename']),
      evalue: toText(content['evalue']),
      traceback: Array.isArray(traceback) ? traceback.map(toText) : [],
    };
    const bytes = sizeOf(output.traceback) + sizeOf(output.evalue);
    this.#push({ kind: 'fixed', displayId: undefined, output, bytes });
    this.#errorBytes += bytes;
  }

  #update(content: OutputMessage['content']): void {
    const id = displayIdOf(content);
    if (id === undefined || !isRecord(content['data'])) return;
    for (const entry of this.#entries) {
      if (entry.kind !== 'fixed' || entry.displayId !== id) continue;
      entry.output = withBundle(entry.output, content['data'], recordOf(content['metadata']));
      const bytes = sizeOf(content['data']);
      this.#displayBytes += bytes - entry.bytes;
      entry.bytes = bytes;
      this.#touch();
    }
  }

  #drop(bytes: number): void {
    if (!this.#isFull) this.#push({ kind: 'marker' });
    // The marker of an overflow says the same whatever comes.
    if (!this.#isFull || this.#overflow === undefined) this.#touch();
    this.#isFull = true;
    this.droppedBytes += bytes;
  }

  #show(): { readonly outputs: CellOutput[]; readonly displays: Map<string, number[]> } {
    if (this.#shown !== undefined) return this.#shown;
    const outputs: CellOutput[] = [];
    const displays = new Map<string, number[]>();
    for (const entry of this.#entries) {
      const output = this.#render(entry);
      // All of it was erased by what came later.
      if (output.output_type === 'stream' && isEmptyStream(output)) continue;
      if (entry.kind === 'fixed' && entry.displayId !== undefined) {
        const indexes = displays.get(entry.displayId);
        if (indexes === undefined) displays.set(entry.displayId, [outputs.length]);
        else indexes.push(outputs.length);
      }
      outputs.push(output);
    }
    this.#shown = { outputs, displays };
    return this.#shown;
  }

  #render(entry: Entry): CellOutput {
    if (entry.kind === 'fixed') return entry.output;
    if (entry.kind === 'marker') {
      if (this.#overflow !== undefined)
        return { output_type: 'stream', name: 'stderr', text: this.#overflow.marker };
      const limit = renderBytes(this.#maxBytes);
      const text = `\n[${renderBytes(this.droppedBytes)} of further output were left out here: the notebook keeps ${limit} per cell]\n`;
      return { output_type: 'stream', name: 'stderr', text };
    }
    entry.output ??= toStream(entry.name, entry.terminal.snapshot);
    return entry.output;
  }
}

function displayIdOf(content: OutputMessage['content']): string | undefined {
  const { transient } = content;
  const id = isRecord(transient) ? transient['display_id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

function withBundle(
  output: CellOutput,
  data: Readonly<Record<string, unknown>>,
  metadata: Readonly<Record<string, unknown>>,
): CellOutput {
  if (output.output_type !== 'display_data' && output.output_type !== 'execute_result')
    return output;
  return { ...output, data: toBundle(data), metadata };
}

/** About the size in the file; strings dominate, so what stands around them is not counted. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), 0);
  if (!isRecord(value)) return 8;
  return Object.values(value).reduce((sum: number, item) => sum + sizeOf(item), 0);
}

/** As much as fits into so many bytes of UTF-8, and never half of a letter. */
function cutAt(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}
