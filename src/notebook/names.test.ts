/** D10: names of notebook files. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanName, notebookFileName } from './names.ts';

describe('D10: a name', () => {
  it.each([
    ['plain', 'plain'],
    ['with blanks inside', 'with blanks inside'],
    ['a/b\\c:d*e?f"g<h>i|j', 'a_b_c_d_e_f_g_h_i_j'],
    ['a\nb\tc\u0000d\u007f', 'a_b_c_d_'],
    ['a___b//c', 'a_b_c'],
    ['  .. dots and blanks . ', 'dots and blanks'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['e\u0301', 'é'],
    ['', 'unnamed'],
    ['...', 'unnamed'],
    ['CON', '_CON'],
    ['com1.txt', '_com1.txt'],
    ['Lpt9', '_Lpt9'],
    ['console', 'console'],
    ['nul', '_nul'],
    ['half \ud800 letter', 'half _ letter'],
    ['line\u2028separator', 'line_separator'],
  ])('%j becomes %j', (text, expected) => {
    expect(cleanName(text)).toBe(expected);
  });

  it('X82: is cut by bytes between letters', () => {
    expect(cleanName('漢'.repeat(200))).toBe('漢'.repeat(66));
    const family = '👩‍👩‍👧‍👦';
    expect(cleanName(family.repeat(20))).toBe(
      family.repeat(Math.floor(200 / Buffer.byteLength(family))),
    );
  });

  it('gets its extension once', () => {
    expect(notebookFileName('a')).toBe('a.ipynb');
    expect(notebookFileName('a.ipynb ')).toBe('a.ipynb');
    expect(notebookFileName('.ipynb')).toBe('unnamed.ipynb');
  });

  it('is always one that every file system takes, and clean is clean', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const name = cleanName(text);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(name).toMatch(/^(?![.\s])[^/\\:*?"<>|\p{Cc}]+(?<![.\s])$/u);
        expect(cleanName(name)).toBe(name);
      }),
      { numRuns: 200 },
    );
  });
});
