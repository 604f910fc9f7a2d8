/** The corpus of edits: what is found, what is refused, and that nothing else of the file changes. */
import { describe, expect, it } from 'vitest';
import { editText, type EditRequest } from './edit-text.ts';

const edit = (
  content: string,
  oldText: string,
  newText: string,
  more: Partial<EditRequest> = {},
): ReturnType<typeof editText> =>
  editText(content, { oldText, newText, replaceAll: false, mode: 'replace', ...more }, 'f.py');

const failure = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('it should have been refused');
};

const cases: readonly (readonly [
  name: string,
  content: string,
  oldText: string,
  newText: string,
  expected: string,
  how: string,
])[] = [
  ['part of a line', 'a = 1\nb = 2\n', '= 2', '= 3', 'a = 1\nb = 3\n', 'exact'],
  ['no line end at the end', 'a\nb', 'b', 'c', 'a\nc', 'exact'],
  ['CRLF stays', 'a\r\nb\r\nc\r\n', 'a\nb', 'x\ny', 'x\r\ny\r\nc\r\n', 'exact'],
  ['CRLF in the request', 'a\nb\n', 'a\r\nb\r\n', 'x\r\n', 'x\n', 'exact'],
  ['mixed: only the edited lines', 'a\nb\r\nc\n', 'b', 'x\ny', 'a\nx\r\ny\r\nc\n', 'exact'],
  ['mixed: a unix line', 'a\nb\r\nc\r\n', 'a', 'x\ny', 'x\ny\nb\r\nc\r\n', 'exact'],
  ['BOM stays, exact', '\ufeffa\nb\n', 'a\n', 'x\n', '\ufeffx\nb\n', 'exact'],
  ['BOM stays, relaxed', '\ufeff  a\nb\n', 'a\nb', 'x\ny', '\ufeff  x\ny\n', 'refused'],
  [
    'blanks at the end',
    'a  \nb\t\n',
    'a\nb',
    'x\ny',
    'x\ny\n',
    'blanks at line ends ignored, line 1',
  ],
  ['blanks in the request', 'a\nb\n', 'a \nb ', 'x', 'x\n', 'blanks at line ends ignored, line 1'],
  [
    'deeper in the file',
    'class A:\n    def f(self):\n        return 1\n',
    'def f(self):\n    return 1\n',
    'def f(self):\n    x = 2\n\n    return x\n',
    'class A:\n    def f(self):\n        x = 2\n\n        return x\n',
    'indentation ignored, line 2',
  ],
  [
    'less deep in the file',
    'def f():\n  return 1\n',
    '    def f():\n      return 1',
    '    def g():\n      return 2',
    'def g():\n  return 2\n',
    'indentation ignored, line 1',
  ],
  [
    'tabs in the file',
    'if a:\n\tif b:\n\t\tc()\n',
    '    if b:\n        c()',
    '    if d:\n        e()\n        f()',
    'if a:\n\tif d:\n\t\te()\n\t\tf()\n',
    'indentation ignored, line 2',
  ],
  [
    'spaces in the file',
    'if a:\n  if b:\n    c()\n',
    '\tif b:\n\t\tc()',
    '\tif d:\n\t\te()',
    'if a:\n  if d:\n    e()\n',
    'indentation ignored, line 2',
  ],
  ['dashes', 'a \u2013 b\n', 'a - b', 'c', 'c\n', 'typography ignored, line 1'],
  ['quotes', 's = \u201cx\u2019\n', `s = "x'`, 't', 't\n', 'typography ignored, line 1'],
  ['no-break space', 'a\u00a0b\n', 'a b', 'c', 'c\n', 'typography ignored, line 1'],
  [
    'zero width characters shift nothing',
    '\u200b\u200b\u200b\nfirst\n\u200bsec\u200bond\nthird\n',
    'second',
    '2',
    '\u200b\u200b\u200b\nfirst\n2\nthird\n',
    'typography ignored, line 3',
  ],
  [
    'last line without end',
    'a \nb',
    'a\nb\n',
    'x\ny\n',
    'x\ny',
    'blanks at line ends ignored, line 1',
  ],
  ['a line goes', 'a\nb \nc\n', 'b\n', '', 'a\nc\n', 'blanks at line ends ignored, line 2'],
  ['emoji before it', '\u{1f600}\r\na\r\n', 'a', 'b', '\u{1f600}\r\nb\r\n', 'exact'],
  ['dollar signs', 'a\n', 'a', "$& $1 $$ $'", "$& $1 $$ $'\n", 'exact'],
];

