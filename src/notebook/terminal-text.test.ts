/** O1: text as a terminal leaves it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalText } from './terminal-text.ts';

const ESC = '\u001b';

function show(...chunks: readonly string[]): string {
  const terminal = new TerminalText();
  for (const chunk of chunks) terminal.write(chunk);
  return terminal.snapshot.text;
}

describe('text', () => {
  it.each([
    ['plain lines', 'a\nb\n', 'a\nb\n'],
    ['CRLF', 'a\r\nb\r\n', 'a\nb\n'],
    ['a bar', ' 10%\r 20%\r100%\n', '100%\n'],
    ['a shorter update', 'loading...\rdone', 'doneing...'],
    ['a longer update', 'ab\rcdef', 'cdef'],
    ['a bare return', 'abc\r', 'abc'],
    ['a return and a newline later', 'abc\rd\n', 'dbc\n'],
    ['backspaces', 'abc\b\bX', 'aXc'],
    ['backspaces at the start', '\b\ba', 'a'],
    ['ESC[K', `abcdef\rxy${ESC}[K`, 'xy'],
    ['ESC[0K', `abcdef\rxy${ESC}[0K`, 'xy'],
    ['ESC[1K', `abcdef\rxyz${ESC}[1K`, '    ef'],
    ['ESC[2K', `abcdef\r${ESC}[2Kxy`, 'xy'],
    ['ESC[2K without a return', `abc${ESC}[2Kd`, '   d'],
    ['cursor up', `one\ntwo\n${ESC}[2AONE\n\nthree`, 'ONE\ntwo\nthree'],
    ['cursor up in its column', `abc\nde${ESC}[AX`, 'abX\nde'],
    ['cursor up beyond the line', `a\nbcd${ESC}[AX`, 'a  X\nbcd'],
    ['cursor up above the start', `a\nb\r${ESC}[9AX`, 'X\nb'],
    ['cursor down', `a\nb\r${ESC}[A${ESC}[BX`, 'a\nX'],
    ['cursor to the side', `abcd${ESC}[2DX${ESC}[1CY${ESC}[1GZ`, 'ZbXdY'],
    ['nested bars', `A 0\nB 0${ESC}[A\rA 1\n\rB 1${ESC}[A\rA 2\n\rB 2\n`, 'A 2\nB 2\n'],
    ['letters of two units', '\u{1f600}\u{1f601}\b\bab', 'ab'],
    ['colours', `${ESC}[31mred${ESC}[0m\n`, `${ESC}[31mred${ESC}[0m\n`],
    [
      'redundant colours of a line that only grows',
      `${ESC}[0;0m${ESC}[1ma${ESC}[22;39m`,
      `${ESC}[0;0m${ESC}[1ma${ESC}[22;39m`,
    ],
    ['a coloured bar', `${ESC}[32m10%${ESC}[0m\r${ESC}[32m20%${ESC}[0m`, `${ESC}[32m20%${ESC}[0m`],
    ['half of a coloured line', `${ESC}[31mabcd${ESC}[0m\rXY`, `XY${ESC}[31mcd${ESC}[0m`],
    ['a colour that goes on', `abc\r${ESC}[34mX\nY`, `${ESC}[34mX${ESC}[0mbc${ESC}[34m\nY`],
    ['a colour behind a return', `abc\r${ESC}[34m\nY`, `abc${ESC}[34m\nY`],
    ['long colours', `${ESC}[38;5;9;1ma\b${ESC}[39mb`, `${ESC}[1mb`],
    ['true colours', `${ESC}[48;2;1;2;3ma\bb`, `${ESC}[48;2;1;2;3mb`],
    [
      'links',
      `${ESC}]8;;http://a${ESC}\\x${ESC}]8;;\u0007`,
      `${ESC}]8;;http://a${ESC}\\x${ESC}]8;;\u0007`,
    ],
    ['other sequences', `${ESC}[?25la\n${ESC}(Bb`, `${ESC}[?25la\n${ESC}(Bb`],
    ['a lone escape', `a${ESC}`, `a${ESC}`],
    ['an escape before a newline', `a${ESC}\nb`, `a${ESC}\nb`],
  ])('with %s', (_, text, expected) => {
    expect(show(text)).toBe(expected);
    expect(show(...text.split(''))).toBe(expected);
  });

  it('X56: of ten thousand updates is one line', () => {
    const terminal = new TerminalText();
    for (let step = 0; step < 10_000; step += 1) terminal.write(`\r${step}/9999 [####    ]`);
    expect(terminal.snapshot.text).toBe('9999/9999 [####    ]');
    expect(terminal.byteLength).toBe(20);
  });

  it('is not reached more than fifty lines back', () => {
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index}`);
    const after = show(`${lines.join('\n')}\r${ESC}[99AX`).split('\n');
    expect(after.indexOf('Xine 10')).toBe(10);
    expect(after.filter((line, index) => line !== `line ${index}`)).toEqual(['Xine 10']);
  });

  it('keeps what was overwritten when it leaves the last fifty lines', () => {
    const text = `${ESC}[31mabc\rX${ESC}[0m\n${'\n'.repeat(80)}end`;
    expect(show(text)).toBe(`${ESC}[31mXbc${ESC}[0m\n${'\n'.repeat(80)}end`);
  });
});

type Look = Readonly<Record<string, string>>;

const without = (look: Look, key: string): Look =>
  Object.fromEntries(Object.entries(look).filter(([name]) => name !== key));

/** What a code does, for the few that the tests use. */
const CODES: Readonly<Record<string, (look: Look) => Look>> = {
  '': () => ({}),
  '0': () => ({}),
  '1': (look) => ({ ...look, bold: '1' }),
  '22': (look) => without(look, 'bold'),
  '31': (look) => ({ ...look, front: '31' }),
  '32': (look) => ({ ...look, front: '32' }),
  '39': (look) => without(look, 'front'),
  '38;5;7': (look) => ({ ...look, front: '7' }),
  '44': (look) => ({ ...look, back: '44' }),
};
const STEP = new RegExp(`${ESC}\\[([0-9;]*)([ABKm])|[^]`, 'gu');

