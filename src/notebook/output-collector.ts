/** Gathers what a kernel sends for one cell into the outputs that a notebook stores. */
import { isRecord } from '#core/json.ts';
import type { CellOutput, MimeBundle } from './contract.ts';
import { TerminalText } from './terminal-text.ts';

/** One iopub message; any other type is left alone. */
export interface OutputMessage {
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
}

export interface OutputCollector {
  /** In the order they came; the same array as long as nothing changed. */
  readonly outputs: readonly CellOutput[];
  /** Which outputs a display id has made. */
  readonly displays: ReadonlyMap<string, readonly number[]>;
  /** Text that came after the cell was full. */
  readonly droppedBytes: number;
  add(message: OutputMessage): void;
}

/** `maxBytes` of text and data for the cell (O5); what comes after it is counted and left out. */
export function createOutputCollector(
  options: { readonly maxBytes?: number } = {},
): OutputCollector {
  return new Collector(options.maxBytes ?? Number.POSITIVE_INFINITY);
}

/** A stream that still grows, or a finished output. */
type Entry =
  | { readonly name: 'stdout' | 'stderr'; readonly terminal: TerminalText }
  | { output: CellOutput };

class Collector implements OutputCollector {
  droppedBytes = 0;
  readonly #maxBytes: number;
  #bytes = 0;
  #entries: Entry[] = [];
  #displays = new Map<string, number[]>();
  #clearOnNext = false;
  #rendered: readonly CellOutput[] | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get displays(): ReadonlyMap<string, readonly number[]> {
    return this.#displays;
  }

  get outputs(): readonly CellOutput[] {
    this.#rendered ??= this.#entries.map(toOutput);
    return this.#rendered;
  }

  add({ type, content }: OutputMessage): void {
    switch (type) {
      case 'stream':
        return this.#addStream(content);
      case 'display_data':
      case 'execute_result':
      case 'error':
        return this.#addOutput(type, content);
      case 'update_display_data':
        return this.#update(content);
      case 'clear_output':
        if (content['wait'] === true) this.#clearOnNext = true;
        else this.#clear();
        return;
      default:
    }
  }

  #clear(): void {
    this.#entries = [];
    this.#displays = new Map();
    this.#clearOnNext = false;
    this.#bytes = 0;
    this.#rendered = undefined;
  }

  #addStream(content: OutputMessage['content']): void {
    const { text } = content;
    if (typeof text !== 'string' || text === '') return;
    if (this.#clearOnNext) this.#clear();
    const room = this.#room(text.length);
    if (room < text.length)
      this.droppedBytes += Buffer.byteLength(text) - Buffer.byteLength(cutAt(text, room));
    if (room === 0) return;
    const name = content['name'] === 'stderr' ? 'stderr' : 'stdout';
    const last = this.#entries.at(-1);
    const isSame = last !== undefined && 'terminal' in last && last.name === name;
    const entry = isSame ? last : ({ name, terminal: new TerminalText() } as const);
    if (!isSame) this.#entries.push(entry);
    entry.terminal.write(cutAt(text, room));
    this.#rendered = undefined;
  }

  #addOutput(
    type: 'display_data' | 'execute_result' | 'error',
    content: OutputMessage['content'],
  ): void {
    if (this.#clearOnNext) this.#clear();
    const output = parseOutput(type, content);
    const size = sizeOf(output);
    if (this.#room(size) < size) {
      this.droppedBytes += size;
      return;
    }
    this.#entries.push({ output });
    this.#rendered = undefined;
    const displayId = displayIdOf(content);
    if (displayId === undefined) return;
    const indexes = this.#displays.get(displayId) ?? [];
    this.#displays.set(displayId, [...indexes, this.#entries.length - 1]);
  }

  #update(content: OutputMessage['content']): void {
    const indexes = this.#displays.get(displayIdOf(content) ?? '') ?? [];
    for (const index of indexes) {
      const entry = this.#entries[index];
      if (entry === undefined || !('output' in entry)) continue;
      entry.output = withBundle(entry.output, content);
      this.#rendered = undefined;
    }
  }

  /** How much of `size` still fits; it is taken. */
  #room(size: number): number {
    const room = Math.max(0, Math.min(size, this.#maxBytes - this.#bytes));
    this.#bytes += room;
    return room;
  }
}

/** The outputs of an earlier cell after an `update_display_data` for those of them at `indexes`. */
export function applyDisplayUpdate(
  outputs: readonly CellOutput[],
  indexes: readonly number[],
  data: Readonly<Record<string, unknown>>,
  metadata: Readonly<Record<string, unknown>>,
): readonly CellOutput[] {
  return outputs.map((output, index) =>
    indexes.includes(index) ? withBundle(output, { data, metadata }) : output,
  );
}

function toOutput(entry: Entry): CellOutput {
  if ('output' in entry) return entry.output;
  return { output_type: 'stream', name: entry.name, text: entry.terminal.text };
}

function displayIdOf(content: OutputMessage['content']): string | undefined {
  const { transient } = content;
  const id = isRecord(transient) ? transient['display_id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

const bundleOf = (value: unknown): MimeBundle => (isRecord(value) ? value : {});

function parseOutput(
  type: 'display_data' | 'execute_result' | 'error',
  content: OutputMessage['content'],
): CellOutput {
  if (type === 'error') {
    const traceback = content['traceback'];
    return {
      output_type: 'error',
      ename: String(content['ename'] ?? 'Error'),
      evalue: String(content['evalue'] ?? ''),
      traceback: Array.isArray(traceback) ? traceback.map(String) : [],
    };
  }
  const data = bundleOf(content['data']);
  const metadata = bundleOf(content['metadata']);
  if (type === 'display_data') return { output_type: type, data, metadata };
  const count = content['execution_count'];
  return {
    output_type: type,
    data,
    metadata,
    execution_count: typeof count === 'number' ? count : null,
  };
}

function withBundle(output: CellOutput, content: OutputMessage['content']): CellOutput {
  if (output.output_type !== 'display_data' && output.output_type !== 'execute_result')
    return output;
  return { ...output, data: bundleOf(content['data']), metadata: bundleOf(content['metadata']) };
}

/** About the size in the file; strings dominate, so the structure around them is not counted. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), 0);
  if (!isRecord(value)) return 8;
  return Object.values(value).reduce((sum: number, item) => sum + sizeOf(item), 0);
}

/** Never in the middle of a surrogate pair. */
function cutAt(text: string, length: number): string {
  if (length >= text.length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? length - 1 : length);
}
