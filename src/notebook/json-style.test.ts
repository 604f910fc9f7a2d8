/** JSON written in the layout of its file, and the one member that changes in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRecord } from '#core/json.ts';
import { byCodePoint, detectStyle, JUPYTER_STYLE, renderJson, setMember } from './json-style.ts';

const style = (text: string) => detectStyle(Buffer.from(text), 0);

describe('the layout of a file', () => {
  it.each([
    ['{\n "a": 1\n}', { newline: '\n', indent: ' ' }],
    ['{\n    "a": 1\n}', { newline: '\n', indent: '    ' }],
    ['{\r\n\t"a": 1\r\n}', { newline: '\r\n', indent: '\t' }],
    ['{\n"a": 1\n}', { newline: '\n', indent: '' }],
    ['{"a": 1, "b": 2}', { newline: '', spaced: true }],
    ['{"a":1,"b":2}', { newline: '', spaced: false }],
    ['{}', JUPYTER_STYLE],
    ['{"a": "\\u00e9"}', { asciiOnly: true }],
    ['{"a": "\\u001b[0m"}', { asciiOnly: false }],
    ['{"a": "\\\\u00e9"}', { asciiOnly: false }],
    ['{"a": "\\u00e9 é"}', { asciiOnly: false }],
  ])('of %j is seen', (text, expected) => {
    expect(style(text)).toMatchObject(expected);
  });

  it.each([
    ['{\n  "x": 1\n}', '{\n    "a": [\n      1,\n      {}\n    ],\n    "b": "é"\n  }'],
    ['{"x": 1}', '{"a": [1, {}], "b": "é"}'],
    ['{"x":1}', '{"a":[1,{}],"b":"é"}'],
    ['{"x":"\\u00e8"}', '{"a":[1,{}],"b":"\\u00e9"}'],
    [
      '{\r\n\t"x": 1\r\n}',
      '{\r\n\t\t"a": [\r\n\t\t\t1,\r\n\t\t\t{}\r\n\t\t],\r\n\t\t"b": "é"\r\n\t}',
    ],
  ])('of %j is used for new JSON', (file, expected) => {
    expect(renderJson({ b: 'é', a: [1, {}] }, style(file), 1)).toBe(expected);
  });

  it('changes no value, whatever is in it', () => {
    const layouts = [
      '{\n "x": 1\n}',
      '{"x": 1}',
      '{"x":1}',
      '{"x":"\\u00e8"}',
      '{\r\n\t"x": 1\r\n}',
    ];
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(...layouts),
        fc.nat(4),
        (value, layout, depth) => {
          const plain: unknown = JSON.parse(JSON.stringify(value));
          expect(JSON.parse(renderJson(plain, style(layout), depth))).toEqual(plain);
        },
      ),
    );
  });

  it('sorts keys as Python does, also beyond the basic plane', () => {
    const keys = ['\u{1f600}', '\uffee', 'b', 'a', 'ab', 'é'];
    expect(keys.toSorted(byCodePoint)).toEqual(['a', 'ab', 'b', 'é', '\uffee', '\u{1f600}']);
  });
});

describe('setting a member', () => {
  const set = (object: string, key: string, value: string): string =>
    setMember(Buffer.from(object), key, Buffer.from(value), style(object), 0).toString();

  it.each([
    ['replaces the value only', '{ "a" : 1.0 , "b":\n2 }', 'b', '3', '{ "a" : 1.0 , "b":\n3 }'],
    ['takes the last of two of one name', '{"a":1,"a":2}', 'a', '3', '{"a":1,"a":3}'],
    [
      'puts a new one in order',
      '{\n "a": 1,\n "c": 2\n}',
      'b',
      '0',
      '{\n "a": 1,\n "b": 0,\n "c": 2\n}',
    ],
    ['puts it first', '{\n "b": 1\n}', 'a', '0', '{\n "a": 0,\n "b": 1\n}'],
    ['puts it last', '{\n "b": 1\n}', 'c', '0', '{\n "b": 1,\n "c": 0\n}'],
    [
      'puts it last where there is no order',
      '{"b": 1, "a": 2}',
      'c',
      '0',
      '{"b": 1, "a": 2, "c": 0}',
    ],
    ['keeps one line spaced', '{"b": 1}', 'a', '0', '{"a": 0, "b": 1}'],
    ['keeps one line tight', '{"b":1}', 'c', '0', '{"b":1,"c":0}'],
    ['fills an empty one', '{}', 'a', '0', '{\n "a": 0\n}'],
    ['reads escaped keys', '{"\\u0061": 1}', 'a', '0', '{"\\u0061": 0}'],
    [
      'is not misled by text',
      '{"x": "\\"a\\": 1, }{][", "a": 1}',
      'a',
      '0',
      '{"x": "\\"a\\": 1, }{][", "a": 0}',
    ],
  ])('%s', (_, object, key, value, expected) => {
    expect(set(object, key, value)).toBe(expected);
  });

  it('leaves all others as they were', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(
        object,
        fc.string(),
        fc.jsonValue(),
        fc.constantFrom(0, 1, 3, '\t'),
        (before, key, value, indent) => {
          const text = JSON.stringify(before, undefined, indent);
          const plain: unknown = JSON.parse(text);
          const after: unknown = JSON.parse(set(text, key, JSON.stringify(value)));
          const others = isRecord(plain)
            ? Object.entries(plain).filter(([name]) => name !== key)
            : [];
          expect(after).toEqual(
            Object.fromEntries([...others, [key, JSON.parse(JSON.stringify(value))]]),
          );
        },
      ),
    );
  });
});
