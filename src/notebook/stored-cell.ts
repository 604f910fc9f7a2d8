/** One cell as it stands in the file, byte for byte, and what becomes of the bytes when something in it changes. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { CellOutput, CellType, CellView } from './contract.ts';
import { elementsOf, memberNamed, membersOf, type Span } from './json-spans.ts';
import { lineBreak, renderJson, setMember, type JsonStyle } from './json-style.ts';
import { parseJson } from './lenient-json.ts';
import { fromOutput, joinLines, splitLines, toCount, toOutput } from './output-json.ts';

/** How the cells of one file are written. */
export interface CellFormat {
  readonly json: JsonStyle;
  /** Whether texts are lists of lines, as Jupyter writes them, or single strings. */
  readonly linesAsLists: boolean;
  /** Outputs that stand in the file already, with their bytes, so that an unchanged one is never written anew. */
  readonly written: WeakMap<CellOutput, Buffer>;
}

export interface CellChanges {
  /** Written into the file, so only for files that have ids. */
  readonly id?: string;
  readonly source?: string;
  readonly outputs?: readonly CellOutput[];
  readonly executionCount?: number | null;
}

interface Fields {
  readonly id: string;
  readonly type: CellType;
  readonly source: string;
  readonly executionCount: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The cell's text with the white space around it, and where the cell itself starts and ends in it. */
interface Text {
  readonly padded: Buffer;
  readonly value: Span;
}

/** Cells stand this deep in a notebook: the object, its list `cells`, the cell. */
const CELL_DEPTH = 2;

/** Immutable. A changed cell is a new one, whose bytes are made when somebody wants to write them. */
export class StoredCell {
  readonly id: string;
  readonly type: CellType;
  readonly source: string;
  readonly executionCount: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly #format: CellFormat;
  #text: Text;
  #changes: CellChanges | undefined;
  #outputs: WeakRef<readonly CellOutput[]> | undefined;

  private constructor(
    fields: Fields,
    format: CellFormat,
    text: Text,
    changes: CellChanges | undefined,
  ) {
    this.id = fields.id;
    this.type = fields.type;
    this.source = fields.source;
    this.executionCount = fields.executionCount;
    this.metadata = fields.metadata;
    this.#format = format;
    this.#text = text;
    this.#changes = changes;
  }

  /**
   * @param padded from the separator before the cell to the one behind it
   * @param value where the cell stands in `padded`
   * @throws GloveboxError `notebook/invalid`, JsonTextError or SyntaxError when it is no cell; its `id` is then not looked at.
   */
  static parse(padded: Buffer, value: Span, format: CellFormat): StoredCell {
    const raw = parseJson(padded.toString('utf8', value.start, value.end));
    if (!isRecord(raw)) throw new GloveboxError('notebook/invalid', 'a cell is no object');
    const type = raw['cell_type'];
    if (type !== 'code' && type !== 'markdown' && type !== 'raw') {
      throw new GloveboxError('notebook/invalid', `a cell has the type ${JSON.stringify(type)}`);
    }
    const source = joinLines(raw['source']);
    if (source === undefined) throw new GloveboxError('notebook/invalid', 'a cell has no source');
    const fields: Fields = {
      id: typeof raw['id'] === 'string' ? raw['id'] : '',
      type,
      source,
      executionCount: type === 'code' ? toCount(raw['execution_count']) : null,
      metadata: isRecord(raw['metadata']) ? raw['metadata'] : {},
    };
    return new StoredCell(fields, format, { padded, value }, undefined);
  }

  /** A cell that is in no file yet. `writtenId` is left out in files whose cells have no ids. */
  static make(
    cell: Pick<Fields, 'id' | 'type' | 'source' | 'metadata'>,
    format: CellFormat,
    writtenId: string | undefined,
  ): StoredCell {
    const { type, source, metadata } = cell;
    const members = {
      cell_type: type,
      ...(type === 'code' && { execution_count: null, outputs: [] }),
      ...(writtenId !== undefined && { id: writtenId }),
      metadata,
      source: format.linesAsLists ? splitLines(source) : source,
    };
    const before = lineBreak(format.json, CELL_DEPTH);
    const padded = Buffer.from(before + renderJson(members, format.json, CELL_DEPTH));
    const value = { start: Buffer.byteLength(before), end: padded.length };
    return new StoredCell({ ...cell, executionCount: null }, format, { padded, value }, undefined);
  }

  /** The bytes of the cell with the white space around it. The same buffer each time. */
  get padded(): Buffer {
    return this.#written().padded;
  }

