/** Ignoring as git does it; git itself was asked for every row. */
import { describe, expect, it } from 'vitest';
import { NO_RULES } from './gitignore.ts';

const RULES = NO_RULES.with(
  '',
  [
    '# comment',
    '*.log',
    '!keep.log',
    '/top.txt',
    'build/',
    'a/**/z',
    'docs/*.md',
    '**/cache',
    'data/**',
    String.raw`\#odd`,
    'x?y',
    '[ab].bin',
    '[!ab].dat',
    'blank\\ ',
    'end   ',
  ].join('\n'),
).with('sub', '/own\n!*.log\n');

describe('gitignore', () => {
  it.each([
    ['error.log', false, true],
    ['deep/error.log', false, true],
    ['keep.log', false, false],
    ['sub/error.log', false, false],
    ['top.txt', false, true],
    ['deep/top.txt', false, false],
    ['build', true, true],
    ['build', false, false],
    ['deep/build', true, true],
    ['a/z', false, true],
    ['a/b/c/z', false, true],
    ['b/a/z', false, false],
    ['docs/a.md', false, true],
    ['docs/deep/a.md', false, false],
    ['cache', true, true],
    ['deep/cache', false, true],
    ['data/x', false, true],
    ['data', true, false],
    ['#odd', false, true],
    ['xay', false, true],
    ['x/y', false, false],
    ['a.bin', false, true],
    ['c.bin', false, false],
    ['c.dat', false, true],
    ['a.dat', false, false],
    ['blank ', false, true],
    ['end', false, true],
    ['sub/own', false, true],
    ['own', false, false],
    ['sub/deep/own', false, false],
  ])('%s (folder: %s) is ignored: %s', (name, isFolder, expected) => {
    expect(RULES.ignores(name, isFolder)).toBe(expected);
  });
});
