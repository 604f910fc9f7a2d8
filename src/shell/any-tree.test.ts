import { describe, expect, it } from 'vitest';
import { placeBelow } from './any-tree.ts';

describe('a name that a sandbox gives', () => {
  it('stays below the folder', () => {
    expect(placeBelow('/home/me/back', 'a/b.txt')).toBe('/home/me/back/a/b.txt');
    expect(placeBelow('/home/me/back.txt', '')).toBe('/home/me/back.txt');
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a\\..\\b', 'a\0b'])(
    '%j is refused',
    (name) => {
      expect(() => placeBelow('/home/me/back', name)).toThrow('would lie outside');
    },
  );
});