/** A grid of letters with their looks, written without any thought of speed. */
function grid(text: string): readonly (readonly { letter: string; look: Look }[])[] {
  const rows: { letter: string; look: Look }[][] = [[]];
  let row = 0;
  let column = 0;
  let look: Look = {};
  const blank = { letter: ' ', look: {} };
  for (const [token, amount = '', command] of text.matchAll(STEP)) {
    const line = rows[row] ?? [];
    if (token === '\n') {
      row += 1;
      column = 0;
      rows[row] ??= [];
    } else if (token === '\r') column = 0;
    else if (token === '\b') column = Math.max(0, column - 1);
    else if (command === 'm')
      for (const code of amount.match(/38;5;7|\d+/g) ?? ['']) look = CODES[code]?.(look) ?? look;
    else if (command === 'A') row = Math.max(0, row - Math.max(1, Number(amount)));
    else if (command === 'B') row = Math.min(rows.length - 1, row + Math.max(1, Number(amount)));
    else if (command === 'K' && amount === '2') line.length = 0;
    else if (command === 'K' && amount === '1')
      line.splice(0, column + 1, ...line.slice(0, column + 1).map(() => blank));
    else if (command === 'K') line.length = Math.min(line.length, column);
    else {
      while (line.length < column) line.push(blank);
      line[column] = { letter: token, look };
      column += 1;
    }
  }
  return rows;
}

const reference = (text: string): string =>
  grid(text)
    .map((line) => line.map(({ letter }) => letter).join(''))
    .join('\n');

/** Blanks have no look: nobody sees it. */
const looks = (text: string): unknown =>
  grid(text).map((line) => line.map((cell) => (cell.letter === ' ' ? ' ' : cell)));

const pieces = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.stringMatching(/^[a-z ]{0,6}$/) },
    fc.constantFrom(
      '\n',
      '\r',
      '\b',
      '\r\n',
      '\u{1f600}',
      'é',
      `${ESC}[A`,
      `${ESC}[2A`,
      `${ESC}[B`,
      `${ESC}[K`,
      `${ESC}[1K`,
      `${ESC}[2K`,
    ),
  ),
  { maxLength: 30 },
);
const colour = fc.constantFrom('0', '', '1', '31', '32;1', '39', '38;5;7', '44', '22');

describe('any text', () => {
  it('is what a simple terminal shows, however it is cut into chunks', () => {
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(40)), (parts, cuts) => {
        const text = parts.join('');
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const chunks = places.slice(1).map((end, index) => text.slice(places[index] ?? 0, end));
        expect(show(...chunks)).toBe(reference(text));
        expect(show(text)).toBe(reference(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('X50: has each letter in its colour', () => {
    const part = fc.tuple(
      colour,
      pieces.map((parts) => parts.slice(0, 4).join('')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = parts.map(([code, letters]) => `${ESC}[${code}m${letters}`).join('');
        expect(looks(show(text))).toEqual(looks(text));
        expect(looks(show(...text.split('')))).toEqual(looks(text));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps its size in bytes', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const terminal = new TerminalText();
        for (const part of parts) terminal.write(part);
        expect(terminal.byteLength).toBe(Buffer.byteLength(terminal.snapshot.text));
      }),
    );
  });
});
