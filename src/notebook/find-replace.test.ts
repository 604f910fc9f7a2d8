/** D11: find and replace in a source. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replaceText } from './find-replace.ts';

describe('find and replace', () => {
  it.each([
    ['a = 1', '1', '2', 'a = 2'],
    ['a.*b', '.*', '$&$1\\n', 'a$&$1\\nb'],
    ['x', 'x', '', ''],
    ['größe = "\u{1f600}"', '\u{1f600}', '\u{1f601}', 'größe = "\u{1f601}"'],
    ['a\n  b\n', '\n  b', '', 'a\n'],
  ])('takes %j, %j, %j literally', (source, find, replacement, expected) => {
    expect(replaceText(source, find, replacement, { all: false })).toBe(expected);
  });

  it('replaces all when it is told to', () => {
    expect(replaceText('aXbXc', 'X', 'XX', { all: true })).toBe('aXXbXXc');
  });

  it.each([
    ['an empty needle', 'abc', '', 'empty'],
    ['no match', 'abc', 'x', 'not in the cell'],
    ['another case', 'abc', 'A', 'not in the cell'],
    ['several matches', 'aXbXcX', 'X', '3 times'],
  ])('refuses %s', (_, source, find, reason) => {
    const run = (): string => replaceText(source, find, 'y', { all: false });
    expect(run).toThrowError(
      expect.objectContaining({ code: 'cell/no-match', hint: expect.any(String) }),
    );
    expect(run).toThrowError(reason);
  });

  it('leaves everything around the match', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, text, (before, after, replacement) => {
        fc.pre(!before.includes('<') && !after.includes('<'));
        expect(
          replaceText(`${before}<needle>${after}`, '<needle>', replacement, { all: false }),
        ).toBe(before + replacement + after);
      }),
    );
  });
});