  /** Of code; empty for all others. Kept only as long as somebody uses it. */
  get outputs(): readonly CellOutput[] {
    if (this.#changes?.outputs !== undefined) return this.#changes.outputs;
    const known = this.#outputs?.deref();
    if (known !== undefined) return known;
    const outputs = this.type === 'code' ? this.#readOutputs() : [];
    this.#outputs = new WeakRef(outputs);
    return outputs;
  }

  with(changes: CellChanges): StoredCell {
    const fields: Fields = {
      id: changes.id ?? this.id,
      type: this.type,
      source: changes.source ?? this.source,
      executionCount:
        changes.executionCount === undefined ? this.executionCount : changes.executionCount,
      metadata: this.metadata,
    };
    return new StoredCell(fields, this.#format, this.#text, { ...this.#changes, ...changes });
  }

  /** The same cell under a name that is not written into the file. */
  named(id: string): StoredCell {
    const { type, source, executionCount, metadata } = this;
    const fields = { id, type, source, executionCount, metadata };
    const cell = new StoredCell(fields, this.#format, this.#text, this.#changes);
    cell.#outputs = this.#outputs;
    return cell;
  }

  view(index: number): CellView {
    const read = (): readonly CellOutput[] => this.outputs;
    return {
      id: this.id,
      index,
      type: this.type,
      source: this.source,
      get outputs() {
        return read();
      },
      executionCount: this.executionCount,
      metadata: this.metadata,
    };
  }

  #written(): Text {
    const changes = this.#changes;
    if (changes === undefined) return this.#text;
    const { padded, value } = this.#text;
    const bytes = this.#apply(padded.subarray(value.start, value.end), changes);
    this.#text = {
      padded: Buffer.concat([padded.subarray(0, value.start), bytes, padded.subarray(value.end)]),
      value: { start: value.start, end: value.start + bytes.length },
    };
    this.#changes = undefined;
    if (changes.outputs !== undefined) this.#outputs = new WeakRef(changes.outputs);
    return this.#text;
  }

  #apply(cell: Buffer, changes: CellChanges): Buffer {
    const { json, linesAsLists } = this.#format;
    let bytes = cell;
    const set = (key: string, value: Buffer): void => {
      bytes = setMember(bytes, key, value, json, CELL_DEPTH);
    };
    const setJson = (key: string, value: unknown): void =>
      set(key, Buffer.from(renderJson(value, json, CELL_DEPTH + 1)));
    if (changes.id !== undefined) setJson('id', changes.id);
    if (changes.source !== undefined) {
      const found = memberNamed(membersOf(bytes, 0).members, 'source');
      const wasList = found !== undefined && bytes[found.value.start] === 0x5b;
      const isList = found === undefined ? linesAsLists : wasList;
      setJson('source', isList ? splitLines(changes.source) : changes.source);
    }
    if (changes.executionCount !== undefined) setJson('execution_count', changes.executionCount);
    if (changes.outputs !== undefined) set('outputs', this.#renderOutputs(changes.outputs));
    return bytes;
  }

  #renderOutputs(outputs: readonly CellOutput[]): Buffer {
    if (outputs.length === 0) return Buffer.from('[]');
    const { json } = this.#format;
    const separator = json.newline === '' && json.spaced ? ', ' : ',';
    const parts: Buffer[] = [];
    for (const output of outputs) {
      const before = parts.length === 0 ? '[' : separator;
      parts.push(Buffer.from(before + lineBreak(json, CELL_DEPTH + 2)), this.#renderOutput(output));
    }
    parts.push(Buffer.from(`${lineBreak(json, CELL_DEPTH + 1)}]`));
    return Buffer.concat(parts);
  }

  #renderOutput(output: CellOutput): Buffer {
    const { json, linesAsLists, written } = this.#format;
    const known = written.get(output);
    if (known !== undefined) return known;
    const text = renderJson(fromOutput(output, linesAsLists), json, CELL_DEPTH + 2);
    const bytes = Buffer.from(text);
    written.set(output, bytes);
    return bytes;
  }

  #readOutputs(): readonly CellOutput[] {
    const { padded, value } = this.#text;
    const found = memberNamed(membersOf(padded, value.start).members, 'outputs');
    if (found === undefined || padded[found.value.start] !== 0x5b) return [];
    return elementsOf(padded, found.value.start).elements.map(({ start, end }) => {
      const output = toOutput(parseJson(padded.toString('utf8', start, end)));
      this.#format.written.set(output, padded.subarray(start, end));
      return output;
    });
  }
}
