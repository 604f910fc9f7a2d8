/** Text as a terminal leaves it: carriage returns, backspaces, erased lines and moves upwards applied, colours kept. */
import { PLAIN, styleAfter, type AnsiStyle } from './ansi-style.ts';
import { GrowingText, type TextSnapshot } from './growing-text.ts';
import { TerminalLine } from './terminal-line.ts';

/** How far back a cursor can go; older lines are final. */
const LIVE_LINES = 50;
/** From this size on it pays to look where the last lines of a chunk begin. */
const LARGE_CHUNK = 1024;
/** A sequence that is not finished after this many characters is none. */
const LONGEST_SEQUENCE = 2048;

const CONTROL = new RegExp(String.raw`[\r\b\u001b]`);
const TOKEN = new RegExp(
  String.raw`[\r\n\b]|\u001b\[([0-?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[ -/]*[0-Z\\^-~]|\u001b|[^\r\n\b\u001b]+`,
  'g',
);
/** A sequence, or half of a letter, whose rest may come with the next chunk. */
const UNFINISHED = new RegExp(
  String.raw`(?:\u001b(?:[ -/]*|\[[0-?]*[ -/]*|\][^\u0007\u001b]*\u001b?)|[\ud800-\udbff])$`,
);

/**
 * Streaming, and linear in what is written however often a line is overwritten: ten thousand updates of a progress bar
 * are one line. A column is one code point. `\r\n` is a newline. What only grows stays as it came, colours included;
 * in lines that were overwritten the colours of what is left are written anew, and other sequences are gone.
 */
export class TerminalText {
  /** Lines that no cursor reaches any more, with their ends. */
  readonly #final = new GrowingText();
  /** Of the lines below; counted when somebody asks. */
  #liveBytes: number | undefined = 0;
  #lines: TerminalLine[] = [new TerminalLine(PLAIN)];
  #row = 0;
  /** Behind the end of the last line when undefined, which spares counting its columns. */
  #column: number | undefined;
  #style: AnsiStyle = PLAIN;
  #unfinished = '';

  write(chunk: string): void {
    if (chunk === '') return;
    const text = this.#takeFinished(chunk);
    if (this.#column === undefined && !CONTROL.test(text)) return this.#appendLines(text);
    for (const [token, parameters, command] of text.matchAll(TOKEN)) {
      if (token === '\n') this.#newline();
      else if (token === '\r') this.#column = 0;
      else if (token === '\b') this.#column = Math.max(0, this.#columnNow() - 1);
      else if (!token.startsWith('\u001b')) this.#print(token);
      else if (parameters === undefined || !this.#move(parameters, command)) this.#sequence(token);
    }
  }

  /** Everything so far, whatever is written later. */
  get snapshot(): TextSnapshot {
    const live = this.#lines.map((line, index) => this.#render(line, index)).join('\n');
    return this.#final.with(live + this.#unfinished);
  }

  /** Of the text, in UTF-8, up to a few colour codes. */
  get byteLength(): number {
    if (this.#liveBytes === undefined) {
      this.#liveBytes = this.#lines.length - 1;
      for (const line of this.#lines) this.#liveBytes += line.byteLength;
    }
    return this.#final.byteLength + this.#liveBytes;
  }

  #takeFinished(chunk: string): string {
    const text = this.#unfinished + chunk;
    const isWhole = text.charCodeAt(text.length - 1) < 0xd800 && !text.includes('\u001b');
    const from = Math.max(0, text.length - LONGEST_SEQUENCE);
    const rest = isWhole ? '' : (UNFINISHED.exec(text.slice(from))?.[0] ?? '');
    this.#unfinished = rest;
    return rest === '' ? text : text.slice(0, -rest.length);
  }

  #render(line: TerminalLine, index: number): string {
    return line.render(this.#lines[index + 1]?.start ?? this.#style);
  }

  get #last(): TerminalLine {
    return this.#lines.at(-1) ?? new TerminalLine(this.#style);
  }

  get #current(): TerminalLine {
    return this.#lines[this.#row] ?? this.#last;
  }

