import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPlainText } from './plain-text.ts';

const TRICKY = fc.constantFrom(
  '\u001b',
  '\u001b[',
  '\u001b]',
  '\u001b]8;;',
  '\u001bP',
  '\u001b\\',
  '\u009b',
  '\u0007',
  '31m',
  ';',
  '2K',
  '\r',
  '\n',
  '\b',
  '\0',
  '\u007f',
  '\ud83d',
  '\udc00',
  '😀',
  'a',
  'é',
  ' ',
);

describe('toPlainText', () => {
  it.each([
    ['colours', '\u001b[0;31mZeroDivisionError\u001b[0m: x', 'ZeroDivisionError: x'],
    ['a link', '\u001b]8;;http://a.b\u0007here\u001b]8;;\u0007', 'here'],
    ['cursor codes', 'a\u001b[2Kb\u001b[1A', 'ab'],
    ['a progress bar', ' 10%|#   |\r 50%|##  |\r100%|####|\n', '100%|####|\n'],
    ['a shorter last update', 'abcdef\rxy', 'xycdef'],
    ['windows line ends', 'a\r\nb\r\n', 'a\nb\n'],
    ['backspaces', 'abc\b\bX', 'aX'],
    ['a bell and a null', 'a\u0007b\u0000c', 'abc'],
    ['half a surrogate pair', 'a\ud83d b', 'a\ufffd b'],
    ['a backspace within what is written over a line', 'hello\rab\bc', 'acllo'],
    ['other scripts', 'äöü 漢字 😀\tx\n', 'äöü 漢字 😀\tx\n'],
  ])('shows %s as a terminal would', (_, text, shown) => {
    expect(toPlainText(text)).toBe(shown);
  });

  it('changes nothing a second time, and leaves no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: TRICKY, maxLength: 60 }), (text) => {
        const plain = toPlainText(text);
        expect(toPlainText(plain)).toBe(plain);
        expect(plain.replaceAll(/[\t\n]/g, '')).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
