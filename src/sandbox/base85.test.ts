import { expect, it } from 'vitest';
import { toBase85 } from './base85.ts';

it.each([
  ['', ''],
  ['a', 'VE'],
  ['ab', 'VPX'],
  ['abc', 'VPaz'],
  ['abcd', 'VPa!s'],
])('writes %j as Python does', (text, expected) => {
  expect(toBase85(Buffer.from(text))).toBe(expected);
});

it('writes the largest and the smallest values', () => {
  const bytes = Buffer.from([250, 251, 252, 253, 254, 255, 0, 0, 0]);
  expect(toBase85(bytes)).toBe('`uqI-{{H{~00');
});
