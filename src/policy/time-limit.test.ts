import { expect, it } from 'vitest';
import { parseTimeLimitS } from './time-limit.ts';

it.each([
  ['30m', 1800],
  ['1.5h', 5400],
  [90, 90],
  ['3600', 3600],
  ['1d', 86_400],
  ['1h30m', 5400],
  ['1h 30m', 5400],
  ['2d4h', 187_200],
  ['0.5s', 1],
  [' 2H ', 7200],
  [undefined, 1800],
  [null, 1800],
  [' ', 1800],
] as const)('11.3: %j is %i s', (text, seconds) => expect(parseTimeLimitS(text)).toBe(seconds));

it.each([
  '0',
  0,
  '-5m',
  -1,
  true,
  Number.NaN,
  '1h30',
  '30m1h',
  '1h1h',
  '5x',
  'abc',
  [''],
  '1e3h',
  '1e9',
  {},
  '0s',
])('11.3: %j is refused', (value) =>
  expect(() => parseTimeLimitS(value)).toThrow(
    expect.objectContaining({ code: 'input/invalid', hint: expect.stringContaining('1h30m') }),
  ),
);
