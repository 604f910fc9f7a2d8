/** Shortened output: beginning and end, whole lines, whole characters, no terminal codes. */
import { expect, it } from 'vitest';
import { headAndTail } from './head-and-tail.ts';

it('leaves what fits', () => {
  expect(headAndTail('a\nb', 10)).toEqual({ text: 'a\nb' });
});

it('takes out terminal codes before it counts', () => {
  expect(headAndTail('\u001b[31mred\u001b[0m', 3)).toEqual({ text: 'red' });
});

it('shows a quarter of beginning and the rest of end, in whole lines', () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join('');
  const { text, cut } = headAndTail(lines, 1000);
  expect(text).toMatch(/^line 0\n[^]*\n\[\.\.\. [\d,]+ characters left out \.\.\.\]\nline \d+\n/);
  expect(text.endsWith('line 999\n')).toBe(true);
  expect(cut?.totalChars).toBe(lines.length);
  expect(cut?.headChars).toBeLessThanOrEqual(250);
  expect(cut?.tailChars).toBeLessThanOrEqual(750);
});

it('never cuts a character in two', () => {
  const text = '\u{1f600}'.repeat(3000);
  for (const max of [997, 998, 999, 1000]) {
    expect(headAndTail(text, max).text.isWellFormed?.() ?? true).toBe(true);
    expect(headAndTail(text, max).text).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  }
});
