/** Text as a terminal leaves it: carriage returns, backspaces, erased lines and moves upwards applied, colours kept. */

/** How far back a cursor can go; older lines are final. */
const LIVE_LINES = 50;
const CONTROL = /[\r\b]|\u001b\[[\d;]*[A-DGK]/;
/** Printable run, or one control. Colour codes (`m`) and unknown sequences are kept as zero-width text. */
const TOKEN = /\u001b\[([\d;?]*)([@-~])|\r\n|[\r\n\b]|[^\u001b\r\n\b]+|\u001b/g;
const UNFINISHED = /\u001b(\[[\d;?]{0,16})?$/;
/** A plain chunk of this size is not worth a place on the screen. */
const LARGE_CHUNK = 4096;

/** One line as cells: what stands in a column, with the codes before it. */
type Line = string[];

/** Streaming and linear in what is written, however often a line is overwritten. */
export class TerminalText {
  /** Final text; the cursor is behind it unless there is a screen. */
  #pieces: string[] = [];
  #screen: Screen | undefined;
  #partial = '';

  write(chunk: string): void {
    let text = this.#partial + chunk;
    this.#partial = UNFINISHED.exec(text)?.[0] ?? '';
    if (this.#partial !== '') text = text.slice(0, -this.#partial.length);
    if (text.includes('\r\n')) text = text.replaceAll('\r\n', '\n');
    const isPlain = !CONTROL.test(text);
    if (
      isPlain &&
      (this.#screen === undefined || (text.length > LARGE_CHUNK && this.#screen.isAtEnd))
    ) {
      this.#leaveScreen();
      this.#pieces.push(text);
      return;
    }
    this.#screen ??= this.#enterScreen();
    this.#screen.write(text);
    this.#pieces.push(...this.#screen.scrolled.splice(0));
  }

  /** Everything so far. */
  get text(): string {
    if (this.#pieces.length > 1) this.#pieces = [this.#pieces.join('')];
    return (this.#pieces[0] ?? '') + (this.#screen?.text ?? '') + this.#partial;
  }

  #leaveScreen(): void {
    if (this.#screen === undefined) return;
    this.#pieces.push(this.#screen.text);
    this.#screen = undefined;
  }

  /** Takes the last lines back from what is final. */
  #enterScreen(): Screen {
    const taken: string[] = [];
    let lines = 0;
    while (this.#pieces.length > 0 && lines < LIVE_LINES) {
      const piece = this.#pieces.pop() ?? '';
      taken.unshift(piece);
      lines += countNewlines(piece, LIVE_LINES);
    }
    const all = taken.join('');
    let start = all.length;
    for (let count = 0; count < LIVE_LINES && start > 0; count += 1)
      start = all.lastIndexOf('\n', start - 2) + 1;
    if (start > 0) this.#pieces.push(all.slice(0, start));
    return new Screen(all.slice(start));
  }
}

function countNewlines(text: string, enough: number): number {
  let count = 0;
  for (
    let at = text.lastIndexOf('\n');
    at >= 0 && count < enough;
    at = at === 0 ? -1 : text.lastIndexOf('\n', at - 1)
  )
    count += 1;
  return count;
}

class Screen {
  /** Lines that have left the screen, with their newlines, to be fetched. */
  readonly scrolled: string[] = [];
  readonly #lines: Line[];
  #row: number;
  #column: number;
  #codes = '';

  constructor(text: string) {
    this.#lines = text.split('\n').map(toCells);
    this.#row = this.#lines.length - 1;
    this.#column = this.#lines.at(-1)?.length ?? 0;
  }

  get isAtEnd(): boolean {
    return (
      this.#row === this.#lines.length - 1 && this.#column >= (this.#lines.at(-1)?.length ?? 0)
    );
  }

  get text(): string {
    return this.#lines.map((line) => line.join('')).join('\n') + this.#codes;
  }

  write(text: string): void {
    for (const [token, parameters, final] of text.matchAll(TOKEN)) {
      if (token === '\n' || token === '\r\n') this.#newline();
      else if (token === '\r') this.#return();
      else if (token === '\b') this.#column = Math.max(0, this.#column - 1);
      else if (final !== undefined && parameters !== undefined)
        this.#control(token, parameters, final);
      else this.#print(token);
    }
  }

  get #line(): Line {
    const line = this.#lines[this.#row] ?? [];
    this.#lines[this.#row] = line;
    return line;
  }

  /** Codes that nothing followed belong to the line they were written on. */
  #settleCodes(): void {
    if (this.#codes === '') return;
    const line = this.#line;
    const last = Math.min(this.#column, line.length) - 1;
    if (last >= 0) line[last] = (line[last] ?? '') + this.#codes;
    else line[0] = this.#codes + (line[0] ?? '');
    this.#codes = '';
  }

  #newline(): void {
    this.#settleCodes();
    this.#row += 1;
    this.#column = 0;
    if (this.#row < this.#lines.length) return;
    this.#lines.push([]);
    while (this.#lines.length > LIVE_LINES) {
      this.scrolled.push(`${(this.#lines.shift() ?? []).join('')}\n`);
      this.#row -= 1;
    }
  }

  #return(): void {
    this.#settleCodes();
    this.#column = 0;
  }

  #print(text: string): void {
    const line = this.#line;
    for (const char of text) {
      while (line.length < this.#column) line.push(' ');
      line[this.#column] = this.#codes + char;
      this.#codes = '';
      this.#column += 1;
    }
  }

  #control(token: string, parameters: string, final: string): void {
    const amount = Math.max(1, Number.parseInt(parameters, 10) || 1);
    if (final === 'K') this.#erase(Number.parseInt(parameters, 10) || 0);
    else if (final === 'A') this.#row = Math.max(0, this.#row - amount);
    else if (final === 'B') this.#row = Math.min(this.#lines.length - 1, this.#row + amount);
    else if (final === 'C') this.#column += amount;
    else if (final === 'D') this.#column = Math.max(0, this.#column - amount);
    else if (final === 'G') this.#column = amount - 1;
    else this.#codes += token;
  }

  /** 0: to the end of the line, 1: to its beginning, 2: all of it. */
  #erase(mode: number): void {
    const line = this.#line;
    if (mode === 2) line.length = 0;
    else if (mode === 0) line.length = Math.min(line.length, this.#column);
    else line.fill(' ', 0, this.#column + 1);
  }
}

function toCells(text: string): Line {
  const cells: Line = [];
  let codes = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token.startsWith('\u001b')) codes += token;
    else {
      for (const char of token) {
        cells.push(codes + char);
        codes = '';
      }
    }
  }
  if (codes !== '') cells[Math.max(0, cells.length - 1)] = (cells.at(-1) ?? '') + codes;
  return cells;
}