  get #isLastRow(): boolean {
    return this.#row === this.#lines.length - 1;
  }

  #columnNow(): number {
    this.#column ??= this.#last.width;
    return this.#column;
  }

  /** Plain text behind everything: the many lines of a large chunk never become live. */
  #appendLines(text: string): void {
    const cut = text.length < LARGE_CHUNK ? 0 : startOfLastLines(text, LIVE_LINES);
    if (cut > 0) {
      this.#finish(this.#lines.length);
      this.#final.add(text.slice(0, cut));
      this.#lines = [new TerminalLine(this.#style)];
      this.#row = 0;
      this.#liveBytes = 0;
    }
    let from = cut;
    for (let at = text.indexOf('\n', cut); at !== -1; at = text.indexOf('\n', from)) {
      this.#appendToLast(text.slice(from, at));
      this.#newline();
      from = at + 1;
    }
    this.#appendToLast(text.slice(from));
  }

  #appendToLast(text: string): void {
    if (text === '') return;
    const last = this.#last;
    const before = last.byteLength;
    if (!last.append(text, this.#style)) last.overwrite(text, last.width, this.#style);
    if (this.#liveBytes !== undefined) this.#liveBytes += last.byteLength - before;
  }

  #print(text: string): void {
    if (this.#column === undefined) return this.#appendToLast(text);
    this.#liveBytes = undefined;
    if (this.#isLastRow && this.#column === 0 && this.#last.replace(text, this.#style)) {
      this.#column = undefined;
      return;
    }
    this.#column = this.#current.overwrite(text, this.#column, this.#style);
    if (this.#isLastRow && this.#column === this.#last.width) this.#column = undefined;
  }

  #newline(): void {
    if (!this.#isLastRow) {
      this.#row += 1;
      this.#column = 0;
      return;
    }
    this.#lines.push(new TerminalLine(this.#style));
    if (this.#liveBytes !== undefined) this.#liveBytes += 1;
    this.#column = undefined;
    if (this.#lines.length > LIVE_LINES) this.#finish(1);
    this.#row = this.#lines.length - 1;
  }

  /** A colour, or something that is kept where the line only grows and has no meaning elsewhere. */
  #sequence(token: string): void {
    this.#style = styleAfter(this.#style, token);
    if (this.#column !== undefined) return;
    this.#last.append(token, this.#style);
    this.#liveBytes = undefined;
  }

  /** @returns whether it was a command that moves the cursor or erases */
  #move(parameters: string, command: string | undefined): boolean {
    const amount = Math.max(1, Number.parseInt(parameters, 10) || 1);
    if (command === 'K') this.#erase(parameters);
    else if (command === 'A' || command === 'B') {
      this.#columnNow();
      const row = this.#row + (command === 'A' ? -amount : amount);
      this.#row = Math.min(this.#lines.length - 1, Math.max(0, row));
    } else if (command === 'C') this.#column = this.#columnNow() + amount;
    else if (command === 'D') this.#column = Math.max(0, this.#columnNow() - amount);
    else if (command === 'G') this.#column = amount - 1;
    else return false;
    return true;
  }

  #erase(mode: string): void {
    this.#liveBytes = undefined;
    if (mode === '1') this.#current.eraseTo(this.#columnNow());
    else if (mode === '2') {
      this.#columnNow();
      this.#current.eraseFrom(0);
    } else if (this.#column !== undefined) this.#current.eraseFrom(this.#column);
  }

  /** Makes the first live lines final. */
  #finish(count: number): void {
    for (let done = 0; done < count; done += 1) {
      const [line, next] = this.#lines;
      if (line === undefined) return;
      const bytes = line.byteLength;
      this.#final.add(
        next === undefined ? line.render(this.#style) : `${line.render(next.start)}\n`,
      );
      if (this.#liveBytes !== undefined) this.#liveBytes -= bytes + 1;
      this.#lines.shift();
    }
  }
}

/** Where the last lines begin; 0 when there are no more. */
function startOfLastLines(text: string, count: number): number {
  let at = text.length;
  for (let line = 0; line < count && at >= 0; line += 1) {
    at = at === 0 ? -1 : text.lastIndexOf('\n', at - 1);
  }
  return at + 1;
}
