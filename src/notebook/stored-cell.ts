/** One cell as it stands in the file, byte for byte, and what becomes of the bytes when something in it changes. */
import { GloveboxError } from '#core/errors.ts';
import { isRecord } from '#core/json.ts';
import type { CellOutput, CellType, CellView } from './contract.ts';
import { elementsOf, memberNamed, membersOf, type Span } from './json-spans.ts';
import { lineBreak, placeOfMember, renderJson, setMember, type JsonStyle } from './json-style.ts';
import { ByteWriter } from './byte-writer.ts';
import { piecesOf } from './growing-text.ts';
import { expectedBytes, isLong, renderLongText } from './long-text.ts';
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

/** An output on its way into the file: about how long it will be, and the bytes themselves. */
interface Rendered {
  readonly length: number;
  writeTo(writer: ByteWriter): void;
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
  /** Whether the outputs are these very objects. False also when nobody remembers: nothing is read to find out. */
  isKnownToHold(outputs: readonly CellOutput[]): boolean {
    const known = this.#changes?.outputs ?? this.#outputs?.deref();
    return (
      known?.length === outputs.length && known.every((output, index) => output === outputs[index])
    );
  }

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
    const head = padded.subarray(0, value.start);
    const tail = padded.subarray(value.end);
    const cell = this.#withFields(padded.subarray(value.start, value.end), changes);
    const bytes =
      changes.outputs === undefined
        ? Buffer.concat([head, cell, tail])
        : this.#withOutputs(cell, changes.outputs, head, tail);
    this.#text = {
      padded: bytes,
      value: { start: head.length, end: bytes.length - tail.length },
    };
    this.#changes = undefined;
    if (changes.outputs !== undefined) this.#outputs = new WeakRef(changes.outputs);
    return this.#text;
  }

  #withFields(cell: Buffer, changes: CellChanges): Buffer {
    const { json, linesAsLists } = this.#format;
    let bytes = cell;
    const setJson = (key: string, value: unknown): void => {
      const rendered = Buffer.from(renderJson(value, json, CELL_DEPTH + 1));
      bytes = setMember(bytes, key, rendered, json, CELL_DEPTH);
    };
    if (changes.id !== undefined) setJson('id', changes.id);
    if (changes.source !== undefined) {
      const found = memberNamed(membersOf(bytes, 0).members, 'source');
      const wasList = found !== undefined && bytes[found.value.start] === 0x5b;
      const isList = found === undefined ? linesAsLists : wasList;
      setJson('source', isList ? splitLines(changes.source) : changes.source);
    }
    if (changes.executionCount !== undefined) setJson('execution_count', changes.executionCount);
    return bytes;
  }

  /** Written in one go, because outputs can be large: `head`, the cell with these outputs, `tail`. */
  #withOutputs(cell: Buffer, outputs: readonly CellOutput[], head: Buffer, tail: Buffer): Buffer {
    const { json, written } = this.#format;
    const { before, after } = placeOfMember(cell, 'outputs', json, CELL_DEPTH);
    const rendered = outputs.map((output) => this.#renderOutput(output));
    const separator = json.newline === '' && json.spaced ? ', ' : ',';
    const gap = separator + lineBreak(json, CELL_DEPTH + 2);
    let expected = head.length + cell.length + tail.length + gap.length * (outputs.length + 2);
    for (const it of rendered) expected += it.length;
    const writer = new ByteWriter(expected);
    for (const part of [head, ...before, '[']) writer.write(part);
    const spans: Span[] = [];
    for (const [index, output] of rendered.entries()) {
      writer.write(index === 0 ? gap.slice(separator.length) : gap);
      const start = writer.length;
      output.writeTo(writer);
      spans.push({ start, end: writer.length });
    }
    writer.write(outputs.length === 0 ? ']' : `${lineBreak(json, CELL_DEPTH + 1)}]`);
    for (const part of [...after, tail]) writer.write(part);
    const bytes = writer.finish();
    for (const [index, output] of outputs.entries()) {
      written.set(output, bytes.subarray(spans[index]?.start, spans[index]?.end));
    }
    return bytes;
  }

  #renderOutput(output: CellOutput): Rendered {
    const { json, linesAsLists, written } = this.#format;
    const depth = CELL_DEPTH + 2;
    const known = written.get(output);
    if (known !== undefined)
      return { length: known.length, writeTo: (writer) => writer.write(known) };
    const pieces = output.output_type === 'stream' && linesAsLists ? piecesOf(output) : [];
    if (isLong(pieces)) {
      const empty = Buffer.from(renderJson({ ...output, text: [] }, json, depth));
      const { before, after } = placeOfMember(empty, 'text', json, depth);
      return {
        length: empty.length + expectedBytes(pieces),
        writeTo(writer) {
          for (const part of before) writer.write(part);
          for (const piece of renderLongText(pieces, json, depth + 1)) writer.write(piece);
          for (const part of after) writer.write(part);
        },
      };
    }
    const bytes = Buffer.from(renderJson(fromOutput(output, linesAsLists), json, depth));
    return { length: bytes.length, writeTo: (writer) => writer.write(bytes) };
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
