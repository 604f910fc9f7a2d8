import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, lfsSizeOf, notebookToMarkdown, windowOfLines } from './file-text.ts';
import {
  decodeCursor,
  encodeCursor,
  fenced,
  renderList,
  shorten,
  windowOf,
} from './paged-answer.ts';

const isWellFormed = (text: string): boolean => text.isWellFormed();

describe('2.5: texts', () => {
  it('are cut within their length and never inside of a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, chars) => {
        const cut = shorten(text, chars);
        expect(cut.length).toBeLessThanOrEqual(Math.max(chars, 1));
        expect(isWellFormed(cut)).toBe(isWellFormed(text));
      }),
    );
  });

  it('in windows lead to their end, and nothing is lost between them', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 3000 }),
        fc.integer({ min: 200, max: 600 }),
        (text, chars) => {
          let whole = '';
          for (let offset = 0; ;) {
            const { position } = windowOf(text, offset, chars);
            const next = /offset=(\d+)\]$/.exec(position)?.[1];
            const end = next === undefined ? text.length : Number(next);
            whole += text.slice(offset, end);
            expect(isWellFormed(text.slice(offset, end))).toBe(true);
            if (next === undefined) break;
            expect(end).toBeGreaterThan(offset);
            offset = end;
          }
          expect(whole).toBe(text);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('stand in a fence that is longer than any inside', () => {
    expect(fenced('a', 'py')).toBe('```py\na\n```');
    expect(fenced('````\nb\n````')).toBe('`````\n````\nb\n````\n`````');
  });
});

describe('2.5: lists', () => {
  const list = (items: readonly string[], budget: number, more: object = {}) =>
    renderList(
      {
        head: ['# Head'],
        items,
        offset: 0,
        hasMore: false,
        cursorAfter: (shown) => `c${shown}`,
        ...more,
      },
      budget,
    );

  it('say nothing of pages when all is shown', () => {
    expect(list(['1. a', '2. b'], 1000)).toBe('# Head\n\n1. a\n2. b');
    expect(list([], 1000)).toBe('# Head\n\n(nothing found)');
  });

  it('keep to the budget, and name what is shown, the total and the next call', () => {
    const items = Array.from({ length: 50 }, (_, n) => `${n + 1}. ${'x'.repeat(100)}`);
    const text = list(items, 1000, { total: 1234, next: 'do(it)', notes: ['a note'] });
    expect(text.length).toBeLessThanOrEqual(1000);
    const shown = text.match(/^\d+\. /gm)?.length ?? 0;
    expect(text.split('\n').slice(-2)).toEqual([
      'Next: do(it)',
      `[1–${shown} of 1,234 items · more: cursor=c${shown}]`,
    ]);
    expect(text).toContain('Note: a note');
  });

  it('show at least one item, shortened', () => {
    const text = list(['x'.repeat(5000), 'y'], 1000);
    expect(text.length).toBeLessThanOrEqual(1000);
    expect(text).toMatch(/x…\n\[1–1 of 2 items · more: cursor=c1\]$/);
  });
});

describe('2.5: cursors', () => {
  it('come back as they were, for the same kind only', () => {
    const cursor = encodeCursor('list of a', ['token/+?', 7]);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(decodeCursor('list of a', ` ${cursor} `)).toEqual(['token/+?', 7]);
    for (const [kind, text] of [
      ['list of b', cursor],
      ['list of a', 'x'],
      ['list of a', ''],
      ['list of a', 'bnVsbA'],
    ] as const)
      expect(() => decodeCursor(kind, text)).toThrow(/does not continue this call/);
  });
});

describe('files', () => {
  it('are shown in whole lines', () => {
    const text = Array.from({ length: 500 }, (_, n) => `line ${n + 1}`).join('\r\n');
    expect(windowOfLines(text, {}, 100_000)).toMatchObject({
      range: 'lines 1–300 of 500',
      nextLine: 301,
    });
    expect(windowOfLines(text, { start: 499 }, 1000)).toEqual({
      text: 'line 499\nline 500',
      range: 'lines 499–500 of 500',
      nextLine: undefined,
    });
    expect(windowOfLines(text, { start: 1, end: 100 }, 300).text.length).toBeLessThanOrEqual(300);
    expect(windowOfLines('', {}, 100).range).toBe('lines 1–1 of 1');
  });

  it('are text, or not', () => {
    expect(decodeText(Buffer.from('häh'))).toBe('häh');
    expect(decodeText(Buffer.from([0x61, 0, 0x62]))).toBeUndefined();
    expect(decodeText(Buffer.from([0xff, 0xfe, 0x41]))).toBeUndefined();
    expect(lfsSizeOf('version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 12\n')).toBe(
      12,
    );
    expect(lfsSizeOf('version 1')).toBeUndefined();
  });

  it('that are notebooks are their cells; what is none is told apart', () => {
    expect(
      notebookToMarkdown('{"cells": [{"cell_type": "code", "source": ["a\\n", "b"]}]}')?.text,
    ).toBe('```python\na\nb\n```');
    const tagged = (tag: string): string =>
      `{"cells": [{"cell_type": "code", "source": "a", "metadata": {"tags": ["${tag}"]}}]}`;
    for (const tag of ['hide', 'hidden', 'remove', 'hide-input', 'remove_cell'])
      expect(notebookToMarkdown(tagged(tag))?.note).toContain('without 1 that are tagged');
    for (const tag of ['hide-output', 'remove_output', 'hideous', 'x'])
      expect(notebookToMarkdown(tagged(tag))?.text).toContain('a');
    for (const text of ['', '[]', '{"cells": 3}', '{broken'])
      expect(notebookToMarkdown(text)).toBeUndefined();
  });
});
