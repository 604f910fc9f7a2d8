import { describe, expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { JUPYTER_STYLE, renderJson, type JsonStyle } from './json-style.ts';
import { isLong, renderLongText } from './long-text.ts';
import { splitLines } from './output-json.ts';

const STYLES: readonly (readonly [string, JsonStyle])[] = [
  ['as Jupyter writes it', JUPYTER_STYLE],
  ['with Windows line ends', { ...JUPYTER_STYLE, newline: '\r\n', indent: '  ' }],
  ['without indentation', { ...JUPYTER_STYLE, indent: '' }],
  ['with a deep indentation', { ...JUPYTER_STYLE, indent: ' '.repeat(12) }],
  ['on one line with blanks', { ...JUPYTER_STYLE, newline: '', indent: '' }],
  ['on one line without blanks', { ...JUPYTER_STYLE, newline: '', indent: '', spaced: false }],
  ['in ASCII', { ...JUPYTER_STYLE, asciiOnly: true }],
];

const TEXTS: readonly (readonly [string, string])[] = [
  ['short lines', 'loss 0.25\n'.repeat(40_000)],
  ['no line end at its end', `${'a "quoted" \\ line\n'.repeat(20_000)}rest`],
  ['one endless line', 'x'.repeat(300_000)],
  ['letters of every size', 'naïve 漢字 😀\t\u0007\r\n\u2028 next\r'.repeat(20_000)],
  ['nothing but line ends', '\n'.repeat(200_000)],
];

describe.each(STYLES)('a long text %s', (_, style) => {
  it.each(TEXTS)('with %s is the same in pieces and as a whole', (_name, text) => {
    expect(isLong([text])).toBe(true);
    const whole = renderJson(splitLines(text), style, 3);
    expect([...renderLongText([text], style, 3)].join('')).toBe(whole);
    const half = text.indexOf('\n', text.length / 2) + 1;
    const pieces = [text.slice(0, half), text.slice(half)];
    expect([...renderLongText(pieces, style, 3)].join('')).toBe(whole);
  });
});

it('bytes are joined in order however much more comes than was expected', () => {
  const writer = new ByteWriter(3);
  const parts = ['ab', Buffer.from('cde'), 'ü😀'.repeat(100), Buffer.alloc(0), '', 'end'];
  for (const part of parts) writer.write(part);
  const expected = Buffer.concat(parts.map((part) => Buffer.from(part)));
  expect(writer.length).toBe(expected.length);
  expect(writer.finish().equals(expected)).toBe(true);
});
