/** One line of a terminal: its text as it came while it only grows, columns as soon as something in it is overwritten. */
import { renderTransition, styleAfter, type AnsiStyle } from './ansi-style.ts';

interface Columns {
  readonly chars: string[];
  readonly styles: AnsiStyle[];
}

/** A sequence takes no room on the line. */
const SEQUENCE = new RegExp(
  String.raw`\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-Z\\^-~])`,
  'g',
);
const HALF = /[\ud800-\udfff]/;

/** So that columns can be counted by the length. */
const isSimple = (text: string): boolean => !text.includes('\u001b') && !HALF.test(text);

export class TerminalLine {
  /** What is switched on where the line begins. */
  readonly start: AnsiStyle;
  #text = '';
  /** What is switched on behind the text. */
  #end: AnsiStyle;
  #columns: Columns | undefined;
  #bytes: number | undefined = 0;

  constructor(start: AnsiStyle) {
    this.start = start;
    this.#end = start;
  }

  /**
   * Adds behind everything, with sequences as they are.
   *
   * @param end what is switched on behind it
   * @returns false when the line is in columns
   */
  append(text: string, end: AnsiStyle): boolean {
    if (this.#columns !== undefined) return false;
    this.#text += text;
    this.#end = end;
    if (this.#bytes !== undefined) this.#bytes += Buffer.byteLength(text);
    return true;
  }

  /** Takes the place of the whole line, for which it must cover all of it. @returns whether it did */
  replace(text: string, style: AnsiStyle): boolean {
    if (style.code !== this.start.code || !isSimple(text)) return false;
    if (this.#columns === undefined && !isSimple(this.#text)) return false;
    if (text.length < (this.#columns?.chars.length ?? this.#text.length)) return false;
    this.#columns = undefined;
    this.#text = text;
    this.#end = style;
    this.#bytes = undefined;
    return true;
  }

  get width(): number {
    return this.#split().chars.length;
  }

  /** Prints over what is there. @returns the column behind it */
  overwrite(text: string, column: number, style: AnsiStyle): number {
    const { chars, styles } = this.#change();
    while (chars.length < column) {
      chars.push(' ');
      styles.push(this.start);
    }
    let at = column;
    for (const char of text) {
      chars[at] = char;
      styles[at] = style;
      at += 1;
    }
    return at;
  }

  /** Erases from a column on. */
  eraseFrom(column: number): void {
    const { chars, styles } = this.#change();
    chars.length = Math.min(chars.length, column);
    styles.length = chars.length;
  }

  /** Blanks up to a column and that one, too. */
  eraseTo(column: number): void {
    const { chars, styles } = this.#change();
    const end = Math.min(chars.length, column + 1);
    chars.fill(' ', 0, end);
    styles.fill(this.start, 0, end);
  }

  /** @param end what must be switched on behind the line */
  render(end: AnsiStyle): string {
    if (this.#columns === undefined) return this.#text + renderTransition(this.#end, end);
    const { chars, styles } = this.#columns;
    let text = '';
    let style = this.start;
    for (const [at, char] of chars.entries()) {
      const next = styles[at] ?? style;
      text += renderTransition(style, next) + char;
      style = next;
    }
    return text + renderTransition(style, end);
  }

  /** In UTF-8, but for a code at the end. */
  get byteLength(): number {
    this.#bytes ??= Buffer.byteLength(this.render(this.#end));
    return this.#bytes;
  }

  #change(): Columns {
    this.#bytes = undefined;
    return this.#split();
  }

  #split(): Columns {
    if (this.#columns !== undefined) return this.#columns;
    const chars: string[] = [];
    const styles: AnsiStyle[] = [];
    let style = this.start;
    let from = 0;
    const print = (text: string): void => {
      for (const char of text) {
        chars.push(char);
        styles.push(style);
      }
    };
    for (const match of this.#text.matchAll(SEQUENCE)) {
      print(this.#text.slice(from, match.index));
      style = styleAfter(style, match[0]);
      from = match.index + match[0].length;
    }
    print(this.#text.slice(from));
    this.#text = '';
    this.#columns = { chars, styles };
    return this.#columns;
  }
}