describe('finds and changes', () => {
  it.each(cases.filter(([, , , , , how]) => how !== 'refused'))(
    '%s',
    (_, content, oldText, newText, expected, how) => {
      const edited = edit(content, oldText, newText);
      expect(edited.content).toBe(expected);
      expect(edited.how).toBe(how);
      expect(edited.before).toBe(content.replace('\ufeff', '').replaceAll('\r\n', '\n'));
      expect(edited.after).toBe(expected.replace('\ufeff', '').replaceAll('\r\n', '\n'));
    },
  );

  it('all of them, when asked', () => {
    const edited = edit('a a\r\na\r\n', 'a', 'b\nc', { replaceAll: true });
    expect(edited.content).toBe('b\r\nc b\r\nc\r\nb\r\nc\r\n');
    expect(edited.how).toBe('exact, 3 places');
  });

  it.each([
    ['append_after', 'b', 'x', 'a\nb\nx\nc\n'],
    ['append_after', 'b\n', 'x', 'a\nb\nx\nc\n'],
    ['append_after', 'b\n', 'x\n', 'a\nb\nx\nc\n'],
    ['prepend_before', 'b', 'x', 'a\nx\nb\nc\n'],
    ['prepend_before', 'b\n', 'x\n', 'a\nx\nb\nc\n'],
  ] as const)('%s whole lines %j', (mode, oldText, newText, expected) => {
    expect(edit('a\nb\nc\n', oldText, newText, { mode }).content).toBe(expected);
  });

  it('beside a part of a line', () => {
    expect(edit('f(a)\n', 'a', ', b', { mode: 'append_after' }).content).toBe('f(a, b)\n');
    expect(edit('f(a)\n', 'a', 'b, ', { mode: 'prepend_before' }).content).toBe('f(b, a)\n');
  });

  it('after the last line that has no end', () => {
    expect(edit('a\nb', 'b', 'c\n', { mode: 'append_after' }).content).toBe('a\nb\nc');
  });
});

describe('refuses', () => {
  it.each([
    ['several exact matches', 'a\nb\na\n', 'a', 'x', {}, 'old_str is there 2 times: lines 1, 3.'],
    ['two relaxed candidates', ' a\nb\n\ta\n', 'a \n', 'x', {}, 'there 2 times, at lines 1, 3.'],
    [
      'candidates of different passes',
      '\ta \nb\n  a\nb\n',
      '\ta\nb',
      'x',
      {},
      'there 2 times, at lines 1, 3.',
    ],
    [
      'a fragment that fits only part of a line',
      'x = a \u2013 b\n',
      'a - b',
      'c',
      {},
      'not in the file',
    ],
    ['what is not there', 'a\nb\n', 'a\nc', 'x', {}, 'Its first line is in line 1, but'],
    ['an empty old_str', 'a\n', '', 'x', {}, 'old_str is empty'],
    ['no change', 'a\n', 'a', 'a', {}, 'would change nothing'],
    ['nothing to insert', 'a\n', 'a', '', { mode: 'append_after' }, 'would change nothing'],
    ['replace_all without an exact match', 'a \nb\n', 'a\nb', 'x', { replaceAll: true }, 'exactly'],
    ['blank lines alone', 'a\n \n', '\n\n', 'x', {}, 'not in the file'],
    [
      'lines that disagree about the indentation',
      '  a\n b\n',
      'a\n  b',
      'x',
      {},
      'not by the same amount',
    ],
    [
      'an indentation that the new text does not have',
      'a\n  b\n',
      '  a\n    b',
      'x',
      {},
      'not by the same amount',
    ],
  ] as const)('%s', (_, content, oldText, newText, more, message) => {
    expect(failure(() => edit(content, oldText, newText, more))).toContain(message);
  });
});
